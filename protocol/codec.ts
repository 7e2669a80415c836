/**
 * Bytes ↔ plain CBOR values: the only file that imports a CBOR library. cbor-x decodes fast but leniently
 * (duplicate keys, long forms, tags pass), so the strict scanner goes first. Its encoder is not used: it
 * has no order of keys, writes 2^31 to 2^32 − 1 in long form and large keys as floats, and turns half a
 * surrogate pair into bytes that are no UTF-8.
 */
import { Decoder } from "cbor-x";
import { concatBytes, utf8 } from "./bytes.js";
import { assertStrictCbor, MAJOR, MAX_CBOR_BYTES } from "./strict.js";
import { ProtocolError } from "./errors.js";

/** What the profile can hold. Integers are safe integers. */
export type CborValue = number | boolean | string | Uint8Array | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<number, CborValue>;

const library = new Decoder({
  useRecords: false,
  mapsAsObjects: false,
  variableMapSize: true,
  tagUint8Array: false,
});

/**
 * Deterministic encoding (RFC 8949 §4.2.1).
 * @throws ProtocolError "too-large"; "out-of-range" or "malformed" for a number or text that has no encoding.
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const bytes = encodeItem(value);
  if (bytes.length > MAX_CBOR_BYTES) {
    throw new ProtocolError(
      "too-large",
      `this message has ${bytes.length} bytes; ${MAX_CBOR_BYTES} are allowed`,
    );
  }
  return bytes;
}

/** @throws ProtocolError "malformed" or "too-large" for anything but one item of the strict profile. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  assertStrictCbor(bytes);
  return fromLibrary(library.decode(bytes));
}

function encodeItem(value: CborValue): Uint8Array {
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (typeof value === "number") return encodeInteger(value);
  if (typeof value === "string") return encodeString(MAJOR.text, wellFormed(value));
  if (value instanceof Uint8Array) return encodeString(MAJOR.bytes, value);
  if (Array.isArray(value)) {
    const items = value as readonly CborValue[];
    return concatBytes(encodeHead(MAJOR.array, items.length), ...items.map(encodeItem));
  }
  const entries = [...(value as CborMap)].sort(([a], [b]) => compareKeys(a, b));
  const items = entries.flatMap(([key, item]) => [encodeInteger(key), encodeItem(item)]);
  return concatBytes(encodeHead(MAJOR.map, entries.length), ...items);
}

/** Bytewise order of the encoded keys: 0, 1, 2 …, then −1, −2 … */
function compareKeys(a: number, b: number): number {
  return a < 0 || b < 0 ? b - a : a - b;
}

function encodeInteger(value: number): Uint8Array {
  if (!Number.isSafeInteger(value))
    throw new ProtocolError("out-of-range", "only safe integers can be encoded");
  return value >= 0 ? encodeHead(MAJOR.unsigned, value) : encodeHead(MAJOR.negative, -1 - value);
}

function encodeString(major: number, bytes: Uint8Array): Uint8Array {
  return concatBytes(encodeHead(major, bytes.length), bytes);
}

/** Half a surrogate pair has no UTF-8; an encoder that puts U+FFFD there would alter what is signed. */
function wellFormed(text: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) throw new ProtocolError("malformed", "text holds half a surrogate pair");
  return utf8(text);
}

/** RFC 8949 §3: initial byte and argument, in the shortest form. */
function encodeHead(major: number, argument: number): Uint8Array {
  if (argument < 24) return Uint8Array.of((major << 5) | argument);
  const log2Size = argument < 2 ** 8 ? 0 : argument < 2 ** 16 ? 1 : argument < 2 ** 32 ? 2 : 3;
  const out = new Uint8Array(1 + (1 << log2Size));
  out[0] = (major << 5) | (24 + log2Size);
  for (let at = out.length - 1, rest = argument; at > 0; at--, rest = Math.floor(rest / 256)) {
    out[at] = rest % 256;
  }
  return out;
}

function fromLibrary(value: unknown): CborValue {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return new Uint8Array(value); // a copy: the library aliases its input
  if (Array.isArray(value)) return value.map(fromLibrary);
  if (value instanceof Map) {
    return new Map(
      [...(value as Map<number | bigint, unknown>)].map(([k, item]) => [Number(k), fromLibrary(item)]),
    );
  }
  return value as CborValue;
}
