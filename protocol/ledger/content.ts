/**
 * A ledger content: which numbers are denied, and the map number → lowest generation, coded. It is what the
 * Beacon's digest speaks of, what a device keeps, and what it asks when it meets a peer. A content is also
 * the change from the empty ledger to itself (see change.ts), so a snapshot needs no format of its own.
 */
import { concatBytes } from "../bytes.js";
import type { Crypto } from "../crypto.js";
import { ProtocolError } from "../errors.js";
import { BitReader } from "./bits.js";
import { MAX_LEDGER_BYTES, MAX_NUMBER } from "./bounds.js";
import { encodeGenerations, type Entry, readGenerations } from "./generations.js";
import { readCount, readNumbers } from "./read-numbers.js";
import { type Runs, runsOf } from "./runs.js";
import { encodeNumbers } from "./write-numbers.js";

/** Nothing denied, no generation above the first. */
export const EMPTY_CONTENT: Uint8Array = Uint8Array.of(0, 0);

/** A number without an entry: certificates of its first keys hold. */
const FIRST_GENERATION = 1;

/**
 * The same ledger gives the same bytes.
 * @param ledger.denied - ascending, each number once, from 1 to 2^32 − 1.
 * @param ledger.generations - number → lowest generation, 2 to 2^32 − 1; numbers without one have no entry.
 * @throws RangeError when either is not so; ProtocolError "too-large" when it is more than a content holds.
 */
export function encodeContent(ledger: {
  readonly denied: Iterable<number>;
  readonly generations: ReadonlyMap<number, number>;
}): Uint8Array {
  const entries = [...ledger.generations].toSorted(([a], [b]) => a - b);
  runsOf(entries.map(([number]) => number)); // throws for what is no device number
  if (entries.some(([, lowest]) => !Number.isInteger(lowest) || lowest < 2 || lowest > MAX_NUMBER))
    throw new RangeError("a lowest generation must be from 2 to 2^32 - 1");
  return joined(runsOf(ledger.denied), entries);
}

/** Reads all of it: what comes from outside passes here first. @throws ProtocolError */
export function checkContent(content: Uint8Array): void {
  for (const _ of generationsIn(content)); // they stand behind the numbers
}

/** How many numbers it says are denied; a checked content has that many. */
export function contentCount(content: Uint8Array): number {
  return readCount(opened(content));
}

/** Reads up to the first run that ends at `number` or behind it. */
export function holdsNumber(content: Uint8Array, number: number): boolean {
  for (const { first, last } of deniedIn(content)) if (last >= number) return first <= number;
  return false;
}

/** 1 for a number without an entry. */
export function lowestGeneration(content: Uint8Array, number: number): number {
  for (const [at, lowest] of generationsIn(content)) {
    if (at === number) return lowest;
    if (at > number) break;
  }
  return FIRST_GENERATION;
}

/**
 * Digest of a ledger in canonical form: SHA-256 over the count of denied numbers, the numbers ascending,
 * then for each number with a lowest generation above 1 the number and that generation, ascending by
 * number; every value as 4 bytes, big-endian. The port hashes in one shot, so this form is laid out in one
 * buffer: 4 bytes for each number and 8 for each generation.
 */
export function contentDigest(content: Uint8Array, crypto: Crypto): Uint8Array {
  const entries = [...generationsIn(content)];
  const count = contentCount(content);
  const form = new DataView(new ArrayBuffer(4 + 4 * count + 8 * entries.length));
  let at = 0;
  const put = (value: number) => {
    form.setUint32(at, value);
    at += 4;
  };
  put(count);
  for (const { first, last } of deniedIn(content))
    for (let number = first; number <= last; number++) put(number);
  for (const value of entries.flat()) put(value);
  return crypto.sha256(new Uint8Array(form.buffer));
}

/** The numbers in a content or in a change, read on demand. */
export function deniedIn(content: Uint8Array): Runs {
  return { [Symbol.iterator]: () => readNumbers(opened(content)) };
}

/**
 * The generations in a content or in a change, read on demand, and the end of the bytes.
 * @param lowest - 2 for a content; 1 for a change, where it takes an entry away.
 */
export function* generationsIn(
  content: Uint8Array,
  lowest = FIRST_GENERATION + 1,
): Generator<Entry, undefined> {
  const reader = opened(content);
  for (const _ of readNumbers(reader));
  yield* readGenerations(reader, lowest);
}

/** @throws ProtocolError "too-large" */
export function joined(runs: Runs, entries: readonly Entry[]): Uint8Array {
  return bounded(concatBytes(encodeNumbers(runs), encodeGenerations(entries)));
}

function opened(content: Uint8Array): BitReader {
  return new BitReader(bounded(content));
}

function bounded(content: Uint8Array): Uint8Array {
  if (content.length <= MAX_LEDGER_BYTES) return content;
  throw new ProtocolError(
    "too-large",
    `${content.length} bytes of ledger; at most ${MAX_LEDGER_BYTES} are read`,
  );
}
