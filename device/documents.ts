/**
 * What a document does to a device: pure, order-independent, never backwards (P2, P3). Documents for
 * another device, of another term or of an older version change nothing.
 */
import { equalBytes } from "../protocol/bytes.js";
import type { Opened } from "../protocol/envelope.js";
import type { Level } from "../protocol/level.js";
import type { Lease } from "../protocol/lease.js";
import type { LedgerPart } from "../protocol/ledger-part.js";
import type { Release } from "../protocol/release.js";
import { addHold, liftHolds } from "../protocol/standing.js";
import type { SyncToken } from "../protocol/sync-token.js";
import { type ActsDone, reaches } from "../protocol/vector.js";
import { compareVersions, NO_VERSION } from "../protocol/version.js";
import { mergeDone } from "./acts.js";
import { takeList, takeRemoval } from "./advisories.js";
import { raiseAlarm } from "./alarms.js";
import { evaluated, removalInForce, withAdvisories } from "./facts.js";
import { type LedgerHolding, type News, newsOf, type PartOutcome, takeBeacon, takePart } from "./ledger.js";
import type { StandingDocument } from "./edge.js";
import type { DeviceRecord } from "./record.js";
import { type DeviceState, heldVector, releaseWaits, withHeld } from "./state.js";

/** The state after a document; the very same state when it changes nothing. */
export function applyDocument(state: DeviceState, document: StandingDocument): DeviceState {
  const { record, held, crypto } = state;
  const { terms } = held.trust.authority.value;
  switch (document.name) {
    case "beacon": {
      const { holding, outcome } = takeBeacon(held.ledger, document.opened, terms.ledger, crypto);
      return afterNews(state, outcome, () => withLedger(state, holding));
    }
    case "advisory-list": {
      const { holding, outcome } = takeList(held.advisories, document.opened, terms.advisory);
      if (outcome === "shrunk") return state;
      return afterNews(state, outcome, () => evaluated(withAdvisories(state, holding)));
    }
    case "advisory-removal": {
      const { holding, outcome } = takeRemoval(held.advisories, document.opened, terms.advisory);
      return afterNews(state, outcome, () => withAdvisories(state, holding));
    }
    case "directive": {
      const { opened } = document;
      if (opened.value.subject !== record.number) return state;
      const lifted = compareVersions(opened.value.version, held.freed?.value.version ?? NO_VERSION) < 0;
      const holds = lifted ? record.holds : addHold<Level>(record.holds, opened.value);
      const news = newsOf(opened, held.directive, terms.directive);
      return afterNews(state, news, () =>
        withHeld(state, { directive: opened }, { directive: opened.bytes, holds }),
      );
    }
    case "release": {
      const { opened } = document;
      const final = held.release?.value.level === "revoked"; // nothing lowers it
      if (opened.value.subject !== record.number || final) return state;
      // Not in force yet: until a lease names it, it can only raise (P13), and so is one hold more.
      const holds = addHold<Level>(record.holds, opened.value);
      const news = newsOf(opened, held.release, terms.directive);
      return afterNews(state, news, () =>
        withHeld(state, { release: opened }, { release: opened.bytes, holds }),
      );
    }
    case "unreadable-directive": {
      if (document.subject !== record.number || document.version[0] !== terms.directive) return state;
      const newest = held.directive?.value.version ?? NO_VERSION;
      if (compareVersions(document.version, newest) <= 0) return state;
      return record.alarms.some(({ kind }) => kind === "unreadable")
        ? state
        : raiseAlarm(state, "unreadable");
    }
  }
}

/** Same version with other content is a fork: somebody signs twice. */
function afterNews(state: DeviceState, news: News, newer: () => DeviceState): DeviceState {
  if (news === "newer") return newer();
  return news === "fork" ? raiseAlarm(state, "fork") : state;
}

/** A part of the ledger; `outcome` says what it was good for. */
export function applyPart(
  state: DeviceState,
  part: LedgerPart,
): { readonly state: DeviceState; readonly outcome: PartOutcome } {
  const { trust, ledger } = state.held;
  const { holding, outcome } = takePart(ledger, part, trust.authority.value.terms.ledger, state.crypto);
  return { state: holding === ledger ? state : withLedger(state, holding), outcome };
}

/** What came of a change stays in memory: after a power cut it is asked for again. */
function withLedger(state: DeviceState, ledger: LedgerHolding): DeviceState {
  const { head, set } = ledger;
  const known = state.held.ledger;
  const record = {
    ...(head && head !== known.head && { beacon: head.bytes }),
    ...(set && set !== known.set && { ledger: { beacon: set.beacon.bytes, content: set.content } }),
  };
  const next = { ...state, held: { ...state.held, ledger } };
  return Object.keys(record).length === 0 ? next : { ...next, record: { ...state.record, ...record } };
}

/**
 * The state after a lease that answers this device's question, whether or not it counts: what the fleet has
 * receipts for is not done again, and its token is shown in the next sync. An Authority that came between
 * question and answer may have begun a new term of directives, and a lease from before it would bring the old
 * counts back: those are left out.
 * Undefined when it does not answer: another device or nonce, another term, or time running backwards.
 */
export function heardLease(
  before: DeviceState,
  lease: Opened<Lease>,
  nonce: Uint8Array,
): DeviceState | undefined {
  const { subject, time, required, token } = lease.value;
  const { record, held } = before;
  const { version, terms } = held.trust.authority.value;
  if (subject !== record.number || !equalBytes(lease.value.nonce, nonce)) return undefined;
  if (time[0] !== terms.time || time[1] < record.signedSeconds) return undefined;
  const state = token ? followToken(before, token) : before;
  return required.authority < version ? state : withReceipted(state, lease.value.done);
}

/** Acts that wait for this can go on: what is not in it was not done. */
function withReceipted(state: DeviceState, receipted: ActsDone | undefined): DeviceState {
  const { actsWait, ...record } = state.record;
  if (!receipted) return actsWait ? { ...state, record } : state;
  return { ...state, record: { ...record, done: mergeDone(record.done ?? {}, receipted) } };
}

/** A token counts when it follows on the one held: an answer that comes late leads onto no other branch. */
function followToken(state: DeviceState, token: SyncToken): DeviceState {
  const { record } = state;
  return token.after === (record.token?.n ?? 0) ? { ...state, record: { ...record, token } } : state;
}

/** The state after a lease, or undefined when the lease does not count: see above, or a vector not reached. */
export function applyLease(
  before: DeviceState,
  lease: Opened<Lease>,
  nonce: Uint8Array,
  atMs: number,
): DeviceState | undefined {
  const state = heardLease(before, lease, nonce);
  if (!state || !reaches(heldVector(state), lease.value.required)) return undefined;
  const { lapsedSeconds: _over, ...record } = state.record;
  const { held } = state;
  const freed = releaseWaits(held) ? held.release : undefined;
  const timed = { signedSeconds: lease.value.time[1], poweredSeconds: 0, lease: lease.bytes };
  const next = withHeld(
    { ...state, record },
    { lease, ...(freed && { freed }) },
    { ...timed, ...(freed && { freed: freed.bytes, ...liftedBy(record, freed.value) }) },
  );
  return removalInForce({ ...next, anchorMs: atMs });
}

/** What is left of holds and alarms once a release is in force. */
function liftedBy(
  record: Pick<DeviceRecord, "holds" | "alarms">,
  { version, clearedAlarms = [] }: Release,
): Partial<DeviceRecord> {
  return {
    holds: liftHolds(record.holds, version),
    alarms: record.alarms.filter(({ id }) => !clearedAlarms.includes(id)),
  };
}
