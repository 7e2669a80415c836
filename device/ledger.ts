/**
 * What a device holds of the ledger: the newest Beacon, the denied set that a Beacon has proven, and the
 * parts of a change that are on their way. Nobody signs the data, so nothing counts before its digest is
 * the signed one (P1); the set that was proven last denies until a newer one is (P5). Pure.
 */
import type { Beacon } from "../protocol/beacon.js";
import { concatBytes, equalBytes } from "../protocol/bytes.js";
import type { Crypto } from "../protocol/crypto.js";
import type { Opened } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { MAX_LEDGER_BYTES } from "../protocol/ledger/bounds.js";
import { applyChange } from "../protocol/ledger/change.js";
import { contentCount, contentDigest, EMPTY_CONTENT } from "../protocol/ledger/content.js";
import type { LedgerPart, LedgerRequest } from "../protocol/ledger-part.js";
import { compareVersions, type Version } from "../protocol/version.js";

export interface LedgerHolding {
  /** The newest Beacon seen. */
  readonly head?: Opened<Beacon>;
  /** Absent: nothing is proven yet. */
  readonly set?: ProvenLedger;
  readonly partial?: PartialChange;
  /** What came for `head` was wrong: until the next Beacon the whole is asked for, no change of `set`. */
  readonly wholeOnly?: true;
}

/** A ledger in canonical form (protocol/ledger/content.ts), and the Beacon whose digest it has. */
export interface ProvenLedger {
  readonly beacon: Opened<Beacon>;
  readonly content: Uint8Array;
}

/** What has come of a change, from its beginning on. */
export interface PartialChange {
  /** The version it changes; absent: it is the whole ledger. */
  readonly from?: Version;
  readonly to: Version;
  /** Bytes of all of it. */
  readonly size: number;
  readonly received: Uint8Array;
}

/** How a document stands to the one held. "fork": the signer contradicts what it signed before. */
export type News = "newer" | "known" | "older" | "fork";

/** Versions count only in the term that the Authority names for their kind; all others are "older". */
export function newsOf(
  found: Opened<{ readonly version: Version }>,
  known: Opened<{ readonly version: Version }> | undefined,
  term: number,
): News {
  if (found.value.version[0] !== term) return "older";
  const order = known ? compareVersions(found.value.version, known.value.version) : 1;
  if (order !== 0 || !known) return order > 0 ? "newer" : "older";
  return equalBytes(found.hash, known.hash) ? "known" : "fork";
}

/**
 * A Beacon, by any carrier. One with the digest of the set held, or of the empty ledger, needs no data.
 * @param term - the Authority's ledger term.
 */
export function takeBeacon(
  holding: LedgerHolding,
  beacon: Opened<Beacon>,
  term: number,
  crypto: Crypto,
): { readonly holding: LedgerHolding; readonly outcome: News } {
  const outcome = newsOf(beacon, holding.head, term);
  if (outcome !== "newer") return { holding, outcome };
  const { set: held } = holding;
  const isHeld = held && equalBytes(held.beacon.value.digest, beacon.value.digest);
  const content = isHeld ? held.content : EMPTY_CONTENT;
  const set = isProvenBy(beacon.value, content, crypto) ? { beacon, content } : held;
  return { holding: { head: beacon, ...(set && { set }) }, outcome };
}

/** "wrong": all of it came and is not what the Beacon proves; whoever sent it erred or lied. */
export type PartOutcome = "proven" | "more" | "ignored" | "wrong";

/**
 * A part of a change, by any carrier. Parts count in order; a first part of another change begins anew,
 * since sources may code the same change differently. Only the Beacon's digest says whether it was right.
 */
export function takePart(
  holding: LedgerHolding,
  part: LedgerPart,
  term: number,
  crypto: Crypto,
): { readonly holding: LedgerHolding; readonly outcome: PartOutcome } {
  const head = missingHead(holding, term);
  if (!head || !leadsTo(head, part, holding)) return { holding, outcome: "ignored" };
  const { partial: held, ...rest } = holding;
  const same = held && held.size === part.size && sameVersion(held.from, part.from) ? held : undefined;
  // A later part of a change that is not the one begun: whoever has it cannot complete the other one.
  if (!same && part.offset > 0) return { holding: rest, outcome: "ignored" };
  if (part.offset !== (same?.received.length ?? 0)) return { holding, outcome: "ignored" };
  const { from, to, size } = part;
  const received = concatBytes(same?.received ?? new Uint8Array(), part.bytes);
  if (received.length < size)
    return { holding: { ...rest, partial: { ...(from && { from }), to, size, received } }, outcome: "more" };
  const content = changed(from ? holding.set?.content : EMPTY_CONTENT, received, head.value.denied);
  if (content && isProvenBy(head.value, content, crypto))
    return { holding: { head, set: { beacon: head, content } }, outcome: "proven" };
  return { holding: { ...rest, wholeOnly: true }, outcome: "wrong" };
}

/** What to ask for next; undefined when nothing is missing. @param maxPartBytes - 64 to 65,536. */
export function nextPart(
  holding: LedgerHolding,
  term: number,
  maxPartBytes: number,
): LedgerRequest | undefined {
  const head = missingHead(holding, term);
  if (!head) return undefined;
  const { partial, set, wholeOnly } = holding;
  const from = partial ? partial.from : wholeOnly ? undefined : set?.beacon.value.version;
  const offset = partial?.received.length ?? 0;
  return { ...(from && { from }), to: head.value.version, offset, maxPartBytes };
}

/**
 * The Beacon whose ledger is not held yet. A head of an earlier term is none: its signer is no longer
 * believed, and perhaps nobody has what it speaks of.
 */
function missingHead({ head, set }: LedgerHolding, term: number): Opened<Beacon> | undefined {
  if (!head || head.value.version[0] !== term) return undefined;
  return sameVersion(set?.beacon.value.version, head.value.version) ? undefined : head;
}

/** True for a part of what leads from the set held, or from nothing, to the head. */
function leadsTo(head: Opened<Beacon>, part: LedgerPart, { set, wholeOnly }: LedgerHolding): boolean {
  const { from, to, size, offset, bytes } = part;
  const fromHere = from === undefined || (!wholeOnly && sameVersion(from, set?.beacon.value.version));
  const fits = size <= MAX_LEDGER_BYTES && offset + bytes.length <= size;
  return fromHere && fits && sameVersion(to, head.value.version);
}

/** The count first: it is cheap, and bounds what there is to hash. */
function isProvenBy({ denied, digest }: Beacon, content: Uint8Array, crypto: Crypto): boolean {
  return contentCount(content) === denied && equalBytes(contentDigest(content, crypto), digest);
}

/**
 * Canonical, whatever form the change had: a whole ledger is a change of the empty one. No number toggles
 * that is in neither end, so a change that counts more is a lie, found before any time is spent on it.
 */
function changed(
  content: Uint8Array | undefined,
  change: Uint8Array,
  denied: number,
): Uint8Array | undefined {
  if (!content) return undefined;
  try {
    return contentCount(change) > contentCount(content) + denied ? undefined : applyChange(content, change);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function sameVersion(a: Version | undefined, b: Version | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && compareVersions(a, b) === 0);
}
