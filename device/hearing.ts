/** Documents, links and parts of the ledger, whoever brought them, and the lease that may come with them. Pure. */
import { equalBytes } from "../protocol/bytes.js";
import type { LedgerPart } from "../protocol/ledger-part.js";
import { adoptAuthority, type Links } from "./authorities.js";
import { applyDocument, applyLease, applyPart, heardLease } from "./documents.js";
import type { FleetMessage, StandingDocument } from "./edge.js";
import type { PartOutcome } from "./ledger.js";
import { followUpMs, pause } from "./pauses.js";
import { type DeviceState, nowSeconds, type Session, standing } from "./state.js";
import { type Moment, only, type Step, withoutJob } from "./steps.js";

/** What one message brought that proves itself. */
interface Heard {
  readonly links?: Links;
  readonly documents?: readonly StandingDocument[];
  readonly part?: LedgerPart;
}

/** Links first, since they say what counts; then the documents; the ledger last, since a Beacon proves it. */
export function applyHeard(
  state: DeviceState,
  { links, documents = [], part }: Heard,
  atMs: number,
): { readonly state: DeviceState; readonly outcome: PartOutcome } {
  const under = links ? adoptAuthority(state, links, atMs) : state;
  const informed = documents.reduce(applyDocument, under);
  return part ? applyPart(informed, part) : { state: informed, outcome: "ignored" };
}

/**
 * What came by itself: pushed by a gateway, brought by a peer or on a stick (P1). What everyone was told at
 * once is followed up at different times, or all would speak together.
 */
export function hear(state: DeviceState, heard: Heard, moment: Moment): Step {
  const asked = state.job?.kind === "ledger";
  const { state: next, outcome } = applyHeard(state, heard, moment.atMs);
  if (next === state && outcome === "ignored") return only(state);
  const told = owesReceipt(state, next);
  if (!state.session) return only(told);
  const [headBefore, head] = [state.held.ledger.head, next.held.ledger.head];
  if (asked && head === headBefore && heard.part)
    return only(afterAnswer(told, state.session, outcome, moment));
  const spreadAtMs = followUpMs(moment);
  const later = head !== headBefore || outcome === "more" ? { ledgerAtMs: spreadAtMs } : {};
  const forAll = next.held.advisories !== state.held.advisories ? { spreadAtMs } : {};
  const rest = asked && head !== headBefore ? withoutJob(told) : told; // what was asked for is out of date
  return only({ ...rest, session: { ...state.session, ...later, ...forAll } });
}

/** A part came while one was asked for. What is missing still is asked for at once; after a bad one, later. */
function afterAnswer(
  state: DeviceState,
  session: Session,
  outcome: PartOutcome,
  { atMs }: Moment,
): DeviceState {
  const paused = isProgress(outcome) ? {} : pause(session, false, atMs);
  return { ...withoutJob(state), session: { ...session, ledgerAtMs: atMs, ...paused } };
}

function isProgress(outcome: PartOutcome): boolean {
  return outcome === "more" || outcome === "proven";
}

/** The reply to a sync over this connection. */
export function takeSyncReply(
  state: DeviceState,
  message: FleetMessage & { name: "sync-reply" },
  session: Session,
  moment: Moment,
): Step {
  const { atMs } = moment;
  const { next, leased, outcome } = withLease(withoutJob(state), message, moment);
  const ledgerAtMs = outcome === "more" ? atMs : (session.ledgerAtMs ?? followUpMs(moment));
  const paused = pause(session, leased || isProgress(outcome), atMs); // with progress the next one is not in vain
  const atOnce = next.probe && session.fruitless === 0 ? { quietUntilMs: 0 } : {}; // who asks again and again waits
  const synced = leased || session.synced;
  const after = { ...session, ledgerAtMs, synced, ...paused, ...atOnce };
  return only({ ...owesReceipt(state, next), session: after });
}

/**
 * The reply to a question that was carried by hand, at any time, once. Time runs on from what was known
 * before: a reply that somebody kept back makes no device fresher than it is.
 */
export function takeChallengeReply(
  state: DeviceState,
  message: FleetMessage & { name: "sync-reply" },
  moment: Moment,
): Step {
  const before = nowSeconds(state, moment.atMs);
  const { next, leased } = withLease(state, message, moment);
  const told = owesReceipt(state, next);
  if (!leased) return only(told);
  const { challenge: _answered, ...record } = told.record;
  const poweredSeconds = Math.max(0, before - record.signedSeconds);
  return only({ ...told, record: { ...record, poweredSeconds } });
}

/** True when this replies to a question that was carried by hand. */
export function answersChallenge({ record }: DeviceState, nonce: Uint8Array): boolean {
  return record.challenge !== undefined && equalBytes(record.challenge, nonce);
}

function withLease(
  state: DeviceState,
  message: FleetMessage & { name: "sync-reply" },
  { atMs }: Moment,
): { readonly next: DeviceState; readonly leased: boolean; readonly outcome: PartOutcome } {
  const { links, documents, ledger: part, lease, nonce, probe } = message;
  const heard = { links, documents, ...(part && { part }) };
  const { probe: _answered, ...asked } = state;
  const { state: informed, outcome } = applyHeard(
    !lease && probe ? probed(asked, probe) : asked,
    heard,
    atMs,
  );
  if (!lease) return { next: informed, leased: false, outcome };
  const leased = applyLease(informed, lease, nonce, atMs);
  const next = leased ?? heardLease(informed, lease, nonce) ?? informed;
  return { next, leased: leased !== undefined, outcome };
}

/** Somebody showed a newer token than the one that is held here. */
function probed(state: DeviceState, probe: Uint8Array): DeviceState {
  const record = state.record.actsWait ? state.record : { ...state.record, actsWait: true as const };
  return { ...state, probe, record };
}

/** What changed for this device is confirmed. What went to everyone and changed nothing here is not. */
function owesReceipt(before: DeviceState, after: DeviceState): DeviceState {
  const own = (["directive", "release", "freed"] as const).some(
    (name) => before.held[name] !== after.held[name],
  );
  const owed = own || standing(before) !== standing(after) || before.record.alarms !== after.record.alarms;
  return owed ? { ...after, receiptOwed: true } : after;
}
