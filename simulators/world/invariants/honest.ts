/**
 * I9 Honest: a device whose keys nobody else holds and whose disk nobody has changed is never suspected, and its
 * memory never raises an alarm: not by lost replies, power cuts, two networks, or a server that was restored.
 */
import { type FleetEvent, toBase64Url } from "../../../fleet/events.js";
import { SyncRequest } from "../../../protocol/sync.js";
import type { DeviceNode } from "../device-node.js";
import type { FleetNode } from "../fleet-node.js";
import type { World } from "../world.js";
import type { DeviceDisks, DiskFollower } from "./device-disks.js";
import type { State } from "./disk-files.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import { type Invariant, InvariantBroken } from "./invariant.js";
import { signedAs, signedIn } from "./messages.js";

/** Nonces of the newest syncs of one device that are remembered: a lease for an older one proves no thief. */
const MAX_NONCES = 256;
/** What a device says of a memory that is not what it left. */
const OF_MEMORY = ["rollback", "tamper", "lost"];

export class Honest implements Invariant, LogFollower, DiskFollower {
  readonly name = "I9 Honest";
  readonly #disks: DeviceDisks;
  readonly #nonces = new WeakMap<DeviceNode, Set<string>>();
  /** Somebody who is no device of the world got a lease: by fleet and number. */
  readonly #thieves = new Set<string>();
  #world: World | undefined;

  constructor(disks: DeviceDisks, logs: FleetLogs) {
    this.#disks = disks;
    disks.follow(this);
    logs.follow(this);
  }

  begins(world: World): Promise<void> {
    this.#world = world;
    return Promise.resolve();
  }

  began(): void {
    // A thief stays one.
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    if (!this.#world) return; // before anybody looked on
    if (event.type === "lease-issued") {
      const holders = this.#holdersOf(fleet, event.number);
      const isTheirs = holders.some((node) => this.#asked(node, event.nonce));
      if (!isTheirs) this.#thieves.add(`${fleet.name}/${event.number}`);
    }
    if (event.type !== "clone-suspected") return;
    const [holder, ...others] = this.#holdersOf(fleet, event.number);
    const isStolen = this.#thieves.has(`${fleet.name}/${event.number}`);
    if (holder && others.length === 0 && !isStolen && !this.#disks.isTouched(holder))
      throw new InvariantBroken(this.name, holder.name, "it is suspected, and nobody else has its keys");
  }

  sent(node: DeviceNode, _topic: string, bytes: Uint8Array): void {
    const sync = signedAs(SyncRequest, signedIn(bytes));
    if (sync) this.#remember(node, toBase64Url(sync.nonce));
  }

  saved(node: DeviceNode, { record }: State): void {
    if (record.challenge) this.#remember(node, record.challenge.$bytes);
    const alarm = record.alarms.find(({ kind }) => OF_MEMORY.includes(kind));
    if (alarm && !this.#disks.isTouched(node))
      throw new InvariantBroken(
        this.name,
        node.name,
        `it raises a ${alarm.kind} alarm, and nobody has changed its disk`,
      );
  }

  /** All nodes that hold this number's state now. */
  #holdersOf(fleet: FleetNode, number: number): readonly DeviceNode[] {
    return (this.#world?.devices ?? []).filter((node) => {
      const record = this.#disks.countedOf(node)?.record;
      return (
        record?.number === number &&
        Buffer.from(record.fleetId.$bytes, "base64url").toString("hex") === fleet.id
      );
    });
  }

  #asked(node: DeviceNode, nonce: string): boolean {
    return this.#nonces.get(node)?.has(nonce) ?? false;
  }

  #remember(node: DeviceNode, nonce: string): void {
    const nonces = this.#nonces.get(node) ?? new Set();
    this.#nonces.set(node, nonces.add(nonce));
    const [oldest] = nonces;
    if (oldest !== undefined && nonces.size > MAX_NONCES) nonces.delete(oldest);
  }
}
