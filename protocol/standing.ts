/**
 * Standing: what the documents about one device add up to. Fleet and device share this arithmetic, and
 * it depends on the set of documents, not on the order or number in which they came (P2).
 */
import { higherLevel, type HoldLevel, LEVELS, type Level } from "./level.js";
import { compareVersions, type Version } from "./version.js";

/** A directive seen: it holds at `level` until a release whose version is above its own. */
export interface Hold {
  readonly version: Version;
  readonly level: HoldLevel;
}

/** A release in force: it lifted the holds up to `version` and left `level`. */
export interface Freed {
  readonly version: Version;
  readonly level: Level;
}

/**
 * Adds a hold. A directive states the highest level since the last release, so a lower one tells of a
 * release in between that may not have arrived: earlier, higher holds stay until it does. Kept are only
 * holds that can still matter, newest last, levels falling: at most one for each level.
 */
export function addHold(holds: readonly Hold[], added: Hold): readonly Hold[] {
  const rest = holds.filter((hold) => LEVELS[hold.level] > LEVELS[added.level]);
  return [...rest, added];
}

/** Takes away what a release has lifted. */
export function liftHolds(holds: readonly Hold[], through: Version): readonly Hold[] {
  return holds.filter((hold) => compareVersions(hold.version, through) > 0);
}

/**
 * The level that holds and releases give.
 * @param pending - a release that no lease has named yet: it can raise, not lower (P13).
 */
export function standingOf(holds: readonly Hold[], inForce?: Freed, pending?: Freed): Level {
  const heard = [inForce?.level, pending?.level, ...holds.map((hold) => hold.level)];
  return heard.reduce<Level>((highest, level) => (level ? higherLevel(highest, level) : highest), "none");
}
