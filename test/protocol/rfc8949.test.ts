/**
 * RFC 8949 as a judge: of the values in its appendix A the decoder takes those that our profile has, and
 * nothing of what appendix F calls not well-formed.
 */
import { describe, expect, test } from "vitest";
import { concatBytes, toHex } from "../../protocol/bytes.js";
import { decodeCbor, encodeCbor } from "../../protocol/codec.js";
import { APPENDIX_A, APPENDIX_F } from "./rfc8949-examples.js";

const refusal: unknown = expect.objectContaining({ name: "ProtocolError", code: "malformed" });
const allowed = APPENDIX_A.filter(({ value }) => value !== undefined);
const outside = APPENDIX_A.filter(({ value }) => value === undefined);
const titled = allowed.map((example) => [example.diagnostic, example] as const);

test("the tables are complete, and each example is what the RFC says it is", () => {
  expect([APPENDIX_A.length, allowed.length, APPENDIX_F.length]).toEqual([81, 31, 94]);
  expect(new Set(APPENDIX_A.map(({ bytes }) => toHex(bytes))).size).toBe(81);
  expect(new Set(APPENDIX_F.map(({ bytes }) => toHex(bytes))).size).toBe(94);
  expect(APPENDIX_A.filter(({ bytes }) => !isWellFormed(bytes))).toEqual([]);
  expect(APPENDIX_F.filter(({ bytes }) => isWellFormed(bytes))).toEqual([]);
});

describe("appendix A, within the profile", () => {
  test.each(titled)("%s is read as that, and written as the same bytes", (_title, { bytes, value }) => {
    expect(decodeCbor(bytes)).toEqual(value);
    expect(toHex(encodeCbor(value!))).toBe(toHex(bytes));
  });
  // Appendix F.1 names these two without a list: error kinds 1, too much data, and 2, too little.
  test.each(titled)(
    "%s is refused with a byte more, or with any number of bytes less",
    (_title, { bytes }) => {
      expect(() => decodeCbor(concatBytes(bytes, Uint8Array.of(0)))).toThrow(refusal);
      for (const size of bytes.keys()) expect(() => decodeCbor(bytes.subarray(0, size))).toThrow(refusal);
    },
  );
});

test.each(outside.map(({ diagnostic, bytes }) => [diagnostic, toHex(bytes), bytes] as const))(
  "appendix A: %s (%s) is outside the profile",
  (_diagnostic, _hex, bytes) => {
    expect(() => decodeCbor(bytes)).toThrow(refusal);
  },
);

test.each(APPENDIX_F.map(({ list, bytes }) => [list, toHex(bytes), bytes] as const))(
  "appendix F: %s: %s is refused",
  (_list, _hex, bytes) => {
    expect(() => decodeCbor(bytes)).toThrow(refusal);
  },
);

/** RFC 8949 appendix C, for the tables above: slips of the pen would be refused as readily as the examples. */
function isWellFormed(bytes: Uint8Array): boolean {
  const BREAK = 0xff;
  let at = 0;
  const take = (size: number) => {
    if (size > bytes.length - at) throw new RangeError("too little data");
    at += size;
    return bytes.subarray(at - size, at);
  };
  const ends = () => bytes[at] === BREAK && take(1).length === 1;
  const item = (only?: number): void => {
    const [initial] = take(1) as Iterable<number> as [number];
    const [major, info] = [initial >> 5, initial & 0x1f];
    const size = info < 24 ? 0 : 2 ** (info - 24);
    if ((only !== undefined && (major !== only || info === 31)) || (info > 27 && info < 31))
      throw new RangeError("not here");
    if (info === 31) {
      if (major < 2 || major > 5) throw new RangeError("not of indefinite length");
      while (!ends()) for (let i = 0; i < (major === 5 ? 2 : 1); i++) item(major < 4 ? major : undefined);
      return;
    }
    const argument = size === 0 ? info : Number(`0x${toHex(take(size))}`);
    if (major === 7 && size === 1 && argument < 32) throw new RangeError("a simple value of one byte");
    if (major === 2 || major === 3) take(argument);
    const items = { 4: argument, 5: 2 * argument, 6: 1 }[major] ?? 0;
    for (let i = 0; i < items; i++) item();
  };
  try {
    item();
    return at === bytes.length;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
