/**
 * Our codec against cborg, which shares no code with it: whatever we accept, cborg accepts as the same
 * value and we write again to the same bytes; whatever cborg accepts inside the profile, so do we. A
 * million altered and generated items are in strict-oracle.test.ts.
 */
import { encode, rfc8949EncodeOptions } from "cborg";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { equalBytes, fromHex, toHex } from "../../protocol/bytes.js";
import { type CborValue, decodeCbor, encodeCbor } from "../../protocol/codec.js";
import { MAX_CBOR_BYTES, MAX_CBOR_DEPTH } from "../../protocol/strict.js";
import { judge } from "../fuzz/oracle.js";

const SEED = 20190601;

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equalBytes(a, b);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && same(item, b.get(key)));
  return a === b;
}

const integers = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    ...[8, 16, 31, 32, 52].flatMap((bits) => [2 ** bits - 1, 2 ** bits, -(2 ** bits), -1 - 2 ** bits]),
  ),
);
const { value: values } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: MAX_CBOR_DEPTH - 1, depthIdentifier: "nesting" },
    integers,
    fc.boolean(),
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 30, depthIdentifier: "nesting" }),
    fc
      .uniqueArray(fc.tuple(integers, tie("value")), {
        maxLength: 30,
        selector: ([key]) => key,
        depthIdentifier: "nesting",
      })
      .map((entries) => new Map(entries)),
  ),
}));

test("what we encode is what cborg encodes, and decodes to the same value", () => {
  const property = fc.property(values, (value) => {
    const bytes = encodeCbor(value);
    expect(toHex(bytes)).toBe(toHex(encode(value, rfc8949EncodeOptions)));
    expect(same(decodeCbor(bytes), value)).toBe(true);
  });
  fc.assert(property, { seed: SEED, numRuns: 2_000 });
});

test("P1: random bytes, short enough to be good now and then", () => {
  const property = fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
    expect(judge(bytes).problem).toBeUndefined();
  });
  fc.assert(property, { seed: SEED, numRuns: 20_000 });
});

test("every item of one byte and of two", () => {
  const heads = Array.from({ length: 256 }, (_, byte) => byte);
  const wrong = heads.flatMap((a) =>
    [[a], ...heads.map((b) => [a, b])].filter((bytes) => judge(Uint8Array.from(bytes)).problem),
  );
  expect(wrong).toEqual([]);
});

test("a decoded byte string is a copy: who reuses the buffer changes nothing", () => {
  const bytes = fromHex("8142abcd");
  const value = decodeCbor(bytes);
  bytes.fill(0);
  expect(value).toEqual([fromHex("abcd")]);
});

describe("never encoded", () => {
  test.each<[string, CborValue, string]>([
    ["2^53", 2 ** 53, "out-of-range"],
    ["-2^53", -(2 ** 53), "out-of-range"],
    ["a fraction", 0.5, "out-of-range"],
    ["a fraction as key", new Map([[0.5, 0]]), "out-of-range"],
    ["not a number", Number.NaN, "out-of-range"],
    ["the first half of a surrogate pair", "a\ud83d", "malformed"],
    ["the second half", "\ude00a", "malformed"],
    ["65,537 bytes", new Uint8Array(MAX_CBOR_BYTES - 2), "too-large"],
  ])("%s", (_name, value, code) => {
    expect(() => encodeCbor(value)).toThrow(expect.objectContaining({ name: "ProtocolError", code }));
  });
  test("but 65,536 bytes are", () => {
    expect(encodeCbor(new Uint8Array(MAX_CBOR_BYTES - 3))).toHaveLength(MAX_CBOR_BYTES);
  });
});
