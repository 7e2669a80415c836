/**
 * One device of the matrix: how it came to be held, what it was before, and the marks by which a laundered
 * standing would be known. What it was held at must stand wherever its hardware turns up.
 */
import { takeItem } from "../../../fleet/bundles.js";
import { toBase64Url } from "../../../fleet/events.js";
import type { DeviceView, FleetView } from "../../../fleet/view.js";
import { nodeCrypto, privateKeyFromPem } from "../../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../../protocol/bytes.js";
import type { Signer } from "../../../protocol/crypto.js";
import { atLeast, isDenied, isQuarantined, type Level } from "../../../protocol/level.js";
import type { Device } from "../../../device/main.js";
import type { DeviceNode } from "../../../simulators/world/device-node.js";
import type { Image } from "../../../simulators/world/disk.js";
import type { FleetNode } from "../../../simulators/world/fleet-node.js";
import type { World } from "../../../simulators/world/world.js";
import type { Holding } from "./holdings.js";

const MINUTE_MS = 60_000;

export class Camera {
  readonly node: DeviceNode;
  readonly holding: Holding;
  /** Machines of its hardware: itself, and what passes for it. */
  readonly machines: DeviceNode[];
  /** All that it heard, and said, oldest first. */
  readonly heard: Uint8Array[] = [];
  readonly said: Uint8Array[] = [];
  /** All that freed it from its first hold, with the answer to a question that it still waits for. */
  readonly stick: Uint8Array[] = [];
  /** Its disk before it was held. */
  before: Image = new Map();
  /** What was answered to it, by type of its message; the newest. */
  readonly answers = new Map<number, string>();
  readonly complaints = new Set<string>();
  readonly #world: World;
  /** Certificates that it worked with. */
  readonly #chains: (readonly Uint8Array[])[] = [];
  /** What nothing may fall below. */
  #least: Level = "none";

  constructor(world: World, node: DeviceNode, holding: Holding) {
    this.#world = world;
    this.node = node;
    this.holding = holding;
    this.machines = [node];
  }

  get number(): number {
    if (this.node.number === undefined) throw new Error("it was born");
    return this.node.number;
  }

  /** @throws Error when it is off. */
  get device(): Device {
    if (!this.node.device) throw new Error(`${this.node.name} is off: ${this.node.trouble?.message}`);
    return this.node.device;
  }

  start(node = this.node): Promise<void> {
    return this.#world.perform(node.name, "starts", () => node.start());
  }

  stop(): Promise<void> {
    return this.#world.perform(this.node.name, "stops", () => this.node.stop());
  }

  /** From now on it is held. */
  isHeld(): void {
    this.#least = this.holding.level;
    this.#chains.push(this.device.tlsIdentity.chain);
  }

  /** A question that somebody carries to the fleet. */
  question(): Promise<Uint8Array> {
    return this.#world.perform(this.node.name, "asks by hand", () => this.device.challenge());
  }

  /** A message brought to the fleet by whoever has it. @returns what is said to it. */
  async ask(message: Uint8Array): Promise<string> {
    const { service } = this.#world.fleet;
    const take = () => takeItem(service, message, "somebody");
    const { result, code } = await this.#world.perform("somebody", "asks", take);
    return result === "taken" ? "given" : `refused: ${code}`;
  }

  /** @returns what it makes of this, by the documents that count for it before and after. */
  async hears(items: readonly Uint8Array[]): Promise<string> {
    const before = this.#documents();
    for (const item of items) this.device.receive(item);
    await this.#world.runFor(MINUTE_MS);
    return before === this.#documents() ? "nothing newer" : "taken";
  }

  #documents(): string {
    const { directive, release, freed, removals, freedRemovals } = this.node.durable()?.record ?? {};
    const held = [directive, release, freed, removals, freedRemovals];
    return held.map((document) => (document ? toBase64Url(document) : "")).join();
  }

  /** With the private key of this name from its disk. */
  signer(name: string): Signer {
    const pem = this.node.disk.durable(`/keys/${name}.pem`);
    if (!pem) throw new Error(`there is no key ${name}`);
    const key = privateKeyFromPem(new TextDecoder().decode(pem));
    return { publicKey: nodeCrypto.publicKey(key), sign: (message) => nodeCrypto.sign(key, message) };
  }

  triesToSpeak(): void {
    for (const { device } of this.machines)
      device?.publish("hello", utf8("let me in")).catch(() => undefined);
  }

  /** A gateway took an application message of this machine. */
  spoke(machine: string): void {
    const own = this.machines.some(({ name }) => name === machine);
    if (own && isQuarantined(this.#least)) this.#complain(`${machine} was let speak`);
  }

  /** True while a fleet thinks that two have its keys. */
  get isSuspected(): boolean {
    const devices = this.#world.fleets.flatMap(({ view }) => this.#numbersIn(view));
    return devices.some(({ suspectedAt }) => suspectedAt !== undefined);
  }

  #numbersIn({ devices, numberByHardware }: FleetView): readonly DeviceView[] {
    const numbers = numberByHardware.get(toBase64Url(this.node.hardwareId)) ?? [];
    return numbers.flatMap((number) => devices.get(number) ?? []);
  }

  /** Every number that the hardware has in a fleet. */
  lookAt({ name, view }: FleetNode): void {
    for (const { number, level } of this.#numbersIn(view))
      if (!atLeast(level, this.#least)) this.#complain(`to ${name} device ${number} is at ${level}`);
  }

  /** What its machines think of themselves, and a peer of every certificate that they ever had. */
  judge(peer: Device): void {
    for (const { device, name } of this.machines) {
      if (!device) continue;
      if (!atLeast(device.level, this.#least)) this.#complain(`${name} is at ${device.level}`);
      this.#chains.push(device.tlsIdentity.chain);
    }
    if (!isDenied(this.#least)) return;
    for (const chain of this.#chains) {
      const { verdict, reason } = peer.peerVerdict({ chain }, "anything");
      // An IDevID opens nothing among peers, nor does a certificate of another fleet.
      if (verdict !== "denied" && reason !== "not-operational" && reason !== "certificate")
        this.#complain(`a peer says ${verdict}: ${reason}`);
    }
  }

  #complain(what: string): void {
    this.complaints.add(`${this.node.name}, held at ${this.#least}: ${what}`);
  }
}
