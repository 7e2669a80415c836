/**
 * Advisories as the fleet applies them: on facts that it has verified. What it cannot know counts as a
 * match, and a match latches until a removal names the entry (DESIGN.md §7).
 */
import { higherLevel, type HoldLevel, type Level } from "../protocol/level.js";
import { applies, type Facts, matches, type Predicate } from "../protocol/predicate.js";
import { parsePredicate } from "../protocol/predicate-text.js";
import { type AdvisoryFact, type EventOf, fromBase64Url } from "./events.js";
import type { DeviceView } from "./view.js";

export interface AdvisoriesView {
  /** The newest of each, also of an earlier term. */
  readonly list?: EventOf<"advisories-issued">;
  readonly removal?: EventOf<"advisories-removed">;
  /** Entries that count, ascending by id, whatever their term. */
  readonly active: readonly ActiveAdvisory[];
  /** Highest id that was ever used. */
  readonly lastId: number;
}

export interface ActiveAdvisory extends AdvisoryFact {
  readonly predicate: Predicate;
}

export const NO_ADVISORIES: AdvisoriesView = { active: [], lastId: 0 };

/** A newer list takes nothing away: what an older one said counts until a removal names it. */
export function withList(known: AdvisoriesView, list: EventOf<"advisories-issued">): AdvisoriesView {
  const removed = known.removal?.version[0] === list.version[0] ? known.removal.ids : [];
  const isNew = ({ id }: AdvisoryFact) => !removed.includes(id) && !known.active.some((a) => a.id === id);
  const added = list.entries
    .filter(isNew)
    .map((entry) => ({ ...entry, predicate: parsePredicate(entry.match) }));
  const active = [...known.active, ...added].sort((a, b) => a.id - b.id);
  return { ...known, list, active, lastId: Math.max(known.lastId, ...list.entries.map(({ id }) => id)) };
}

export function withRemoval(known: AdvisoriesView, removal: EventOf<"advisories-removed">): AdvisoriesView {
  return { ...known, removal, active: known.active.filter(({ id }) => !removal.ids.includes(id)) };
}

/** The device after it was looked at in the light of `active`: the very same when nothing changes. */
export function latched(device: DeviceView, active: readonly ActiveAdvisory[]): DeviceView {
  const ids = latchedIds(device, active);
  if (ids.length === device.latched.length && ids.every((id, i) => id === device.latched[i])) return device;
  const advised = highest(active.filter(({ id }) => ids.includes(id)));
  return { ...device, latched: ids, advised, level: higherLevel<Level>(device.standing, advised) };
}

/** Which entries hold it: those that did and are still there, and those that match now. */
function latchedIds(device: DeviceView, active: readonly ActiveAdvisory[]): readonly number[] {
  if (active.length === 0) return [];
  const facts = factsOf(device);
  const holds = (entry: ActiveAdvisory) =>
    device.latched.includes(entry.id) || applies(entry.predicate, facts);
  return active.filter(holds).map(({ id }) => id);
}

/**
 * The level that the device, too, must come to from the same entries: it knows at least what the fleet has
 * verified, so that a definite answer here is one there. Its generation may be behind, and is left out.
 */
export function certainLevel(device: DeviceView, active: readonly ActiveAdvisory[]): HoldLevel {
  if (device.latched.length === 0) return "none";
  const { generation: _changes, ...facts } = factsOf(device);
  const certain = active.filter(
    ({ id, predicate }) => device.latched.includes(id) && matches(predicate, facts) === "yes",
  );
  return highest(certain);
}

/** What the fleet has verified. Firmware is only claimed: nobody has proven it. */
export function factsOf(device: DeviceView): Facts {
  const { number, model, hardwareId, key, birth, certificates } = device;
  const generation = certificates.at(-1)?.generation;
  return {
    number,
    model,
    hardwareId: fromBase64Url(hardwareId),
    algorithm: key.algorithm,
    ...(birth.station !== undefined && { station: birth.station }),
    ...(generation !== undefined && { generation }),
  };
}

function highest(entries: readonly AdvisoryFact[]): HoldLevel {
  return entries.reduce<HoldLevel>((level, entry) => higherLevel(level, entry.level), "none");
}
