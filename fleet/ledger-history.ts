/**
 * How the ledger came to what it is: which numbers toggled at which epoch, and which lowest generations
 * changed. So a change from any epoch to any later one can be composed, also for a device that was dark
 * for a thousand of them. Nothing is kept twice: what is denied now is the sum of all that toggled.
 */
import { equalBytes } from "../protocol/bytes.js";
import type { Crypto } from "../protocol/crypto.js";
import { parseEnvelope } from "../protocol/cose.js";
import { payloadHash } from "../protocol/envelope.js";
import { encodeContent } from "../protocol/ledger/content.js";
import { compareVersions, type Version } from "../protocol/version.js";
import { type Base64Url, type EventOf, fromBase64Url } from "./events.js";

export interface LedgerHistory {
  /** Numbers in the order in which they toggled; `toggledEnds[e]`: how many of them up to epoch e. */
  readonly toggled: readonly number[];
  readonly toggledEnds: readonly number[];
  /** The same for entries of the map of lowest generations, which only grow. */
  readonly raised: readonly GenerationEntry[];
  readonly raisedEnds: readonly number[];
  /** Beacons by "term/epoch", as signed, oldest first; at most `MAX_BEACONS`. */
  readonly beacons: ReadonlyMap<string, Base64Url | undefined>;
  readonly newest?: Version;
  /** What was composed up to one epoch, by where it starts: many devices ask the same. */
  readonly composed: { readonly to: number; readonly changes: ReadonlyMap<number, Uint8Array> };
}

export type GenerationEntry = readonly [number: number, lowestGeneration: number];

/** What somebody says that they hold: a Beacon's version and, where they tell it, the hash of its payload. */
export interface HeldLedger {
  readonly version: Version;
  readonly hash?: Uint8Array;
}

/** From where to where, and the bytes that lead there; without `from` they are the whole ledger. */
export interface LedgerPath {
  readonly from?: Version;
  readonly to: Version;
  readonly bytes: Uint8Array;
}

/** A device that holds an older one gets the whole ledger. */
export const MAX_BEACONS = 65_536;
const MAX_COMPOSED = 64;
const MAX_HASHES = 64;

export function emptyLedger(): LedgerHistory {
  return {
    toggled: [],
    toggledEnds: [0],
    raised: [],
    raisedEnds: [0],
    beacons: new Map(),
    composed: { to: 0, changes: new Map() },
  };
}

/** One more epoch, in place. @returns the epoch. @param toggled - numbers, each once. */
export function advanceLedger(
  ledger: LedgerHistory,
  toggled: readonly number[],
  raised: readonly GenerationEntry[],
): number {
  for (const number of toggled) (ledger.toggled as number[]).push(number);
  for (const entry of raised) (ledger.raised as GenerationEntry[]).push(entry);
  (ledger.raisedEnds as number[]).push(ledger.raised.length);
  return (ledger.toggledEnds as number[]).push(ledger.toggled.length) - 1;
}

/** Remembers a Beacon, in place but for `newest`: what a device names as its ledger must be one of them. */
export function withBeacon(ledger: LedgerHistory, beacon: EventOf<"beacon-issued">): LedgerHistory {
  const beacons = ledger.beacons as Map<string, Base64Url | undefined>;
  beacons.set(keyOf(beacon.version), beacon.signed);
  const oldest = beacons.keys().next().value;
  if (beacons.size > MAX_BEACONS && oldest !== undefined) beacons.delete(oldest);
  return { ...ledger, newest: beacon.version };
}

/** The ledger at the newest epoch or at `to`. @throws ProtocolError "too-large" */
export function wholeContent(ledger: LedgerHistory, to: number = newestEpoch(ledger)): Uint8Array {
  return composed(ledger, 0, to); // a content is the change from the empty ledger to itself
}

/** What leads from one epoch to the newest or to `to`; undefined for an epoch that never was before that. */
export function changeSince(
  ledger: LedgerHistory,
  epoch: number,
  to: number = newestEpoch(ledger),
): Uint8Array | undefined {
  return epoch >= 0 && epoch <= to && to <= newestEpoch(ledger) ? composed(ledger, epoch, to) : undefined;
}

/**
 * What leads to the ledger of the newest Beacon: a change where that is smaller than the whole and starts
 * from a Beacon that this fleet issued, else the whole.
 * @param held - the Beacon that the device names; with `hash` it must be the very one.
 * @returns undefined when there is nothing to send: no Beacon yet, or none that is newer than what is held.
 */
export function pathFrom(
  ledger: LedgerHistory,
  held: HeldLedger | undefined,
  crypto: Crypto,
): LedgerPath | undefined {
  const { newest: to } = ledger;
  if (!to) return undefined;
  const isOurs = held !== undefined && isIssued(ledger, held, crypto);
  const order = held ? compareVersions(held.version, to) : -1;
  if (order > 0 || (order === 0 && isOurs)) return undefined;
  const whole = wholeContent(ledger, to[1]);
  const change = isOurs ? changeSince(ledger, held.version[1], to[1]) : undefined;
  return change && change.length < whole.length
    ? { from: held!.version, to, bytes: change }
    : { to, bytes: whole };
}

/** Epochs at which a number's place in the denied set changed, ascending: first in, then out, and so on. */
export function epochsOf(ledger: LedgerHistory, number: number): readonly number[] {
  const places = ledger.toggled.flatMap((toggled, i) => (toggled === number ? [i] : []));
  return places.map((place) => ledger.toggledEnds.findIndex((end) => end > place));
}

/** The epoch of a Beacon that this fleet issued and remembers; undefined for any other. */
export function issuedEpoch({ beacons }: LedgerHistory, version: Version): number | undefined {
  return beacons.has(keyOf(version)) ? version[1] : undefined;
}

/** A Beacon of this version was issued and, if `hash` is given, has this very payload. */
function isIssued({ beacons }: LedgerHistory, { version, hash }: HeldLedger, crypto: Crypto): boolean {
  const signed = beacons.get(keyOf(version));
  if (hash === undefined || signed === undefined) return hash === undefined && beacons.has(keyOf(version));
  return equalBytes(hashOf(signed, crypto), hash);
}

/** Of Beacons that devices have named lately, the oldest first. */
const hashes = new Map<Base64Url, Uint8Array>();

function hashOf(signed: Base64Url, crypto: Crypto): Uint8Array {
  const known = hashes.get(signed);
  if (known) return known;
  const hash = payloadHash(parseEnvelope(fromBase64Url(signed)), crypto);
  const oldest = hashes.keys().next().value;
  if (hashes.size >= MAX_HASHES && oldest !== undefined) hashes.delete(oldest);
  hashes.set(signed, hash);
  return hash;
}

function newestEpoch({ toggledEnds }: LedgerHistory): number {
  return toggledEnds.length - 1;
}

function keyOf([term, epoch]: Version): string {
  return `${term}/${epoch}`;
}

function composed(ledger: LedgerHistory, from: number, to: number): Uint8Array {
  const cache = ledger.composed as { to: number; changes: Map<number, Uint8Array> };
  if (cache.to !== to) Object.assign(cache, { to, changes: new Map() });
  const known = cache.changes.get(from);
  if (known) return known;
  const change = compose(ledger, from, to);
  const oldest = cache.changes.keys().next().value;
  if (cache.changes.size >= MAX_COMPOSED && oldest !== undefined) cache.changes.delete(oldest);
  cache.changes.set(from, change);
  return change;
}

/** What toggled an even number of times is where it was. */
function compose(ledger: LedgerHistory, from: number, to: number): Uint8Array {
  const odd = new Set<number>();
  for (let i = ledger.toggledEnds[from]!; i < ledger.toggledEnds[to]!; i++) {
    const number = ledger.toggled[i]!;
    if (!odd.delete(number)) odd.add(number);
  }
  const raised = ledger.raised.slice(ledger.raisedEnds[from], ledger.raisedEnds[to]);
  return encodeContent({ denied: Uint32Array.from(odd).sort(), generations: new Map(raised) });
}
