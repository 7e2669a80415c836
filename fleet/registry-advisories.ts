/** Advisories: rules for all devices that match, and their end. One document says all that counts (P2). */
import { MAX_ADVISORIES } from "../protocol/advisory.js";
import { ProtocolError } from "../protocol/errors.js";
import { applies } from "../protocol/predicate.js";
import { MAX_PREDICATE_TEXT, parsePredicate, printPredicate } from "../protocol/predicate-text.js";
import { NO_VERSION } from "../protocol/version.js";
import { factsOf } from "./advisories.js";
import type { Act, AdvisoryFact, FactOf } from "./events.js";
import { accept, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { MAX_ACT_DEVICES } from "./registry-acts.js";
import { type FleetView, inTerm, numbersOfHardware, versionAfter } from "./view.js";

/** Work that the log shows to be open: the list stands in a term that no longer counts. */
export interface RenewedList {
  readonly type: "renew-list";
}

type Advise = Extract<Act, { readonly kind: "advise" }>;
type Unadvise = Extract<Act, { readonly kind: "unadvise" }>;

/** Ids that one removal has room for: all that were removed in its term. */
const MAX_REMOVED = 256;
const FULL = {
  list: `${MAX_ADVISORIES} advisories count already: remove one first`,
  removal: `${MAX_REMOVED} advisories were removed in this term: raise the advisory term to remove more`,
};

/** Finds the devices that a rule is about. @returns the act as it is to be recorded, or a refusal. */
export function resolveRule(
  view: FleetView,
  act: Advise | Unadvise,
  context: Context,
): { readonly act: Act } | Decision {
  return act.kind === "advise" ? resolveAdvise(view, act, context) : resolveUnadvise(view, act, context);
}

function resolveAdvise(view: FleetView, act: Advise, context: Context): { readonly act: Act } | Decision {
  try {
    const predicate = parsePredicate(act.match);
    const match = printPredicate(predicate);
    if (match.length > MAX_PREDICATE_TEXT)
      return refuse("bad-request", `written out, this rule has more than ${MAX_PREDICATE_TEXT} characters`);
    const matched = [...view.devices.values()].filter(
      (device) => device.level !== "revoked" && applies(predicate, factsOf(device)),
    );
    const all = matched.flatMap(({ number }) => numbersOfHardware(view, number)); // standing is the hardware's (P7)
    const numbers = [...new Set(all)].sort((a, b) => a - b);
    if (numbers.length > MAX_ACT_DEVICES)
      return refuse("bad-request", `this rule matches more than ${MAX_ACT_DEVICES} devices: narrow it`);
    return hasRoom(view, act, context) ? { act: { ...act, match, numbers } } : refuse("conflict", FULL.list);
  } catch (error) {
    if (error instanceof ProtocolError) return refuse("bad-request", error.message);
    throw error;
  }
}

function resolveUnadvise(view: FleetView, act: Unadvise, context: Context): { readonly act: Act } | Decision {
  if (!view.advisories.active.some(({ id }) => id === act.id))
    return refuse("not-found", `there is no advisory ${act.id} that counts`);
  if (!hasRoom(view, act, context)) return refuse("conflict", FULL.removal);
  const held = [...view.devices.values()].filter(({ latched }) => latched.includes(act.id));
  const numbers = held.map(({ number }) => number).sort((a, b) => a - b);
  return { act: { ...act, numbers: numbers.slice(0, MAX_ACT_DEVICES) } }; // what is said of the rest is the same
}

/** One more entry fits into the document that carries out this act. */
export function hasRoom({ advisories }: FleetView, act: Advise | Unadvise, context: Context): boolean {
  if (act.kind === "advise") return advisories.active.length < MAX_ADVISORIES;
  const { removal } = advisories;
  return removal?.version[0] !== context.terms.advisory || removal.ids.length < MAX_REMOVED;
}

/** The next list: all that counts, and one entry more. Ids are never used again. */
export function listFact(
  view: FleetView,
  { terms }: Context,
  added?: { readonly act: Advise; readonly id: string },
): FactOf<"advisories-issued"> {
  const { active, list, lastId } = view.advisories;
  const known = active.map(({ id, match, level, reason }): AdvisoryFact => ({ id, match, level, reason }));
  const version = versionAfter(list?.version ?? NO_VERSION, terms.advisory);
  if (!added) return { type: "advisories-issued", version, entries: known };
  const { match, level, reason } = added.act;
  const entries = [...known, { id: lastId + 1, match, level, reason }];
  return { type: "advisories-issued", version, entries, act: added.id };
}

/** The next removal: all ids that were removed in this term, and one more. */
export function removalFact(
  view: FleetView,
  { terms }: Context,
  { act, id }: { readonly act: Unadvise; readonly id: string },
): FactOf<"advisories-removed"> {
  const { removal } = view.advisories;
  const before = removal?.version[0] === terms.advisory ? removal.ids : [];
  const ids = [...new Set([...before, act.id])].sort((a, b) => a - b);
  const version = versionAfter(removal?.version ?? NO_VERSION, terms.advisory);
  return { type: "advisories-removed", version, ids, act: id };
}

/**
 * After its term was raised, the list starts again at 1 with the entries that still count; with none of them
 * too, so that everyone holds a list of the term that counts.
 */
export function listIsOld({ advisories: { list } }: FleetView, { terms }: Context): boolean {
  return list !== undefined && inTerm(list.version, terms.advisory) === NO_VERSION;
}

export function decideRenewedList(view: FleetView, context: Context): Decision {
  if (!listIsOld(view, context)) return refuse("conflict", "nothing to do");
  return accept(listFact(view, context));
}
