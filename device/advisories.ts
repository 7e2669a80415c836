/**
 * Advisories as a device holds them: the newest list, the removals, and which entries have matched it. A
 * match latches: what raised the level does not fall with a fact that changes later, only with its entry.
 * Lists can only raise. What lowers is a removal by the release quorum, or a new term, which takes the root
 * keys; and both wait for a lease (P13). Pure.
 */
import { type Advisory, AdvisoryList, type AdvisoryRemoval } from "../protocol/advisory.js";
import { equalBytes } from "../protocol/bytes.js";
import type { Opened } from "../protocol/envelope.js";
import { higherLevel, type HoldLevel, type Level } from "../protocol/level.js";
import { applies, type Facts } from "../protocol/predicate.js";
import { type News, newsOf } from "./ledger.js";

export interface AdvisoryHolding {
  /** The newest list. */
  readonly list?: Opened<AdvisoryList>;
  /** The newest removal. */
  readonly removal?: Opened<AdvisoryRemoval>;
  /** The removal that a lease has put in force. */
  readonly freed?: Opened<AdvisoryRemoval>;
  /**
   * Entries that matched and still count: at most 64 of the list, and 256 that a removal names and no lease
   * has confirmed. All of the present term; authorities.ts says what becomes of them with the next one.
   */
  readonly latched: readonly Latch[];
}

export interface Latch {
  readonly term: number;
  readonly id: number;
  readonly level: HoldLevel;
}

export const NO_ADVISORIES: AdvisoryHolding = { latched: [] };

/**
 * "fork": it alters an entry that it signed before, or is out of order. "shrunk": an entry is gone that no
 * removal held names. That is no alarm: the removal may be on its way behind it, and until it has come the
 * list held says more. The next sync brings both.
 */
type ListOutcome = News | "shrunk";

/**
 * An advisory list, by any carrier. `evaluate` afterwards.
 * @param term - the Authority's advisory term.
 */
export function takeList(
  holding: AdvisoryHolding,
  list: Opened<AdvisoryList>,
  term: number,
): { readonly holding: AdvisoryHolding; readonly outcome: ListOutcome } {
  const { list: known, removal } = holding;
  const news = newsOf(list, known, term);
  if (news !== "newer") return { holding, outcome: news };
  const { entries } = list.value;
  if (!isAscending(entries)) return { holding, outcome: "fork" };
  if (known?.value.version[0] !== term) return { holding: { ...holding, list }, outcome: news };
  const found = known.value.entries.map((entry) => ({
    entry,
    now: entries.find(({ id }) => id === entry.id),
  }));
  if (found.some(({ entry, now }) => now && !isSame(entry, now))) return { holding, outcome: "fork" };
  const removed = removal?.value.version[0] === term ? removal.value.ids : [];
  if (found.some(({ entry, now }) => !now && !removed.includes(entry.id)))
    return { holding, outcome: "shrunk" };
  return { holding: { ...holding, list }, outcome: news };
}

/** A removal, by any carrier. It changes no level until a lease names it. */
export function takeRemoval(
  holding: AdvisoryHolding,
  removal: Opened<AdvisoryRemoval>,
  term: number,
): { readonly holding: AdvisoryHolding; readonly outcome: News } {
  const { removal: known } = holding;
  const news = newsOf(removal, known, term);
  if (news !== "newer") return { holding, outcome: news };
  const before = known?.value.version[0] === term ? known.value.ids : [];
  const says = new Set(removal.value.ids);
  if (!before.every((id) => says.has(id))) return { holding, outcome: "fork" };
  return { holding: { ...holding, removal }, outcome: news };
}

/** To be called when a lease counts: it named the very removal held. */
export function putInForce(holding: AdvisoryHolding): AdvisoryHolding {
  const { removal, latched } = holding;
  const gone = ({ term, id }: Latch) => names(removal, term, id);
  return { ...holding, ...(removal && { freed: removal }), latched: latched.filter((latch) => !gone(latch)) };
}

/** Latches what matches now, of a list of the present term. To be called at start, and after each change. */
export function evaluate(holding: AdvisoryHolding, facts: Facts): AdvisoryHolding {
  const { list, freed, latched } = holding;
  if (!list) return holding;
  const term = list.value.version[0];
  const isNew = ({ id }: Advisory) =>
    !names(freed, term, id) && !latched.some((latch) => latch.term === term && latch.id === id);
  const found = list.value.entries
    .filter((entry) => isNew(entry) && applies(entry.match, facts))
    .map(({ id, level }) => ({ term, id, level }));
  return found.length === 0 ? holding : { ...holding, latched: [...latched, ...found] };
}

/** The highest level that an entry asks of this device. */
export function advisedLevel({ latched }: AdvisoryHolding): Level {
  return latched.reduce<Level>((highest, { level }) => higherLevel(highest, level), "none");
}

/** Ids are unique within a term only. */
function names(removal: Opened<AdvisoryRemoval> | undefined, term: number, id: number): boolean {
  return removal?.value.version[0] === term && removal.value.ids.includes(id);
}

function isAscending(entries: readonly Advisory[]): boolean {
  return entries.every(({ id }, i) => i === 0 || id > entries[i - 1]!.id);
}

function isSame(a: Advisory, b: Advisory): boolean {
  return equalBytes(encoded(a), encoded(b));
}

function encoded(entry: Advisory): Uint8Array {
  return AdvisoryList.encode({ version: [0, 0], entries: [entry], issuedAt: 0 });
}
