/**
 * The one thing a device is asking for at a time: which it is follows from the state alone, so a lost
 * connection, a reboot or a lost reply needs no memory of where it was.
 */
import type { PublicKey } from "../protocol/crypto.js";
import type { LedgerRequest } from "../protocol/ledger-part.js";
import type { ActName, ActsDone } from "../protocol/vector.js";
import { askedActs, dueActs } from "./acts.js";
import { nextPart } from "./ledger.js";
import type { OpenRequest } from "./record.js";
import { type DeviceState, nowSeconds, ofTerm, releaseWaits, type Session } from "./state.js";

export type Job = JobKind & {
  /** Being signed: what to make of the signature. */
  readonly finish?: (signature: Uint8Array) => Uint8Array;
  /** Sent, and to be sent again unchanged when no answer comes. */
  readonly sent?: { readonly bytes: Uint8Array; readonly atMs: number; readonly tries: number };
};
type JobKind =
  | { readonly kind: "time" | "sync"; readonly nonce: Uint8Array }
  | { readonly kind: "receipt" | "authority" | "ledger" }
  | (OpenRequest & { readonly newKey?: PublicKey; readonly proof?: Uint8Array });

/** Names of keys in the `KeyStore`. */
export const IDEVID_KEY = "idevid";
/** Part of a ledger that is asked for by a device that takes any: as much as the wire allows. */
const ANY_PART_BYTES = 65_536;

/** What to ask for next, if anything. */
export function nextJobKind(state: DeviceState, atMs: number): Job["kind"] | undefined {
  const { session, record } = state;
  if (!session || state.job || atMs < session.quietUntilMs) return undefined;
  // Until its ticket is answered or refused, a device asks for no other key: there is room for one.
  const waiting = record.request?.kind === "reenroll" && !session.ticketRefused;
  const ticketIsDue = waiting && atMs >= session.ticketAtMs;
  if (session.door === "lobby") return linksAreDue(state, session, atMs) ? "authority" : "time";
  switch (session.role) {
    case "pledge":
      if (linksAreDue(state, session, atMs)) return "authority";
      if (waiting) return ticketIsDue ? "reenroll" : undefined;
      return pledgeRequest(state, session);
    case "held":
    case "device":
      if (linksAreDue(state, session, atMs)) return "authority";
      if (ticketIsDue) return "reenroll";
      if (ledgerIsDue(state, session, atMs)) return "ledger";
      if (syncIsDue(state, session, atMs)) return "sync";
      if (state.receiptOwed && atMs >= session.spreadAtMs) return "receipt";
      return session.role === "device" && !waiting && newKeyIsDue(state, atMs) ? "renew" : undefined;
    default:
      return undefined;
  }
}

/** An IDevID says who a device was at birth: after a re-enrollment it gets nothing more by it. */
function pledgeRequest({ record, held }: DeviceState, { enrollInstead }: Session): "enroll" | "return" {
  if (record.base) return "return";
  if (enrollInstead) return "enroll";
  const { kind } = record.request ?? {};
  if (kind === "enroll" || kind === "return") return kind;
  return held.ldevid ? "return" : "enroll";
}

/** What to ask for of the ledger; undefined when nothing is missing. */
export function ledgerRequest({ held, build }: DeviceState): LedgerRequest | undefined {
  const term = held.trust.authority.value.terms.ledger;
  return nextPart(held.ledger, term, build.maxPartBytes ?? ANY_PART_BYTES);
}

/** How often each one-shot act is asked for. A document of an earlier term asks for nothing any more. */
export function actsAsked({ held }: DeviceState): ActsDone {
  const { directive: term } = held.trust.authority.value.terms;
  return askedActs(ofTerm(held.directive, term)?.value, ofTerm(held.release, term)?.value);
}

/** One-shot acts that are asked for and not done, in their order. */
export function actsDue(state: DeviceState): readonly ActName[] {
  return dueActs(actsAsked(state), state.record.done ?? {});
}

/** The time at which the present lease asks for the next sync. */
export function nextSyncSeconds({ held }: DeviceState): number | undefined {
  const lease = held.lease?.value;
  return lease && lease.time[1] + lease.nextSyncSeconds;
}

/** An LDevID is renewed from two thirds of its life on. */
export function renewalSeconds({ held }: DeviceState): number | undefined {
  const dates = held.ldevid;
  return dates && dates.notBefore + Math.floor(((dates.notAfter - dates.notBefore) * 2) / 3);
}

/** A gateway's notice may lie: one attempt in vain, and the connection goes on without. */
function linksAreDue({ held }: DeviceState, session: Session, atMs: number): boolean {
  const { linksDone, newestAuthority, ledgerAtMs = 0 } = session;
  // A Beacon goes to everyone at once: what it speaks of is asked for when its ledger is, at different times.
  const byBeacon = atMs >= ledgerAtMs ? (held.ledger.head?.value.authority ?? 0) : 0;
  const spokenOf = Math.max(newestAuthority, byBeacon);
  return !linksDone && spokenOf > held.trust.authority.value.version;
}

function ledgerIsDue(state: DeviceState, { ledgerAtMs }: Session, atMs: number): boolean {
  return ledgerAtMs !== undefined && atMs >= ledgerAtMs && ledgerRequest(state) !== undefined;
}

function syncIsDue(state: DeviceState, session: Session, atMs: number): boolean {
  if (!session.synced || state.syncOwed || state.probe || releaseWaits(state.held)) return true;
  if (removalWaits(state) && atMs >= session.spreadAtMs) return true;
  return nowSeconds(state, atMs) >= (nextSyncSeconds(state) ?? 0);
}

/** True when there is a removal that would free this device, and no lease has named it yet. */
function removalWaits({ held }: DeviceState): boolean {
  const { advisories, trust } = held;
  const removal = ofTerm(advisories.removal, trust.authority.value.terms.advisory);
  return advisories.latched.some(({ term, id }) => {
    return removal?.value.version[0] === term && removal.value.ids.includes(id);
  });
}

function newKeyIsDue(state: DeviceState, atMs: number): boolean {
  const due = renewalSeconds(state);
  return actsDue(state).includes("rekey") || (due !== undefined && nowSeconds(state, atMs) >= due);
}
