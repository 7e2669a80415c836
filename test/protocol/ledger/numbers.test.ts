/** Lists of numbers: every mode gives back what went in, and the one that is chosen is near the least possible. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BitReader } from "../../../protocol/ledger/bits.js";
import { MAX_LEDGER_BYTES, MAX_LEDGER_NUMBERS, MAX_NUMBER } from "../../../protocol/ledger/bounds.js";
import { MODES, type Mode, readNumbers } from "../../../protocol/ledger/read-numbers.js";
import { type Run, type Runs, runsOf, symmetricDifference } from "../../../protocol/ledger/runs.js";
import { encodeNumbers, encodeNumbersAs } from "../../../protocol/ledger/write-numbers.js";
import { entropyBytes } from "../../bench/ledger.js";
import { chance, numbersIn, randomNumbers, recalledNumbers, toggled } from "./sets.js";

const MODE_NAMES = Object.keys(MODES) as Mode[];
const upTo = (count: number) => Array.from({ length: count }, (_, i) => 1 + i);

function read(bytes: Uint8Array): readonly Run[] {
  const reader = new BitReader(bytes);
  const runs = [...readNumbers(reader)];
  reader.end();
  return runs;
}

/** Sparse and dense, near the smallest and near the largest number, in pieces of all lengths. */
const anySet: fc.Arbitrary<readonly Run[]> = fc
  .record({
    start: fc.oneof(fc.constant(0), fc.nat(2_000_000), fc.constant(MAX_NUMBER - 20_000)),
    pieces: fc.array(fc.tuple(fc.oneof(fc.nat(3), fc.nat(300)), fc.oneof(fc.constant(0), fc.nat(40))), {
      maxLength: 60,
    }),
  })
  .map(({ start, pieces }) => {
    const numbers: number[] = [];
    let next = start + 1;
    for (const [gap, more] of pieces) {
      next += gap;
      for (let i = 0; i <= more; i++) numbers.push(next++);
    }
    return runsOf(numbers.filter((number) => number <= MAX_NUMBER));
  });

test.each(MODE_NAMES)("%s give back any set", (mode) => {
  fc.assert(
    fc.property(anySet, (runs) => {
      expect(read(encodeNumbersAs(mode, runs))).toEqual(runs);
    }),
  );
});

test("the smallest mode is chosen, and the same set gives the same bytes whatever it was read from", () => {
  fc.assert(
    fc.property(anySet, (runs) => {
      const chosen = encodeNumbers(runs);
      const sizes = MODE_NAMES.map((mode) => encodeNumbersAs(mode, runs).length);
      expect(chosen.length).toBe(Math.min(...sizes));
      for (const mode of MODE_NAMES) {
        const runsAgain: Runs = {
          [Symbol.iterator]: () => readNumbers(new BitReader(encodeNumbersAs(mode, runs))),
        };
        expect(encodeNumbers(runsAgain)).toEqual(chosen);
      }
    }),
  );
});

describe("each mode has sets that it is chosen for", () => {
  const random = chance(11);
  test.each<readonly [Mode | "none", string, readonly number[]]>([
    ["none", "the empty set", []],
    ["bitmap", "one number", [MAX_NUMBER]],
    ["gaps", "1 in 100 by chance", randomNumbers(1_000, 100_000, random)],
    ["gaps", "1 in 3 by chance", randomNumbers(33_333, 100_000, random)],
    ["bitmap", "1 in 2 by chance", randomNumbers(50_000, 100_000, random)],
    ["runs", "recalled batches", recalledNumbers(10_000, 1_000_000, random)],
    ["runs", "all but a few", toggled(upTo(100_000), randomNumbers(50, 100_000, random))],
    ["runs", "all of a million", upTo(1_000_000)],
  ])("%s: %s", (mode, _what, numbers) => {
    const bytes = encodeNumbers(runsOf(numbers));
    expect(read(bytes)).toEqual(runsOf(numbers));
    expect(bytes).toEqual(mode === "none" ? Uint8Array.of(0) : encodeNumbersAs(mode, runsOf(numbers)));
  });
});

test("P11: sets by chance, up to one third of all, are within 3 % and 16 bytes of the entropy bound", () => {
  const among = 60_000;
  const random = chance(12);
  for (let count = 1; count <= among / 3; count = Math.ceil(count * 1.15)) {
    const bytes = encodeNumbers(runsOf(randomNumbers(count, among, random)));
    expect(bytes.length, `${count} of ${among}`).toBeLessThanOrEqual(1.03 * entropyBytes(count, among) + 16);
  }
});

test("a million numbers in a row are a few bytes", () => {
  expect(encodeNumbers(runsOf(upTo(1_000_000))).length).toBeLessThan(20);
});

test("P11: more numbers than the bound, or more bytes, are not written", () => {
  const first = 1;
  const most = [{ first, last: MAX_LEDGER_NUMBERS }];
  expect(read(encodeNumbers(most))).toEqual(most);
  const tooMany = expect.objectContaining({ code: "too-large" }) as Error;
  expect(() => encodeNumbers([{ first, last: MAX_LEDGER_NUMBERS + 1 }])).toThrow(tooMany);
  const wide = [1, 8 * MAX_LEDGER_BYTES].map((number) => ({ first: number, last: number }));
  expect(() => encodeNumbersAs("bitmap", wide)).toThrow(tooMany);
});

test("numbers that are no device numbers, or not ascending, are a fault of the caller", () => {
  for (const numbers of [[0], [-1], [1.5], [Number.NaN], [MAX_NUMBER + 1], [2, 1], [3, 3]])
    expect(() => runsOf(numbers)).toThrow(RangeError);
});

test("the symmetric difference is that of sets", () => {
  fc.assert(
    fc.property(anySet, anySet, (a, b) => {
      const difference = symmetricDifference(a, b);
      const expected = runsOf(toggled(numbersIn(a), numbersIn(b)));
      expect([...difference]).toEqual(expected);
      expect([...difference], "walked again").toEqual(expected);
    }),
  );
});
