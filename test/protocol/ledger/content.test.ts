/** Contents against plain sets and maps: what goes in, what is asked, and the digest that a Beacon signs. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { nobleCrypto } from "../../../protocol/adapters/noble-crypto.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { concatBytes } from "../../../protocol/bytes.js";
import { MAX_LEDGER_BYTES, MAX_NUMBER } from "../../../protocol/ledger/bounds.js";
import {
  checkContent,
  contentCount,
  contentDigest,
  EMPTY_CONTENT,
  encodeContent,
  holdsNumber,
  lowestGeneration,
} from "../../../protocol/ledger/content.js";
import { chance, ledgerIn, randomNumbers } from "./sets.js";
import { anyLedger, ledgerDigest } from "./ledgers.js";

test("a content holds what went in, and what is asked of it is what a set and a map say", () => {
  fc.assert(
    fc.property(anyLedger, fc.array(fc.nat(70), { maxLength: 20 }), (ledger, others) => {
      const content = encodeContent(ledger);
      checkContent(content);
      expect(ledgerIn(content)).toEqual(ledger);
      expect(contentCount(content)).toBe(ledger.denied.length);
      const asked = [...ledger.denied, ...ledger.generations.keys(), ...others, MAX_NUMBER];
      for (const number of asked) {
        expect(holdsNumber(content, number)).toBe(ledger.denied.includes(number));
        expect(lowestGeneration(content, number)).toBe(ledger.generations.get(number) ?? 1);
      }
    }),
  );
});

test("the same ledger gives the same bytes, in whatever order its generations were learned", () => {
  fc.assert(
    fc.property(anyLedger, ({ denied, generations }) => {
      const reversed = new Map([...generations].toReversed());
      expect(encodeContent({ denied: new Set(denied), generations: reversed })).toEqual(
        encodeContent({ denied, generations }),
      );
    }),
  );
});

test.each([
  ["node", nodeCrypto],
  ["noble", nobleCrypto],
] as const)("with %s, the digest is the one that the Beacon signs", (_name, crypto) => {
  fc.assert(
    fc.property(anyLedger, ({ denied, generations }) => {
      const content = encodeContent({ denied, generations });
      expect(contentDigest(content, crypto)).toEqual(ledgerDigest(denied, generations, crypto));
    }),
  );
});

test("the empty content holds nothing", () => {
  expect(encodeContent({ denied: [], generations: new Map() })).toEqual(EMPTY_CONTENT);
  checkContent(EMPTY_CONTENT);
  expect(ledgerIn(EMPTY_CONTENT)).toEqual({ denied: [], generations: new Map() });
});

test("P11: a fleet of 1,000,000 with 1 % denied is at most 16 KB, and every number of it is found", () => {
  const denied = randomNumbers(10_000, 1_000_000, chance(21));
  const renewed = randomNumbers(100, 1_000_000, chance(22));
  const content = encodeContent({ denied, generations: new Map(renewed.map((number) => [number, 2])) });
  expect(content.length).toBeLessThanOrEqual(16 * 1024);
  const set = new Set(denied);
  for (const number of [
    ...denied.filter((_, i) => i % 500 === 0),
    ...randomNumbers(20, 1_000_000, chance(23)),
  ])
    expect(holdsNumber(content, number)).toBe(set.has(number));
  expect(renewed.map((number) => lowestGeneration(content, number))).toEqual(renewed.map(() => 2));
});

test("the digest of 1,000,000 numbers in a row is taken too", () => {
  const denied = Array.from({ length: 1_000_000 }, (_, i) => 1 + i);
  const content = encodeContent({ denied, generations: new Map() });
  const canonical = new DataView(new ArrayBuffer(4 + 4 * denied.length));
  for (const [i, value] of [denied.length, ...denied].entries()) canonical.setUint32(4 * i, value);
  expect(contentDigest(content, nodeCrypto)).toEqual(nodeCrypto.sha256(new Uint8Array(canonical.buffer)));
});

test("a lookup stops behind the number: what is broken further on is not read", () => {
  const broken = encodeContent({ denied: [5, 900, 40_000], generations: new Map() }).slice(0, -2);
  const refusal = expect.objectContaining({ code: "malformed" }) as Error;
  expect(holdsNumber(broken, 5)).toBe(true);
  expect(holdsNumber(broken, 4)).toBe(false);
  expect(() => holdsNumber(broken, 40_000)).toThrow(refusal);
  expect(() => checkContent(broken)).toThrow(refusal);
});

test("P11: bytes over the bound are not read", () => {
  // no numbers; 524,286 generations, a count of 3 bytes; for each, the next number and generation 2
  const head = Uint8Array.of(0, 0xfe, 0xff, 0x1f);
  const entries = new Uint8Array(MAX_LEDGER_BYTES - head.length).map((_, i) => (i % 2 === 0 ? 0 : 2));
  const most = concatBytes(head, entries);
  checkContent(most);
  expect(lowestGeneration(most, entries.length / 2)).toBe(2);
  const over = concatBytes(most, Uint8Array.of(0));
  for (const read of [checkContent, contentCount, (bytes: Uint8Array) => holdsNumber(bytes, 1)])
    expect(() => read(over)).toThrow(expect.objectContaining({ code: "too-large" }) as Error);
});

test("generations below 2, or of no device number, are a fault of the caller", () => {
  for (const [number, lowest] of [
    [1, 1],
    [1, 0],
    [1, 1.5],
    [1, MAX_NUMBER + 1],
    [0, 2],
    [MAX_NUMBER + 1, 2],
  ] as const)
    // prettier-ignore
    expect(() => encodeContent({ denied: [], generations: new Map([[number, lowest]]) })).toThrow(RangeError);
});
