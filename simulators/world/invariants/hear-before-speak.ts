/**
 * I4 Hear before speak: a gateway takes application messages only of whom its fleet holds below `restrict`, with
 * keys that count, and under no suspicion; a device sends them only after a sync over that very connection, when
 * nothing that it has stored holds it, while its lease lasts.
 */
import { type FleetEvent, toBase64Url } from "../../../fleet/events.js";
import type { DeviceEvent } from "../../../device/main.js";
import { Lease } from "../../../protocol/lease.js";
import { SyncRequest } from "../../../protocol/sync.js";
import type { DeviceNode } from "../device-node.js";
import type { Power } from "../device-run.js";
import type { Accepted } from "../gateway-visits.js";
import type { FleetNode } from "../fleet-node.js";
import type { DeviceDisks, DiskFollower } from "./device-disks.js";
import type { DeviceStandings } from "./device-standings.js";
import { said, type State } from "./disk-files.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import type { GatewayLinks } from "./gateway-links.js";
import { type Invariant, InvariantBroken } from "./invariant.js";
import { signedAs, signedIn } from "./messages.js";
import { isBelow, type Standings } from "./standings.js";

/** A device's clock may be slow by so much, in parts of true time, and its fleet time is in whole seconds. */
const SLOWEST_CLOCK = 0.99;
const ROUNDING_SECONDS = 2;

interface Contact {
  /** Nonces of the syncs sent over the connection that there is. */
  readonly asked: Set<string>;
  /** The lease that answered one of them: fleet time of it and of its end, and the true time of its coming. */
  lease?: { readonly seconds: number; readonly goodUntil: number; readonly atMs: number };
}

/** After one of these a gateway may have to take less than before. */
const STRICTER: readonly FleetEvent["type"][] = [
  "directive-issued",
  "release-issued",
  "clone-suspected",
  "device-transferred",
];

export class HearBeforeSpeak implements Invariant, LogFollower, DiskFollower {
  readonly name = "I4 Hear before speak";
  readonly #standings: Standings;
  readonly #devices: DeviceStandings;
  readonly #contacts = new WeakMap<DeviceNode, Contact>();
  readonly #links: GatewayLinks;
  /** Since when, true time, a log asks for as much of a number as it does now. */
  readonly #strictSinceMs = new Map<FleetNode, Map<number, number>>();

  constructor(
    {
      disks,
      logs,
      links,
    }: { readonly disks: DeviceDisks; readonly logs: FleetLogs; readonly links: GatewayLinks },
    standings: Standings,
    devices: DeviceStandings,
  ) {
    disks.follow(this);
    this.#links = links;
    this.#standings = standings;
    this.#devices = devices;
    logs.follow(this);
  }

  began(fleet: FleetNode): void {
    this.#strictSinceMs.set(fleet, new Map());
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    if (!this.#strictSinceMs.has(fleet)) this.began(fleet);
    if ("number" in event && STRICTER.includes(event.type))
      this.#strictSinceMs.get(fleet)?.set(event.number, this.#links.nowMs);
  }

  accepted({ gateway, number, generation }: Accepted): void {
    const fleet = this.#links.fleetOf(gateway);
    const sinceMs = fleet && this.#strictSinceMs.get(fleet)?.get(number);
    if (!fleet || !this.#links.knows(gateway, sinceMs ?? 0)) return; // it goes by what it was told
    const standing = this.#standings.ofNumber(fleet, number);
    if (!fleet || !standing)
      throw this.#broken(gateway, `it takes a message of ${number}, which its fleet does not know`);
    const { suspected, transferred, lowestGeneration } = standing;
    const level = this.#standings.leastOf(fleet, number);
    if (!isBelow(level, "restrict"))
      throw this.#broken(gateway, `it takes a message of device ${number}, held at ${level}`);
    if (suspected) throw this.#broken(gateway, `it takes a message of device ${number}, a suspected clone`);
    if (transferred)
      throw this.#broken(gateway, `it takes a message of device ${number}, which was given away`);
    if (generation < lowestGeneration)
      throw this.#broken(
        gateway,
        `it takes a message of generation ${generation} of device ${number}, and ${lowestGeneration} is the lowest`,
      );
  }

  deviceEvent(node: DeviceNode, event: DeviceEvent): void {
    if (event.type === "connected") this.#contacts.set(node, { asked: new Set() });
    if (event.type === "disconnected") this.#contacts.delete(node);
  }

  power(node: DeviceNode, _power: Power): void {
    this.#contacts.delete(node);
  }

  saved(node: DeviceNode, { record }: State, before: State | undefined): void {
    const contact = this.#contacts.get(node);
    if (!contact || !record.lease || record.lease.$bytes === before?.record.lease?.$bytes) return;
    const { nonce, time, goodUntil } = said(Lease, record.lease);
    if (!contact.asked.has(toBase64Url(nonce))) return; // carried by hand
    contact.lease = { seconds: time[1], goodUntil, atMs: this.#links.nowMs };
  }

  sent(node: DeviceNode, topic: string, bytes: Uint8Array): void {
    const contact = this.#contacts.get(node);
    if (!topic.startsWith("app/")) {
      const sync = signedAs(SyncRequest, signedIn(bytes));
      if (sync) contact?.asked.add(toBase64Url(sync.nonce));
      return;
    }
    const { lease } = contact ?? {};
    if (!lease) throw this.#broken(node, "it publishes before a sync over this connection");
    const level = this.#devices.leastOf(node);
    if (!isBelow(level, "restrict"))
      throw this.#broken(node, `it publishes, and what it has stored holds it at ${level}`);
    const nowSeconds = lease.seconds + (this.#links.nowMs - lease.atMs) * (SLOWEST_CLOCK / 1000);
    if (nowSeconds > lease.goodUntil + ROUNDING_SECONDS)
      throw this.#broken(node, "it publishes, and its lease has ended");
  }

  #broken(node: DeviceNode | string, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, typeof node === "string" ? node : node.name, sentence);
  }
}
