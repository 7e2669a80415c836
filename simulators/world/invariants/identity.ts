/**
 * I7 Identity: a number is of one piece of hardware, for good; hardware has a second number only by a second
 * birth, or from another owner; births are in the order of their station, without a gap; and once a gateway has
 * seen new keys at work, none takes the old ones.
 */
import { type FleetEvent, toBase64Url } from "../../../fleet/events.js";
import { BirthRecord } from "../../../protocol/birth.js";
import type { DeviceNode } from "../device-node.js";
import type { FleetNode } from "../fleet-node.js";
import type { Accepted } from "../gateway-visits.js";
import type { World } from "../world.js";
import type { DeviceDisks, DiskFollower } from "./device-disks.js";
import { said, type State } from "./disk-files.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import type { GatewayLinks } from "./gateway-links.js";
import { type Invariant, InvariantBroken } from "./invariant.js";

interface Known {
  readonly hardwareOf: Map<number, string>;
  /** Station and index of each birth. */
  readonly births: Set<string>;
  /** The highest generation that a gateway has let speak, by number, and since when. */
  readonly live: Map<number, { readonly generation: number; readonly sinceMs: number }>;
}

/** Everyone who is no device has a number from here on. */
const FIRST_HOLDER = 0xf000_0000;

export class Identity implements Invariant, LogFollower, DiskFollower {
  readonly name = "I7 Identity";
  readonly #fleets = new Map<FleetNode, Known>();
  #world: World | undefined;

  readonly #links: GatewayLinks;

  constructor(disks: DeviceDisks, logs: FleetLogs, links: GatewayLinks) {
    this.#links = links;
    disks.follow(this);
    logs.follow(this);
  }

  begins(world: World): Promise<void> {
    this.#world = world;
    return Promise.resolve();
  }

  began(fleet: FleetNode): void {
    const live = this.#fleets.get(fleet)?.live ?? (new Map() as Known["live"]);
    this.#fleets.set(fleet, { hardwareOf: new Map(), births: new Set(), live });
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    if (event.type !== "device-imported") return;
    const { number, hardwareId, index, station, origin, record } = event;
    const { hardwareOf, births } = this.#of(fleet);
    if (hardwareOf.has(number)) throw this.#broken(fleet, `number ${number} is given a second time`);
    if (number >= FIRST_HOLDER)
      throw this.#broken(fleet, `a device gets number ${number}, which is none for devices`);
    hardwareOf.set(number, hardwareId);
    const born = said(BirthRecord, { $bytes: record });
    if (born.subject !== number || toBase64Url(born.hardwareId) !== hardwareId)
      throw this.#broken(fleet, `device ${number} is not what its station has recorded`);
    const birth = `${station ?? 0}/${index}`;
    if (!origin && births.has(birth)) throw this.#broken(fleet, `birth ${index} of a station counts twice`);
    births.add(birth);
  }

  saved(node: DeviceNode, { record }: State, before: State | undefined): void {
    const { number, hardwareId, fleetId } = record;
    const isSame = before?.record.number === number && before.record.fleetId.$bytes === fleetId.$bytes;
    if (isSame && before.record.hardwareId.$bytes !== hardwareId.$bytes)
      throw this.#broken(node, `its hardware id has become another under number ${number}`);
    const id = Buffer.from(fleetId.$bytes, "base64url").toString("hex");
    const fleet = this.#world?.fleets.find((each) => each.id === id);
    const known = fleet && this.#of(fleet).hardwareOf.get(number);
    if (!isSame && known !== undefined && known !== hardwareId.$bytes)
      throw this.#broken(node, `it has number ${number}, which is other hardware's`);
  }

  accepted({ gateway, number, generation }: Accepted): void {
    const fleet = this.#links.fleetOf(gateway);
    if (!fleet) return;
    const { live } = this.#of(fleet);
    const highest = live.get(number) ?? { generation: 0, sinceMs: 0 };
    if (generation > highest.generation) live.set(number, { generation, sinceMs: this.#links.nowMs });
    if (generation >= highest.generation || !this.#links.knows(gateway, highest.sinceMs)) return;
    const sentence = `it takes a message of generation ${generation} of device ${number}, after one of ${highest.generation}`;
    throw new InvariantBroken(this.name, gateway, sentence);
  }

  #of(fleet: FleetNode): Known {
    if (!this.#fleets.has(fleet)) this.began(fleet);
    return this.#fleets.get(fleet)!;
  }

  #broken({ name }: { readonly name: string }, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, name, sentence);
  }
}
