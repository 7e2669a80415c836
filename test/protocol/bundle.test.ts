/** Bundles: what goes in comes out, in whatever pieces it came; what is not a bundle is refused, and kept small. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BundleReader,
  joinBundle,
  MAX_BUNDLE_BYTES,
  MAX_BUNDLE_ITEMS,
  splitBundle,
} from "../../protocol/bundle.js";
import { concatBytes, fromHex, toHex } from "../../protocol/bytes.js";
import { encodeCbor } from "../../protocol/codec.js";
import { ProtocolError } from "../../protocol/errors.js";
import { MAX_CBOR_BYTES } from "../../protocol/strict.js";
import { type EnvelopeVector, type FrameVector, isError, type Vector } from "../vectors/json.js";
import { readVectors } from "../vectors/read.js";

const SEED = 8742;
const RUNS = 2000;

const goodOf = (vectors: readonly Vector[]) =>
  vectors.filter(({ want }) => !isError(want)).map(({ hex }) => fromHex(hex));
const envelopes = goodOf(readVectors<EnvelopeVector>("envelope.json"));
const frames = goodOf(readVectors<FrameVector>("frame.json"));
const items = fc.array(fc.constantFrom(...envelopes, ...frames), { maxLength: 8 });
/** Sizes of the pieces of a stream, in turn; 0 is a piece with nothing in it. */
const sizes = fc.array(fc.nat(200), { minLength: 1, maxLength: 8 }).filter((all) => all.some(Boolean));

/** Undefined, or the code of the refusal. @throws whatever is not a ProtocolError. */
function refusal(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

function inPieces(bytes: Uint8Array, pieces: readonly number[]): Uint8Array[] {
  const reader = new BundleReader();
  const read: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = pieces[i % pieces.length]!;
    read.push(...reader.push(bytes.subarray(at, at + size)));
    at += size;
  }
  reader.end();
  return read;
}

/** A frame of `size` bytes, in one string. */
function frameOf(size: number): Uint8Array {
  const frame = (content: number) => concatBytes(fromHex("820a"), encodeCbor(new Uint8Array(content)));
  return frame(size - (frame(size - 5).length - (size - 5)));
}

const hex = (all: readonly Uint8Array[]) => all.map(toHex);

test("any items come back as they went, in any pieces", () => {
  fc.assert(
    fc.property(items, sizes, (all, pieces) => {
      const bundle = joinBundle(all);
      expect(hex(splitBundle(bundle))).toEqual(hex(all));
      expect(hex(inPieces(bundle, pieces))).toEqual(hex(all));
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

test("altered bytes give items or a ProtocolError, the same whole and byte by byte", () => {
  const seen = new Set<string | undefined>();
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(items, changes, (all, altered) => {
      const bundle = concatBytes(...all);
      for (const [at, byte] of altered) bundle[at % bundle.length] = byte;
      const outcome = refusal(() => splitBundle(bundle));
      expect(refusal(() => inPieces(bundle, [1]))).toBe(outcome);
      const back = outcome === undefined ? joinBundle(splitBundle(bundle)) : bundle;
      expect(toHex(back)).toBe(toHex(bundle));
      seen.add(outcome);
    }),
    { seed: SEED, numRuns: RUNS },
  );
  expect(seen).toEqual(new Set([undefined, "malformed", "too-large"]));
});

test("an item is given as soon as its last byte is there", () => {
  const [first, second] = [envelopes[0]!, frames[0]!];
  const reader = new BundleReader();
  expect(reader.push(first.subarray(0, -1))).toEqual([]);
  expect(hex(reader.push(concatBytes(first.subarray(-1), second)))).toEqual(hex([first, second]));
  expect(reader.push(new Uint8Array())).toEqual([]);
  expect(() => reader.end()).not.toThrow();
});

test("items are copies: neither their carrier's buffer nor what comes next reaches them", () => {
  const reader = new BundleReader();
  const carrier = Uint8Array.from(envelopes[0]!);
  const [item] = reader.push(carrier);
  carrier.fill(0);
  reader.push(envelopes[1]!);
  expect(toHex(item!)).toBe(toHex(envelopes[0]!));
});

describe("refused as malformed", () => {
  const good = toHex(envelopes[0]!);
  test.each([
    ["a cut tail", `${good}${good.slice(0, -2)}`],
    ["a tail of one byte", `${good}d2`],
    ["a bare map", `${good}a0`],
    ["an integer", "00"],
    ["an array of three", "830a0000"],
    ["another tag", `d1${good.slice(2)}`],
    ["the tag twice", `d2${good}`],
    ["the tag on an array of two", "d2820aa0"],
    ["the tag on a map", "d2a0"],
    ["a tag inside an envelope", "d28441a0a0c04000"],
    ["a frame without a number", "824100a0"],
    ["a tag inside a frame", "820ac000"],
    ["duplicate keys inside a frame", "820aa200000000"],
    ["a frame of indefinite length", "9f0aa0ff"],
    ["an integer in long form inside a frame", "82180aa0"],
    ["text that is no UTF-8 inside a frame", "820a61ff"],
    ["levels without end", `820a${"81".repeat(50)}00`],
  ])("%s", (_name, bytes) => {
    expect(refusal(() => splitBundle(fromHex(bytes)))).toBe("malformed");
    expect(refusal(() => inPieces(fromHex(bytes), [1]))).toBe("malformed");
  });

  test("what is joined, when it is not one item each", () => {
    const [first, second] = [envelopes[0]!, frames[0]!];
    const halves = [first.subarray(0, 9), first.subarray(9)];
    for (const wrong of [[concatBytes(first, second)], halves, [first, new Uint8Array()], [fromHex("00")]])
      expect(refusal(() => joinBundle(wrong))).toBe("malformed");
    expect(joinBundle([])).toEqual(new Uint8Array());
  });
});

test("a refusal names the item, and stands: nothing is read behind it", () => {
  const reader = new BundleReader();
  reader.push(envelopes[0]!);
  for (const piece of [fromHex("ff"), envelopes[0]!])
    expect(() => reader.push(piece)).toThrow(/^item 2 of the bundle: /);
  expect(() => reader.end()).toThrow(/^item 2 of the bundle: /);
});

describe("P11: bounds", () => {
  test("an item has 65,536 bytes, and no more; one that claims more is refused at once", () => {
    expect(splitBundle(frameOf(MAX_CBOR_BYTES))[0]).toHaveLength(MAX_CBOR_BYTES);
    expect(refusal(() => splitBundle(frameOf(MAX_CBOR_BYTES + 1)))).toBe("too-large");
    for (const claim of ["820a5a00010000", "820a7a7fffffff", "820a9a00010000", "820ab98000", "d29affffffff"])
      expect(refusal(() => new BundleReader().push(fromHex(claim)))).toBe("too-large");
  });

  test("a bundle has 4,096 items, and no more", () => {
    const smallest = fromHex("8200a0");
    const full = concatBytes(...Array.from({ length: MAX_BUNDLE_ITEMS }, () => smallest));
    expect(splitBundle(full)).toHaveLength(MAX_BUNDLE_ITEMS);
    expect(refusal(() => splitBundle(concatBytes(full, smallest)))).toBe("too-large");
    expect(refusal(() => inPieces(concatBytes(full, smallest), [1000]))).toBe("too-large");
  });

  test("a bundle has 4 MiB, and no more", () => {
    const full = Array.from({ length: MAX_BUNDLE_BYTES / MAX_CBOR_BYTES }, () => frameOf(MAX_CBOR_BYTES));
    const bytes = concatBytes(...full);
    expect(bytes).toHaveLength(MAX_BUNDLE_BYTES);
    expect(splitBundle(bytes)).toHaveLength(full.length);
    expect(refusal(() => splitBundle(concatBytes(bytes, fromHex("8200a0"))))).toBe("too-large");
  });
});
