/** Small ledgers for properties: numbers near each other, so that two of them share some. */
import type { Crypto } from "../../../protocol/crypto.js";
import fc from "fast-check";
import { MAX_NUMBER } from "../../../protocol/ledger/bounds.js";
import { ascending, type Ledger } from "./sets.js";

const number = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 64 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 1_000_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: MAX_NUMBER - 3, max: MAX_NUMBER }) },
);
const lowest = fc.oneof(fc.integer({ min: 2, max: 4 }), fc.constant(MAX_NUMBER));

export const anyLedger: fc.Arbitrary<Ledger> = fc.record({
  denied: fc.uniqueArray(number, { maxLength: 40 }).map(ascending),
  generations: fc
    .uniqueArray(fc.tuple(number, lowest), { maxLength: 12, selector: ([key]) => key })
    .map((entries) => new Map(entries.toSorted(([a], [b]) => a - b))),
});

/** The digest as the protocol states it, from a list of everything; `contentDigest` reads the coded form. */
export function ledgerDigest(
  denied: Iterable<number>,
  lowestGenerations: ReadonlyMap<number, number>,
  crypto: Crypto,
): Uint8Array {
  const numbers = [...denied].sort((a, b) => a - b);
  const generations = [...lowestGenerations].sort(([a], [b]) => a - b).flat();
  const values = new DataView(new ArrayBuffer(4 * (1 + numbers.length + generations.length)));
  [numbers.length, ...numbers, ...generations].forEach((value, i) => values.setUint32(4 * i, value));
  return crypto.sha256(new Uint8Array(values.buffer));
}
