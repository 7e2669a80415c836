/** A swarm in numbers: what every process tells of its devices while a scenario waits. Pure. */
import { isQuarantined } from "../../protocol/level.js";
import type { Sighting } from "./sighting.js";

/** Devices, not events. */
export interface Counts {
  /** Switched on. */
  readonly started: number;
  readonly connected: number;
  readonly leased: number;
  /** In quarantine, in their own eyes. */
  readonly held: number;
  readonly failed: number;
  /** All below: since the mark. */
  readonly closed: number;
  readonly returned: number;
  readonly answered: number;
  readonly leasedAgain: number;
  readonly acknowledged: number;
}

export function countsOf(started: number, sightings: readonly Sighting[]): Counts {
  const count = (what: (seen: Sighting) => boolean) => sightings.filter(what).length;
  return {
    started,
    connected: count(({ connected }) => connected),
    leased: count(({ leased }) => leased),
    held: count(({ level }) => isQuarantined(level)),
    failed: count(({ failed }) => failed !== undefined),
    closed: count(({ closes }) => closes > 0),
    returned: count(({ returnedAtMs }) => returnedAtMs !== undefined),
    answered: count(({ answered }) => answered),
    leasedAgain: count(({ leasedAgainAtMs }) => leasedAgainAtMs !== undefined),
    acknowledged: count(({ acknowledged }) => acknowledged > 0),
  };
}

export const NO_COUNTS: Counts = countsOf(0, []);

export function sumOfCounts(all: readonly Counts[]): Counts {
  const names = Object.keys(NO_COUNTS) as (keyof Counts)[];
  const sum = (name: keyof Counts) => all.reduce((total, counts) => total + counts[name], 0);
  return Object.fromEntries(names.map((name) => [name, sum(name)])) as Record<keyof Counts, number>;
}
