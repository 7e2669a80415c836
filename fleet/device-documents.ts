/** The next document for one device: what it has to say so that it takes nothing back and loses nothing. */
import { higherLevel, type HoldLevel, type Level } from "../protocol/level.js";
import type { ActName } from "../protocol/vector.js";
import type { Act, FactOf } from "./events.js";
import { type DeviceView, nextVersion } from "./view.js";

/**
 * What a directive is about, beside its level. `once`: one-shot acts to be done once more.
 * `lowestGeneration`: where that grows.
 */
interface Cause {
  readonly reason: string;
  readonly act?: string;
  readonly once?: Exclude<ActName, "wipe">;
  readonly lowestGeneration?: number;
}

/** Alarms that one release can name; a device keeps no more. */
const MAX_CLEARED_ALARMS = 16;
/** As far as a count goes on the wire: a device that claims it cannot be asked for more before a new term. */
const MAX_COUNT = 0xffff_ffff;

/**
 * A directive says the highest level since the last release, and never lowers (P13). The first one of a
 * new term also says what a release of an earlier term left: that release counts no more.
 */
export function directiveFact(
  device: DeviceView,
  level: HoldLevel,
  term: number,
  { reason, act, once, lowestGeneration = device.lowestGeneration }: Cause,
): FactOf<"directive-issued"> {
  const { number, holds, freed, asked } = device;
  const { wipe: _byRelease, ...counts } = asked;
  const left = freed && freed.version[0] !== term ? holdable(freed.level) : "none";
  return {
    type: "directive-issued",
    number,
    version: nextVersion(device, term),
    level: holds.reduce<HoldLevel>(
      (highest, hold) => higherLevel(highest, hold.level),
      higherLevel(level, left),
    ),
    reason,
    lowestGeneration,
    counts: once ? { ...counts, [once]: onceMore(counts[once], device.done[once]) } : counts,
    ...(act !== undefined && { act }),
  };
}

/** The highest that the hold key can say of it. */
export function holdable(level: Level): HoldLevel {
  return level === "revoked" ? "isolate" : level;
}

/** Carried out by a document of each of its devices: a directive, or a release. */
export type DocumentAct = Extract<Act, { readonly kind: "hold" | "release" | "count" }>;

export function isDocumentAct(act: Act): act is DocumentAct {
  return act.kind === "hold" || act.kind === "release" || act.kind === "count";
}

/** What an act of the release role leaves. A wipe neither lowers nor raises, so it leaves what stands. */
export function releaseFact(
  device: DeviceView,
  act: DocumentAct,
  id: string,
  term: number,
): FactOf<"release-issued"> {
  const { number, standing, alarms, asked, done } = device;
  const wiped = asked.wipe ?? 0;
  // What an earlier release cleared is said again: the device may have missed that one (P2).
  const cleared = device.release?.clearedAlarms ?? [];
  const lifted = act.kind === "release" ? alarms.map((alarm) => alarm.id) : [];
  const freshness = act.kind === "release" ? act.freshness : device.release?.freshness;
  return {
    type: "release-issued",
    number,
    version: nextVersion(device, term),
    // Two acts may be in force at once, after a crash in between: whatever their order, revoked is final.
    level: standing === "revoked" || act.kind === "count" ? standing : act.level,
    reason: act.reason,
    clearedAlarms: [...cleared, ...lifted].slice(-MAX_CLEARED_ALARMS),
    wipe: act.kind === "count" ? onceMore(wiped, done.wipe) : wiped,
    ...(freshness && { freshness }),
    act: id,
  };
}

/** Above what was asked for, and above what the device has done: a fleet may have forgotten what it asked. */
function onceMore(asked = 0, done = 0): number {
  return Math.min(Math.max(asked, done) + 1, MAX_COUNT);
}
