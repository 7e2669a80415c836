/**
 * Bytes ↔ plain CBOR values: the only file that imports a CBOR library. cbor-x is fast but lenient
 * (duplicate keys, long forms, tags pass), so the strict scanner goes first; and it keeps insertion
 * order and turns integers from 2^32 on into floats, so maps are sorted and large integers handed over
 * as BigInt.
 */
import { Encoder } from "cbor-x";
import { assertStrictCbor, MAX_CBOR_BYTES } from "./strict.js";
import { ProtocolError } from "./errors.js";

/** What the profile can hold. Integers are safe integers. */
export type CborValue = number | boolean | string | Uint8Array | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<number, CborValue>;

const library = new Encoder({
  useRecords: false,
  mapsAsObjects: false,
  variableMapSize: true,
  tagUint8Array: false,
});

/** Deterministic encoding (RFC 8949 §4.2.1). @throws ProtocolError "too-large" */
export function encodeCbor(value: CborValue): Uint8Array {
  const bytes = new Uint8Array(library.encode(toLibrary(value)));
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

function toLibrary(value: CborValue): unknown {
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value))
      throw new ProtocolError("out-of-range", "only safe integers can be encoded");
    return Math.abs(value) >= 2 ** 31 ? BigInt(value) : value;
  }
  if (value instanceof Uint8Array || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(toLibrary);
  const entries = [...(value as CborMap)].sort(([a], [b]) => rank(a) - rank(b));
  return new Map(entries.map(([key, item]) => [key, toLibrary(item)]));
}

/** Non-negative keys ascending, then −1, −2 …: the bytewise order of the encoded keys. */
function rank(key: number): number {
  return key >= 0 ? key : 2 ** 52 - key;
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
