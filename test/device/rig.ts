/** The device as an application has it, on a line and a disk in this process. */
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { MemoryKeyStore } from "../../device/adapters/memory-key-store.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import { createDevice, type Device, type DeviceEvent, type DeviceOptions } from "../../device/main.js";
import type { DeviceStore, KeyStore } from "../../device/ports.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { until } from "../stories/harbor.js";
import { Line, serve } from "./line.js";
import { entropy, Owner } from "./owner.js";
import { type Question, readQuestion } from "./questions.js";

/** The fleet of every rig. */
export const owner = new Owner();

export class Rig {
  readonly line = new Line();
  readonly clock = new JumpClock();
  readonly events: DeviceEvent[] = [];
  readonly keys: KeyStore;
  readonly idevid: PublicKey;
  readonly fleet: Owner;
  store: DeviceStore;
  #device: Device | undefined;

  private constructor(keys: KeyStore, idevid: PublicKey, store: DeviceStore, fleet: Owner) {
    this.keys = keys;
    this.idevid = idevid;
    this.store = store;
    this.fleet = fleet;
  }

  /** A device that was just born; nobody answers on its line. */
  static async born(
    keys: KeyStore = new MemoryKeyStore(nodeCrypto, entropy),
    fleet: Owner = owner,
  ): Promise<Rig> {
    const idevid = await keys.create(IDEVID_KEY, "ES256");
    const store = new MemoryDeviceStore();
    await store.save(fleet.bear(1, idevid));
    const rig = new Rig(keys, idevid, store, fleet);
    rigs.add(rig);
    return rig;
  }

  /** Enrolled, synced, and told that it may speak. */
  static async speaking(fleet: Owner = owner): Promise<Rig> {
    const rig = await Rig.born(undefined, fleet);
    rig.serve();
    await rig.start();
    await rig.told("speak");
    return rig;
  }

  /** From the next connection on there is a fleet at the other end, which has nothing against the device. */
  serve(): void {
    serve(this.line, this.fleet, this.idevid);
  }

  /** The newest one that was started. */
  get device(): Device {
    if (!this.#device) throw new Error("this device is switched off");
    return this.#device;
  }

  async start(options: Partial<DeviceOptions> = {}): Promise<void> {
    const { store, keys, clock, line: transport } = this;
    const ports = { store, keys, clock, transport, crypto: nodeCrypto, entropy };
    this.#device = await createDevice({ ...ports, backoff: { firstMs: 1, longestMs: 5 }, ...options });
    this.#device.onEvent((event) => this.events.push(event));
  }

  async close(): Promise<void> {
    await this.#device?.close();
  }

  all<T extends DeviceEvent["type"]>(type: T) {
    return this.events.filter((event): event is Extract<DeviceEvent, { type: T }> => event.type === type);
  }

  async told(type: DeviceEvent["type"], times = 1): Promise<void> {
    await until(() => this.all(type).length >= times, `the device tells "${type}" ${times} times`);
  }

  /** Resolves once everything that the device was given before was looked at. */
  async looked(): Promise<void> {
    const before = this.all("refused").length;
    this.device.receive(Uint8Array.of(0xff));
    await this.told("refused", before + 1);
  }

  /** Application messages that the device tried to send, as text. */
  published(): readonly string[] {
    const messages = this.line.calls.flatMap(({ published }) => published);
    return messages.map(({ payload }) => new TextDecoder().decode(payload));
  }

  /** What the device asked over all its connections. */
  async questions(): Promise<readonly Question[]> {
    const found = await Promise.all(["idevid", "ldevid-1"].map((name) => this.keys.publicKey(name)));
    const by = found.filter((key) => key !== undefined);
    return this.line.calls.flatMap(({ sent }) => sent.map((bytes) => readQuestion(bytes, by, this.fleet)));
  }
}

const rigs = new Set<Rig>();

/** Closes every device that was started. */
export async function closeRigs(): Promise<void> {
  const all = [...rigs];
  rigs.clear();
  await Promise.all(all.map((rig) => rig.close()));
}
