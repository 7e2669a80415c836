/**
 * The standing that hardware must have, from the holds and releases in the fleets' logs alone: no step of the
 * fleet's own arithmetic is asked. What advisories ask for is left out, so it is the least that must hold.
 */
import type { FleetEvent } from "../../../fleet/events.js";
import { LEVELS, type Level } from "../../../protocol/level.js";
import { compareVersions, type Version } from "../../../protocol/version.js";
import type { FleetNode } from "../fleet-node.js";
import type { LogFollower } from "./fleet-logs.js";

/** A document, and its place in the log. */
interface Said {
  readonly version: Version;
  readonly level: Level;
  readonly at: number;
}

/** What the log says of one number. */
export interface NumberStanding {
  readonly hardwareId: string;
  /** Not lifted yet. */
  holds: Said[];
  release: Said | undefined;
  /** What it came with, from another owner. */
  inherited: Level;
  lowestGeneration: number;
  suspected: boolean;
  transferred: boolean;
}

interface FleetStandings {
  readonly numbers: Map<number, NumberStanding>;
  readonly byHardware: Map<string, number[]>;
  /** Events until now: places. */
  events: number;
}

export class Standings implements LogFollower {
  readonly #fleets = new Map<FleetNode, FleetStandings>();
  /** What hardware stood at when an owner gave it away. */
  readonly #handedOver = new Map<string, Level>();

  began(fleet: FleetNode): void {
    this.#fleets.set(fleet, { numbers: new Map(), byHardware: new Map(), events: 0 });
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    const standings = this.#of(fleet);
    standings.events += 1;
    if (event.type === "device-imported") this.#born(standings, event.number, event);
    const device = "number" in event ? standings.numbers.get(event.number) : undefined;
    if (device) this.#heard(standings, device, event, fleet);
  }

  ofNumber(fleet: FleetNode, number: number): NumberStanding | undefined {
    return this.#of(fleet).numbers.get(number);
  }

  /** All that the log knows. */
  all(fleet: FleetNode): ReadonlyMap<number, NumberStanding> {
    return this.#of(fleet).numbers;
  }

  /**
   * The least that this number must stand at: by documents about it, and by holds of another number of its
   * hardware that came after its newest release (P7). An act that frees one frees all, one after the other.
   */
  leastOf(fleet: FleetNode, number: number): Level {
    const { numbers, byHardware } = this.#of(fleet);
    const device = numbers.get(number);
    if (!device) return "none";
    const { release, hardwareId } = device;
    const siblings = (byHardware.get(hardwareId) ?? []).flatMap((other) => {
      const { holds = [], release: left } = (other !== number && numbers.get(other)) || {};
      const later = [...holds, ...(left ? [left] : [])].filter(({ at }) => at > (release?.at ?? 0));
      return later.map(({ level }) => level);
    });
    return highest([ownLevel(device), ...siblings]);
  }

  #heard(standings: FleetStandings, device: NumberStanding, event: FleetEvent, fleet: FleetNode): void {
    switch (event.type) {
      case "directive-issued": {
        const { version, level, lowestGeneration } = event;
        device.lowestGeneration = Math.max(device.lowestGeneration, lowestGeneration);
        if (compareVersions(version, device.release?.version ?? [0, 0]) > 0)
          device.holds.push({ version, level, at: standings.events });
        return;
      }
      case "release-issued": {
        const { version, level } = event;
        device.holds = device.holds.filter((hold) => compareVersions(hold.version, version) > 0);
        device.release = { version, level, at: standings.events };
        device.inherited = "none";
        return;
      }
      case "clone-suspected":
        device.suspected = true;
        return;
      case "device-vouched":
      case "device-reenrolled":
        device.suspected = false;
        return;
      case "device-transferred": {
        this.#handedOver.set(device.hardwareId, highest([this.leastOf(fleet, event.number), event.level]));
        for (const number of standings.byHardware.get(device.hardwareId) ?? []) {
          const sibling = standings.numbers.get(number);
          if (sibling) sibling.transferred = true;
        }
        return;
      }
    }
  }

  #born(
    { numbers, byHardware }: FleetStandings,
    number: number,
    { hardwareId, origin }: FleetEvent & { readonly type: "device-imported" },
  ): void {
    if (numbers.has(number)) return; // that this must not be, is said elsewhere
    byHardware.set(hardwareId, [...(byHardware.get(hardwareId) ?? []), number]);
    const given = origin ? highest([origin.level, this.#handedOver.get(hardwareId) ?? "none"]) : "none";
    numbers.set(number, {
      hardwareId,
      holds: [],
      release: undefined,
      inherited: given,
      lowestGeneration: 1,
      suspected: false,
      transferred: false,
    });
  }

  #of(fleet: FleetNode): FleetStandings {
    if (!this.#fleets.has(fleet)) this.began(fleet);
    return this.#fleets.get(fleet)!;
  }
}

function ownLevel({ holds, release, inherited }: NumberStanding): Level {
  return highest([inherited, release?.level ?? "none", ...holds.map(({ level }) => level)]);
}

export function highest(levels: readonly Level[]): Level {
  return levels.reduce<Level>((high, level) => (isBelow(high, level) ? level : high), "none");
}

export function isBelow(level: Level, other: Level): boolean {
  return LEVELS[level] < LEVELS[other];
}
