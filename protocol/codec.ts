/**
 * Bytes ↔ plain CBOR values: the only file that imports a CBOR library. cbor-x decodes fast but leniently
 * (duplicate keys, long forms, tags pass), so the strict scanner goes first. Its encoder is not used: it
 * has no order of keys, writes 2^31 to 2^32 − 1 in long form and large keys as floats, and turns half a
 * surrogate pair into bytes that are no UTF-8.
 */
import { Decoder } from "cbor-x";
import { CborWriter } from "./cbor-writer.js";
import { ProtocolError } from "./errors.js";
import { assertStrictCbor, MAJOR, MAX_CBOR_BYTES } from "./strict.js";

/** One for all: nothing else runs while an item is written. */
const writer = new CborWriter();

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
  writer.clear(); // whatever an item that could not be written has left
  write(value);
  if (writer.length > MAX_CBOR_BYTES) {
    throw new ProtocolError(
      "too-large",
      `this message has ${writer.length} bytes; ${MAX_CBOR_BYTES} are allowed`,
    );
  }
  return writer.take();
}

/** @throws ProtocolError "malformed" or "too-large" for anything but one item of the strict profile. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  assertStrictCbor(bytes);
  return fromLibrary(library.decode(bytes));
}

function write(value: CborValue): void {
  if (typeof value === "number") writer.integer(value);
  else if (value instanceof Uint8Array) writer.bytes(value);
  else if (value instanceof Map) writeMap(value as CborMap);
  else if (typeof value === "string") writer.text(value);
  else if (typeof value === "boolean") writer.boolean(value);
  else {
    const items = value as readonly CborValue[];
    writer.head(MAJOR.array, items.length);
    for (const item of items) write(item);
  }
}

function writeMap(map: CborMap): void {
  writer.head(MAJOR.map, map.size);
  const keys = [...map.keys()];
  for (const key of isInOrder(keys) ? keys : keys.sort(compareKeys)) {
    writer.integer(key);
    write(map.get(key) as CborValue);
  }
}

function isInOrder(keys: readonly number[]): boolean {
  for (let at = 1; at < keys.length; at++)
    if (compareKeys(keys[at - 1] as number, keys[at] as number) > 0) return false;
  return true;
}

/** Bytewise order of the encoded keys: 0, 1, 2 …, then −1, −2 … */
function compareKeys(a: number, b: number): number {
  return a < 0 || b < 0 ? b - a : a - b;
}

function fromLibrary(value: unknown): CborValue {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return new Uint8Array(value); // a copy: the library aliases its input
  if (Array.isArray(value)) return value.map(fromLibrary);
  if (value instanceof Map) {
    const map = new Map<number, CborValue>();
    for (const [key, item] of value as Map<number | bigint, unknown>) map.set(Number(key), fromLibrary(item));
    return map;
  }
  return value as CborValue;
}
