/**
 * The coded map number → lowest generation: how many entries; then for each, ascending, how many numbers are
 * left out before it and the generation. All varints.
 */
import { type BitReader, BitWriter, varintBytes } from "./bits.js";
import { MAX_NUMBER } from "./bounds.js";

/** Certificates of `number` below this generation are refused; 1, the first one, is what holds without an entry. */
export type Entry = readonly [number: number, generation: number];

/** @param entries - ascending by number. */
export function encodeGenerations(entries: readonly Entry[]): Uint8Array {
  const values = [
    entries.length,
    ...entries.flatMap(([number, generation], i) => [number - (entries[i - 1]?.[0] ?? 0) - 1, generation]),
  ];
  const writer = new BitWriter(values.reduce((sum, value) => sum + varintBytes(value), 0));
  for (const value of values) writer.varint(value);
  return writer.bytes;
}

/**
 * Entries on demand, in constant memory; then the bytes have to end.
 * @param lowest - the lowest generation that may stand there.
 * @throws ProtocolError "malformed" or "out-of-range"
 */
export function* readGenerations(reader: BitReader, lowest: number): Generator<Entry, undefined> {
  const count = reader.varint();
  let number = 0;
  for (let i = 0; i < count; i++) {
    number += 1 + reader.varint();
    if (number > MAX_NUMBER) reader.refuse("out-of-range", "a number is outside 1..2^32 - 1");
    const generation = reader.varint();
    if (generation < lowest) reader.refuse("out-of-range", `a lowest generation is below ${lowest}`);
    yield [number, generation];
  }
  reader.end();
}

/**
 * Two ascending maps as one. `merge` says what an entry becomes, given what each has; undefined drops it.
 */
export function* mergedGenerations(
  a: Iterator<Entry>,
  b: Iterator<Entry>,
  merge: (left: number | undefined, right: number | undefined) => number | undefined,
): Generator<Entry, undefined> {
  const next = (from: Iterator<Entry>): Entry => {
    const { done, value } = from.next() as IteratorResult<Entry, undefined>;
    return done ? [Infinity, 0] : value!;
  };
  let [left, right] = [next(a), next(b)];
  for (let at = Math.min(left[0], right[0]); at < Infinity; at = Math.min(left[0], right[0])) {
    const merged = merge(left[0] === at ? left[1] : undefined, right[0] === at ? right[1] : undefined);
    if (merged !== undefined) yield [at, merged];
    if (left[0] === at) left = next(a);
    if (right[0] === at) right = next(b);
  }
}
