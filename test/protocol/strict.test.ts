/** The bounds of the strict scanner; what it refuses besides is in test/vectors/strict.json. */
import { describe, expect, test } from "vitest";
import { concatBytes, fromHex } from "../../protocol/bytes.js";
import { ProtocolError } from "../../protocol/errors.js";
import { assertStrictCbor, MAX_CBOR_BYTES, MAX_CBOR_DEPTH } from "../../protocol/strict.js";
import { readVectors } from "../vectors/read.js";

/** Undefined, or the code of the refusal. */
function refusal(bytes: Uint8Array): string | undefined {
  try {
    assertStrictCbor(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

/** A byte string that takes `size` bytes in all, head included. */
function byteString(size: number): Uint8Array {
  const content = size - 3 <= 0xffff ? size - 3 : size - 5;
  const head = content <= 0xffff ? [0x59, content >> 8, content & 0xff] : [0x5a, 0, 1, 0, 0];
  return concatBytes(Uint8Array.from(head), new Uint8Array(size - head.length));
}

test("P11: items of 65,536 bytes are read, and no longer ones", () => {
  expect(refusal(byteString(MAX_CBOR_BYTES))).toBeUndefined();
  expect(refusal(byteString(MAX_CBOR_BYTES + 5))).toBe("too-large");
  expect(refusal(new Uint8Array(MAX_CBOR_BYTES + 1))).toBe("too-large");
});

test("P11: arrays and maps nest 8 deep, mixed or not, and no deeper", () => {
  for (const open of ["81", "a100", "81a100"]) {
    const levels = open === "81a100" ? 2 : 1;
    const nested = (depth: number) => fromHex(open.repeat(depth / levels) + "00");
    expect(refusal(nested(MAX_CBOR_DEPTH))).toBeUndefined();
    expect(refusal(nested(MAX_CBOR_DEPTH + levels))).toBe("malformed");
  }
});

test("P11: a length that the bytes cannot hold is refused before anything is counted to it", () => {
  for (const head of ["9a7fffffff", "ba7fffffff", "5a7fffffff", "7a7fffffff"])
    expect(refusal(fromHex(`${head}00`))).toBe("malformed");
});

describe("every prefix of a good item is refused", () => {
  test.each(["directive.json", "sync-request.json", "authority.json"])("%s", (file) => {
    const [first] = readVectors(file);
    const bytes = fromHex(first!.hex);
    const accepted = bytes.reduce<number[]>(
      (sizes, _byte, size) => (refusal(bytes.subarray(0, size)) ? sizes : [...sizes, size]),
      [],
    );
    expect(accepted).toEqual([]);
    expect(refusal(bytes)).toBeUndefined();
  });
});

test("a refusal says where, and gives nothing of the content away", () => {
  const secret = "4d7920736563726574";
  expect(() => assertStrictCbor(fromHex(`a2004a${secret}00000100`))).toThrow(/^CBOR at offset \d+: [\w -]+$/);
});
