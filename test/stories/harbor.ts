/**
 * A whole small fleet on loopback: the real service, the real gateway over TLS 1.3, the shipped device
 * code over mutual-TLS MQTT, an observer of its own, and a clock that can be moved on.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, connectAsync, type MqttClient } from "mqtt";
import { type Gateway, startGateway } from "../../broker/main.js";
import type { GatewayEvent } from "../../broker/events.js";
import { FileKeyStore } from "../../device/adapters/file-key-store.js";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import { MqttTransport } from "../../device/adapters/mqtt-transport.js";
import { beBorn } from "../../device/birth.js";
import { createDevice, type Device, type DeviceEvent } from "../../device/main.js";
import type { DeviceStore, KeyStore, Transport } from "../../device/ports.js";
import { Radio } from "../../simulators/voyage/radio.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import type { FleetEvent } from "../../fleet/events.js";
import { FLEET_KEY_NAMES, type FleetKeys } from "../../fleet/fleet-keys.js";
import { certifyService, frontDoor } from "../../fleet/front-door.js";
import type { FleetLink } from "../../fleet/link.js";
import { DEFAULT_POLICY, type FleetPolicy } from "../../fleet/policy.js";
import { FleetService } from "../../fleet/service.js";
import { embeddedStation } from "../../fleet/station/embedded.js";
import type { Station } from "../../fleet/station/station.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import type { Algorithm, Signer } from "../../protocol/crypto.js";
import type { Level } from "../../protocol/level.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";

export const entropy = (size: number): Uint8Array => new Uint8Array(randomBytes(size));
export const DAY_MS = 86_400_000;
/** A condition that is not met by then fails with its own words, well before the test runner gives up. */
const PATIENCE_MS = Number(process.env["DAYMARK_TEST_PATIENCE_MS"] ?? 15_000);

/** A key whose private half stays in this closure. */
export function softSigner(algorithm: Algorithm = "ES256"): Signer {
  const key = nodeCrypto.generate(algorithm, entropy);
  return { publicKey: nodeCrypto.publicKey(key), sign: (message) => nodeCrypto.sign(key, message) };
}

export function softFleetKeys(): FleetKeys {
  return Object.fromEntries(FLEET_KEY_NAMES.map((name) => [name, softSigner()])) as unknown as FleetKeys;
}

export interface AppMessage {
  readonly number: number;
  readonly topic: string;
  readonly text: string;
}

/** A device's own disk and what was seen of it; `run` starts the shipped code on it. */
export interface Aboard {
  readonly number: number;
  readonly folder: string;
  readonly store: DeviceStore;
  readonly keys: KeyStore;
  readonly events: DeviceEvent[];
  device?: Device;
  radio?: Radio;
}

export interface HarborOptions {
  readonly policy?: Partial<FleetPolicy>;
  /** Puts something between gateway and fleet: a gateway that lies. */
  readonly tamper?: (link: FleetLink) => FleetLink;
  readonly algorithm?: Algorithm;
}

export interface StartChanges {
  readonly port?: number;
  readonly store?: DeviceStore;
  /** Something between the device and its radio. */
  readonly wrap?: (radio: Radio) => Transport;
}

export class Harbor {
  readonly clock = new JumpClock();
  readonly events: FleetEvent[] = [];
  readonly gatewayEvents: GatewayEvent[] = [];
  /** What an independent MQTT client saw of the fleet's applications. */
  readonly seen: AppMessage[] = [];
  readonly keys: FleetKeys;
  service!: FleetService;
  station!: Station;
  gateway!: Gateway;
  readonly #options: HarborOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "daymark-harbor-"));
  readonly #aboard: Aboard[] = [];
  #observer: MqttClient | undefined;

  private constructor(options: HarborOptions) {
    this.#options = options;
    this.keys = softFleetKeys();
  }

  static async open(options: HarborOptions = {}): Promise<Harbor> {
    const harbor = new Harbor(options);
    const policy = { ...DEFAULT_POLICY, ...options.policy };
    const log = new MemoryEventLog();
    const { clock, keys } = harbor;
    harbor.service = await FleetService.open({
      log,
      keys,
      crypto: nodeCrypto,
      entropy,
      clock,
      policy,
      name: "harbor",
    });
    harbor.service.onEvent((event) => harbor.events.push(event));
    harbor.station = await embeddedStation(harbor.service);
    await harbor.#openGateway();
    await harbor.observe();
    return harbor;
  }

  async #openGateway(): Promise<void> {
    const { tamper = (link: FleetLink) => link } = this.#options;
    this.gateway = await startGateway({
      link: tamper(frontDoor(this.service)),
      clock: this.clock,
      crypto: nodeCrypto,
      entropy,
      port: 0,
      onEvent: (event) => this.gatewayEvents.push(event),
    });
  }

  /** An ordinary MQTT client with a certificate of its own watches all application topics. */
  async observe(): Promise<void> {
    await this.#observer?.endAsync(true);
    const key = nodeCrypto.generate("ES256", entropy);
    const chain = await certifyService(this.service, nodeCrypto.publicKey(key));
    const observer = connect({
      host: "127.0.0.1",
      port: this.gateway.port,
      protocol: "mqtts",
      cert: certificatesToPem(...chain),
      key: privateKeyObject(key).export({ type: "pkcs8", format: "pem" }).toString(),
      rejectUnauthorized: false,
      clientId: "observer",
      protocolVersion: 4,
    });
    this.#observer = observer;
    observer.on("message", (topic, payload) => {
      const [, number = "", ...rest] = topic.split("/");
      this.seen.push({ number: Number(number), topic: rest.join("/"), text: payload.toString() });
    });
    await new Promise((done) => observer.once("connect", done));
    await observer.subscribeAsync("app/#", { qos: 1 });
  }

  /** Gives a new device its birth; it is not running yet. */
  async bear(hardwareId: string = Buffer.from(entropy(8)).toString("hex")): Promise<Aboard> {
    const folder = join(this.#folder, `device-${this.#aboard.length + 1}`);
    const store = new LowdbDeviceStore(join(folder, "state"));
    const keys = new FileKeyStore(join(folder, "keys"), nodeCrypto, entropy);
    const { algorithm = "ES256" } = this.#options;
    const birth = {
      hardwareId: new TextEncoder().encode(hardwareId),
      model: "camera",
      algorithm,
      store,
      keys,
      crypto: nodeCrypto,
    };
    const { number } = await beBorn(birth, (message) => this.station.receive(message));
    const aboard: Aboard = { number, folder, store, keys, events: [] };
    this.#aboard.push(aboard);
    return aboard;
  }

  /** Starts the shipped device code on what is on the device's disk. */
  async start(aboard: Aboard, changes: StartChanges = {}): Promise<Device> {
    const { port = this.gateway.port, store = aboard.store } = changes;
    const radio = new Radio(new MqttTransport({ host: "127.0.0.1", port }));
    const device = await createDevice({
      store,
      keys: aboard.keys,
      transport: changes.wrap?.(radio) ?? radio,
      clock: this.clock,
      crypto: nodeCrypto,
      entropy,
      algorithm: this.#options.algorithm ?? "ES256",
      backoff: { firstMs: 20, longestMs: 200 },
    });
    device.onEvent((event) => aboard.events.push(event));
    Object.assign(aboard, { device, radio });
    return device;
  }

  /** A plain MQTT client with a device's own key and certificate, and none of its firmware. */
  async withoutFirmware(aboard: Required<Aboard>): Promise<MqttClient> {
    const { chain, key } = aboard.device.tlsIdentity;
    await aboard.device.close();
    return connectAsync({
      host: "127.0.0.1",
      port: this.gateway.port,
      protocol: "mqtts",
      cert: certificatesToPem(...chain),
      key: await aboard.keys.tlsKey(key),
      rejectUnauthorized: false,
      clientId: String(aboard.number),
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
  }

  async stop(aboard: Aboard): Promise<void> {
    await aboard.device?.close();
    delete aboard.device;
  }

  /** Born, enrolled, synced and speaking. */
  async working(): Promise<Required<Aboard>> {
    const aboard = await this.bear();
    await this.start(aboard);
    await this.speaking(aboard);
    return aboard as Required<Aboard>;
  }

  async speaking(aboard: Aboard): Promise<void> {
    let taken = false;
    void device(aboard)
      .publish("hello", new TextEncoder().encode("I may speak"))
      .then(() => (taken = true));
    await until(() => taken, `device ${aboard.number} may speak`);
  }

  /** Days pass one by one, for every machine that stays powered. */
  async passDays(days: number): Promise<void> {
    for (let day = 0; day < days; day++) {
      this.clock.advance(DAY_MS);
      await new Promise((done) => setTimeout(done, 2)); // machines do what became due on that day
    }
    await this.observe(); // the observer's certificate lasts 90 days
  }

  /** One operator raises. */
  async hold(numbers: readonly number[], level: Level, reason = "reported stolen"): Promise<void> {
    const { id, refusal } = await this.service.act({ kind: "hold", numbers, level, reason }, "admin");
    if (refusal) throw new Error(`${refusal.code}: ${refusal.text}`);
    if (this.service.view.acts.get(id)?.expiresAt !== undefined) await this.#approve(id);
  }

  /** Two operators lower. */
  async release(numbers: readonly number[], level: Level = "none", reason = "found again"): Promise<void> {
    const { id, refusal } = await this.service.act({ kind: "release", numbers, level, reason }, "admin");
    if (refusal) throw new Error(`${refusal.code}: ${refusal.text}`);
    await this.#approve(id);
  }

  async #approve(id: string): Promise<void> {
    const pending = this.service.view.acts.get(id);
    if (!pending) throw new Error("no such request");
    const { refusal } = await this.service.approve(id, this.service.actDigest(pending.act), "approver");
    if (refusal) throw new Error(`${refusal.code}: ${refusal.text}`);
  }

  /** Application messages of a device that the observer received, hellos left out. */
  messagesFrom({ number }: Aboard): readonly string[] {
    return this.seen
      .filter((message) => message.number === number && message.topic !== "hello")
      .map(({ text }) => text);
  }

  async close(): Promise<void> {
    await Promise.all(this.#aboard.map((aboard) => this.stop(aboard)));
    await this.#observer?.endAsync(true);
    await this.gateway.close();
    await this.service.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function device(aboard: Aboard): Device {
  if (!aboard.device) throw new Error("this device is switched off");
  return aboard.device;
}

/** Resolves once the condition holds. @throws with `what` when it does not come about. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`it never came about that ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
