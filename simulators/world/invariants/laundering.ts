/**
 * I2 No laundering: what holds a piece of hardware, holds every number, generation and owner of it, until a
 * release; and on the device a level falls only with a release of the quorum and a fresh lease that names it.
 */
import { type FleetEvent, fromBase64Url, toBase64Url } from "../../../fleet/events.js";
import { toHex } from "../../../protocol/bytes.js";
import { Lease } from "../../../protocol/lease.js";
import type { Level } from "../../../protocol/level.js";
import { SyncReply } from "../../../protocol/sync.js";
import { compareVersions, type Version } from "../../../protocol/version.js";
import type { DeviceEvent } from "../../../device/main.js";
import type { DeviceNode } from "../device-node.js";
import type { Power } from "../device-run.js";
import type { FleetNode } from "../fleet-node.js";
import type { World } from "../world.js";
import type { DeviceDisks } from "./device-disks.js";
import { DeviceStandings, type Freeing } from "./device-standings.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import { type Invariant, InvariantBroken } from "./invariant.js";
import { frameAs, signedAs, signedIn } from "./messages.js";
import { isBelow, type Standings } from "./standings.js";

/** Newest leases of one device that are remembered: one may be on its way while others are asked for. */
const MAX_LEASES = 32;
/** Newest leases that came to a device and are remembered: one is being saved while others come. */
const MAX_HEARD = 8;

interface IssuedLease {
  readonly nonce: string;
  /** The release that it names. */
  readonly release: Version;
}

/** What a fleet has issued that can lower a level, also if its log has forgotten it since. */
interface Issued {
  /** By number. */
  readonly leases: Map<number, readonly IssuedLease[]>;
  readonly releases: Set<string>;
}

export class Laundering implements Invariant, LogFollower {
  readonly name = "I2 No laundering";
  readonly devices: DeviceStandings;
  readonly #standings: Standings;
  readonly #issued = new Map<FleetNode, Issued>();
  /** Nonces of the leases that came to a device by its gateways since its power came. */
  readonly #heard = new WeakMap<DeviceNode, readonly string[]>();
  #touched: { readonly fleet: FleetNode; readonly number: number }[] = [];

  constructor(disks: DeviceDisks, logs: FleetLogs, standings: Standings) {
    this.#standings = standings;
    this.devices = new DeviceStandings(
      disks,
      (freeing) => this.#freed(freeing),
      (node, id) => {
        throw this.#broken(node, `its alarm ${id} is gone, and no release in force names it`);
      },
    );
    logs.follow(this);
  }

  began(): void {
    // What was issued, was issued.
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    if (!("number" in event)) return;
    const { number } = event;
    const least = this.#standings.leastOf(fleet, number);
    switch (event.type) {
      case "lease-issued": {
        if (isBelow(event.required.level, least))
          throw this.#broken(
            fleet,
            `a lease asks device ${number} for ${event.required.level}, and it is held at ${least}`,
          );
        const { leases } = this.#issuedBy(fleet);
        const lease = { nonce: event.nonce, release: event.required.release };
        leases.set(number, [...(leases.get(number) ?? []).slice(1 - MAX_LEASES), lease]);
        return;
      }
      case "certificate-issued":
        if (!isBelow(least, "restrict"))
          throw this.#broken(fleet, `device ${number} gets a certificate, and it is held at ${least}`);
        break;
      case "device-transferred":
        if (isBelow(event.level, least))
          throw this.#broken(
            fleet,
            `device ${number} is given away at ${event.level}, and it is held at ${least}`,
          );
        break;
      case "release-issued":
        this.#issuedBy(fleet).releases.add(nameOf(number, event));
        break;
      default:
    }
    this.#touched.push({ fleet, number });
  }

  /** When all events of a decision are there: what the fleet makes of them. */
  afterStep(_world: World): void {
    for (const { fleet, number } of this.#touched) {
      const level = fleet.isRunning ? fleet.view.devices.get(number)?.level : undefined;
      const least = this.#standings.leastOf(fleet, number);
      if (level !== undefined && isBelow(level, least))
        throw this.#broken(
          fleet,
          `device ${number} stands at ${level}, and its hardware is held at ${least}`,
        );
    }
    if (this.#touched.length > 0) this.#touched = [];
  }

  heard(node: DeviceNode, bytes: Uint8Array): void {
    const { lease: envelope } = frameAs(SyncReply, bytes) ?? {};
    const lease = envelope && signedAs(Lease, signedIn(envelope));
    if (!lease) return;
    const before = this.#heard.get(node) ?? [];
    this.#heard.set(node, [...before.slice(1 - MAX_HEARD), toBase64Url(lease.nonce)]);
  }

  deviceEvent(node: DeviceNode, event: DeviceEvent): void {
    if (event.type === "level") this.#atLeast(node, event.level);
  }

  power(node: DeviceNode, power: Power): void {
    if (power === "on") this.#heard.delete(node);
    if (power === "on" && node.device) this.#atLeast(node, node.device.level);
  }

  #atLeast(node: DeviceNode, level: Level): void {
    const least = this.devices.leastOf(node);
    if (isBelow(level, least))
      throw this.#broken(node, `it is at ${level}, and what it has stored holds it at ${least}`);
  }

  #freed({ node, record, release, lease, wiped }: Freeing): void {
    const owner = fromBase64Url(record.fleetId.$bytes);
    const [, issued] = [...this.#issued].find(([{ id }]) => id === toHex(owner)) ?? [];
    const name = release.version.join(":");
    if (release.subject !== record.number || !issued?.releases.has(nameOf(record.number, release)))
      throw this.#broken(node, `release ${name} is in force, which nobody has issued`);
    const stick = wiped?.challenge ? [wiped.challenge.$bytes] : [];
    const gone = wiped ? [...(this.#heard.get(node) ?? []), ...stick] : [];
    const answered = lease ? [toBase64Url(lease.nonce)] : gone;
    const names = issued.leases
      .get(record.number)
      ?.some((one) => answered.includes(one.nonce) && compareVersions(one.release, release.version) === 0);
    if (!names) throw this.#broken(node, `release ${name} is in force without a lease that names it`);
  }

  #issuedBy(fleet: FleetNode): Issued {
    const known = this.#issued.get(fleet);
    if (known) return known;
    const issued: Issued = { leases: new Map(), releases: new Set() };
    this.#issued.set(fleet, issued);
    return issued;
  }

  #broken({ name }: { readonly name: string }, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, name, sentence);
  }
}

function nameOf(
  number: number,
  { version, level }: { readonly version: Version; readonly level: Level },
): string {
  return `${number} ${version.join(":")} ${level}`;
}
