/**
 * A whole small fleet on loopback: the real service, real gateways over TLS 1.3, the shipped device code over
 * mutual-TLS MQTT, an observer of its own, and a clock that can be moved on.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MqttClient } from "mqtt";
import type { Gateway } from "../../broker/main.js";
import type { GatewayEvent, SessionInfo } from "../../broker/events.js";
import type { Device } from "../../device/main.js";
import type { PeerPolicy } from "../../device/peers.js";
import type { Act, FleetEvent } from "../../fleet/events.js";
import type { FleetKeys, SomeKeys } from "../../fleet/fleet-keys.js";
import type { FleetLink } from "../../fleet/link.js";
import { DEFAULT_POLICY, type FleetPolicy } from "../../fleet/policy.js";
import type { LogRecord, Position } from "../../fleet/ports.js";
import type { FleetService } from "../../fleet/service.js";
import { embeddedStation } from "../../fleet/station/embedded.js";
import type { Station } from "../../fleet/station/station.js";
import { TOKEN_SECRET_BYTES } from "../../fleet/sync-tokens.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Algorithm } from "../../protocol/crypto.js";
import type { Level } from "../../protocol/level.js";
import { type Aboard, bear, type Sailor, type Shared, start, type StartChanges } from "./aboard.js";
import { foundingBy, onlineKeys, type Operators, rotated, type Rotation } from "./desk.js";
import { type AppMessage, observe } from "./observer.js";
import { bringSigned } from "./quorum.js";
import { openShore, type Shore } from "./shore.js";
import { entropy, softFleetKeys, softSigner } from "./soft-keys.js";

export const DAY_MS = 86_400_000;
/** A condition that is not met by then fails with its own words, well before the test runner gives up. */
const PATIENCE_MS = Number(process.env["DAYMARK_TEST_PATIENCE_MS"] ?? 30_000);

export interface HarborOptions {
  readonly policy?: Partial<FleetPolicy>;
  /** Puts something between gateway and fleet: a gateway that lies. */
  readonly tamper?: (link: FleetLink) => FleetLink;
  readonly algorithm?: Algorithm;
  /** What the applications of all devices ask of peers. */
  readonly peerPolicy?: PeerPolicy;
  /** Production form: root and transfer keys are elsewhere, and two operators sign releases together. */
  readonly production?: boolean;
}

export class Harbor {
  readonly clock = new JumpClock();
  readonly events: FleetEvent[] = [];
  readonly gatewayEvents: GatewayEvent[] = [];
  /** What an independent MQTT client saw of the fleet's applications. */
  readonly seen: AppMessage[] = [];
  /** All that the newest Authority names, wherever they are kept. */
  keys: FleetKeys = softFleetKeys();
  /** Who signs releases: all of them must. */
  operators: Operators;
  service!: FleetService;
  station!: Station;
  #shore!: Shore;
  #staged: SomeKeys = {};
  readonly #options: HarborOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "daymark-harbor-"));
  readonly #aboard: Aboard[] = [];
  readonly #observers: MqttClient[] = [];
  #ashore = false;

  private constructor(options: HarborOptions) {
    this.#options = options;
    this.operators = options.production ? [softSigner(), softSigner()] : [this.keys.release];
  }

  static async open(options: HarborOptions = {}): Promise<Harbor> {
    const harbor = new Harbor(options);
    await harbor.#openServer([]);
    return harbor;
  }

  async #openServer(records: readonly LogRecord[]): Promise<void> {
    const { clock, keys, operators } = this;
    const { policy, production, tamper = (link: FleetLink) => link } = this.#options;
    const name = "harbor";
    const founding = production
      ? foundingBy(keys, operators, name, Math.floor(clock.nowMs() / 1000))
      : undefined;
    const fleet = {
      keys: production ? onlineKeys(keys) : keys,
      staged: { read: async () => this.#staged, settle: async () => undefined },
      founding,
      tokenSecret: entropy(TOKEN_SECRET_BYTES),
      crypto: nodeCrypto,
      entropy,
      clock,
      policy: { ...DEFAULT_POLICY, ...policy },
      name,
    };
    const onGatewayEvent = (event: GatewayEvent) => this.gatewayEvents.push(event);
    this.#shore = await openShore({ fleet, records, tamper, onGatewayEvent });
    this.service = this.#shore.service;
    this.service.onEvent((event) => this.events.push(event));
    this.station = await embeddedStation(this.service);
    this.#ashore = true;
    await this.observe();
  }

  /** Ordinary MQTT clients with certificates of their own watch all application topics, one at each gateway. */
  async observe(): Promise<void> {
    await this.#endObservers();
    const watch = (port: number) => observe(this.service, port, (message) => this.seen.push(message));
    for (const port of this.#shore.ports()) this.#observers.push(await watch(port));
  }

  async #endObservers(): Promise<void> {
    for (const observer of this.#observers.splice(0)) await observer.endAsync(true);
  }

  /** Of a gateway: the next one, where there are several. */
  get port(): number {
    return this.#shore.port();
  }

  /** Another gateway takes the place of those that the harbour has. */
  async exchangeGateway(gateway: Gateway): Promise<void> {
    await this.#shore.exchangeGateways(gateway);
    await this.observe();
  }

  /** At all gateways. */
  sessions(): readonly SessionInfo[] {
    return this.#shore.sessions();
  }

  get #shared(): Shared {
    const { algorithm = "ES256", peerPolicy = {} } = this.#options;
    return { clock: this.clock, algorithm, peerPolicy };
  }

  /** Gives a new device its birth; it is not running yet. */
  async bear(hardwareId = Buffer.from(entropy(8)).toString("hex"), model = "camera"): Promise<Aboard> {
    const folder = join(this.#folder, `device-${this.#aboard.length + 1}`);
    const aboard = await bear({ folder, hardwareId, model }, this.station, this.#shared);
    this.#aboard.push(aboard);
    return aboard;
  }

  /** Starts the shipped device code on what is on the device's disk. */
  start(aboard: Aboard, changes: StartChanges = {}): Promise<Device> {
    return start(aboard, this.port, this.#shared, changes);
  }

  async stop(aboard: Aboard): Promise<void> {
    await aboard.device?.close();
    delete aboard.device;
  }

  /** Born, enrolled, synced and speaking. */
  async working(changes: StartChanges = {}): Promise<Sailor> {
    const aboard = await this.bear();
    await this.start(aboard, changes);
    await this.speaking(aboard);
    return aboard as Sailor;
  }

  async speaking(aboard: Aboard): Promise<void> {
    let taken = false;
    const said = device(aboard).publish("hello", new TextEncoder().encode("I may speak"));
    said.then(() => (taken = true)).catch(() => undefined);
    await until(() => taken, `device ${aboard.number} may speak`);
  }

  /** Days pass one by one, for every machine that stays powered. */
  async passDays(days: number): Promise<void> {
    for (let day = 0; day < days; day++) {
      this.clock.advance(DAY_MS);
      this.#aboard.forEach((aboard) => aboard.device?.level); // looks at its clock, or the day would be a jump of it
      await new Promise((done) => setTimeout(done, 2)); // machines do what became due on that day
    }
    await this.observe(); // the observer's certificate lasts 90 days
  }

  /** One operator raises. */
  hold(numbers: readonly number[], level: Level, reason = "reported stolen"): Promise<void> {
    return this.act({ kind: "hold", numbers, level, reason });
  }

  /** Two operators lower. */
  release(numbers: readonly number[], level: Level = "none", reason = "found again"): Promise<void> {
    return this.act({ kind: "release", numbers, level, reason });
  }

  /** With all the people that it takes. */
  async act(act: Act): Promise<void> {
    const { service, operators } = this;
    const { id, refusal } = await service.act(act, "admin");
    orThrow(refusal);
    const pending = service.view.acts.get(id);
    if (pending?.expiresAt === undefined) return;
    const signers = act.kind === "give" ? [this.keys.transfer] : operators;
    if (this.#options.production) await bringSigned(service, id, signers);
    else orThrow((await service.approve(id, service.actDigest(pending.act), "approver")).refusal);
  }

  /** A ceremony: new keys lie ready, the root keys sign, the service takes the link. @returns the link. */
  async rotate(rotation: Rotation): Promise<Uint8Array> {
    const { service, keys: before, operators } = this;
    const { link, ...after } = rotated(service.trust, before, operators, rotation, service.now());
    Object.assign(this, after);
    this.#staged = this.#options.production ? onlineKeys(after.keys) : after.keys;
    await service.installAuthority(link, "admin");
    return link;
  }

  /** The server is set up again from a copy of its log that ends at `position`. Devices have to be started again. */
  async restore(position: Position): Promise<void> {
    const older: LogRecord[] = [];
    for await (const record of this.service.options.log.read(0))
      if (record.position <= position) older.push(record);
    await this.goDark();
    await this.#openServer(older);
  }

  /** Application messages of a device that the observer received, hellos left out. */
  messagesFrom({ number }: Aboard): readonly string[] {
    return this.seen
      .filter((message) => message.number === number && message.topic !== "hello")
      .map(({ text }) => text);
  }

  /** Service and broker stop; the devices go on alone. */
  async goDark(): Promise<void> {
    this.#ashore = false;
    await this.#endObservers();
    await this.#shore.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.#aboard.map((aboard) => this.stop(aboard)));
    if (this.#ashore) await this.goDark();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function device(aboard: Aboard): Device {
  if (!aboard.device) throw new Error("this device is switched off");
  return aboard.device;
}

function orThrow(refusal: { readonly code: string; readonly text: string } | undefined): void {
  if (refusal) throw new Error(`${refusal.code}: ${refusal.text}`);
}

/** Resolves once the condition holds. @throws with `what` when it does not come about. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it never came about that ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
