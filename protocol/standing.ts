/**
 * Standing: what the documents about one device add up to. Fleet and device share this arithmetic, and
 * it depends on the set of documents, not on the order or number in which they came (P2).
 */
import { higherLevel, LEVELS, type Level } from "./level.js";
import { compareVersions, type Version } from "./version.js";

/** Something that holds a device at `level` until a release in force whose version is not below its own. */
export interface Hold<L extends Level = Level> {
  readonly version: Version;
  readonly level: L;
}

/** A release in force: it lifted the holds up to `version` and left `level`. */
export interface Freed {
  readonly version: Version;
  readonly level: Level;
}

/**
 * Adds a hold: a directive, or the level that a release asks for while it waits for its lease. A directive
 * states the highest level since the last release, so a lower one tells of a release in between that may
 * not have arrived: earlier, higher holds stay until it does. Kept are only holds that can still matter,
 * those that no other one exceeds in version and level alike: at most one for each level.
 */
export function addHold<L extends Level>(holds: readonly Hold<L>[], added: Hold<L>): readonly Hold<L>[] {
  const { version, level } = added;
  if (level === "none" || holds.some((hold) => covers(hold, added))) return holds;
  return [...holds.filter((hold) => !covers(added, hold)), { version, level }];
}

function covers(a: Hold, b: Hold): boolean {
  return compareVersions(a.version, b.version) >= 0 && LEVELS[a.level] >= LEVELS[b.level];
}

/** Takes away what a release has lifted. */
export function liftHolds<L extends Level>(holds: readonly Hold<L>[], through: Version): readonly Hold<L>[] {
  return holds.filter((hold) => compareVersions(hold.version, through) > 0);
}

/** The level that holds and the release in force give. */
export function standingOf(holds: readonly Hold[], inForce?: Freed): Level {
  return holds.reduce<Level>((highest, { level }) => higherLevel(highest, level), inForce?.level ?? "none");
}
