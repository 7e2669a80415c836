/**
 * The strict CBOR scanner: one pass that accepts exactly the deterministic profile of RFC 8949 §4.2.1
 * which Daymark uses, before any decoder sees the bytes. Allowed: integers up to 2^53 − 1 in size, byte
 * and text strings, arrays, maps with integer keys, false and true. No tag, float, null or undefined.
 */
import { ProtocolError } from "./errors.js";

/** Largest item of CBOR that is read, in bytes. */
export const MAX_CBOR_BYTES = 65_536;
/** Deepest nesting of arrays and maps. */
export const MAX_CBOR_DEPTH = 8;

/** Major types (RFC 8949 §3.1). */
export const MAJOR = {
  unsigned: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7,
} as const;

/** @throws ProtocolError "too-large" or "malformed" unless `bytes` is exactly one item of the profile. */
export function assertStrictCbor(bytes: Uint8Array): void {
  if (bytes.length > MAX_CBOR_BYTES) {
    throw new ProtocolError("too-large", `${bytes.length} bytes of CBOR; at most ${MAX_CBOR_BYTES} are read`);
  }
  const end = scanItem(bytes, 0, 0);
  if (end !== bytes.length) refuse(end, `${bytes.length - end} bytes after the end of the item`);
}

/** Where in an item the bytes that came so far end: `open` items are still to come, the next one at `at`. */
export interface Place {
  readonly at: number;
  readonly open: number;
}

/**
 * Follows one item through bytes of which more may come, so that its end is known as soon as it is there.
 * Each head is read once, whatever the pieces. Where the item ends is all that this says: whether it may
 * be read, `assertStrictCbor` decides.
 * @param from - where the call before it stopped; at first, where the item begins, with one item open.
 * @returns the end when `open` is 0; `at` is beyond the bytes when a string goes on there.
 * @throws ProtocolError "malformed"; "too-large" as soon as the item must become longer than what is read.
 */
export function followItem(bytes: Uint8Array, from: Place): Place {
  let { at, open } = from;
  while (open > 0 && at + headBytes(bytes[at]) <= bytes.length) {
    const head = readHead(bytes, at);
    open += itemsInside(head) - 1;
    at = head.next + (head.major === MAJOR.bytes || head.major === MAJOR.text ? head.argument : 0);
    // An item has one byte at least.
    if (at + open > MAX_CBOR_BYTES)
      throw new ProtocolError("too-large", `CBOR of more than ${MAX_CBOR_BYTES} bytes is not read`);
  }
  return { at, open };
}

/** How many items follow a head and belong to it. */
function itemsInside({ major, argument }: Head): number {
  if (major === MAJOR.array) return argument;
  if (major === MAJOR.map) return 2 * argument;
  return major === MAJOR.tag ? 1 : 0;
}

function refuse(offset: number, why: string): never {
  throw new ProtocolError("malformed", `CBOR at offset ${offset}: ${why}`);
}

/** Reads one item that starts at `at`; returns the offset behind it. */
function scanItem(bytes: Uint8Array, at: number, depth: number): number {
  const head = readHead(bytes, at);
  switch (head.major) {
    case MAJOR.unsigned:
    case MAJOR.negative:
      return head.next;
    case MAJOR.bytes:
    case MAJOR.text: {
      const end = head.next + head.argument;
      if (end > bytes.length) refuse(at, "string runs past the end");
      if (head.major === MAJOR.text) assertUtf8(bytes.subarray(head.next, end), at);
      return end;
    }
    case MAJOR.array:
      return scanArray(bytes, at, head, depth);
    case MAJOR.map:
      return scanMap(bytes, at, head, depth);
    case MAJOR.tag:
      return refuse(at, "tags are not allowed here");
    default:
      if (head.argument === 20 || head.argument === 21) return head.next; // false, true
      return refuse(at, "floats and simple values other than false and true are not allowed");
  }
}

function scanArray(bytes: Uint8Array, at: number, { argument, next }: Head, depth: number): number {
  if (depth >= MAX_CBOR_DEPTH) refuse(at, `nested deeper than ${MAX_CBOR_DEPTH}`);
  if (argument > bytes.length - next) refuse(at, "array runs past the end");
  for (let i = 0; i < argument; i++) next = scanItem(bytes, next, depth + 1);
  return next;
}

function scanMap(bytes: Uint8Array, at: number, { argument, next }: Head, depth: number): number {
  if (depth >= MAX_CBOR_DEPTH) refuse(at, `nested deeper than ${MAX_CBOR_DEPTH}`);
  if (argument > (bytes.length - next) / 2) refuse(at, "map runs past the end");
  let previous: Head | undefined;
  for (let i = 0; i < argument; i++) {
    const key = readHead(bytes, next);
    if (key.major !== MAJOR.unsigned && key.major !== MAJOR.negative)
      refuse(next, "map key is not an integer");
    // Bytewise order of shortest forms: 0, 1, 2 … then −1, −2 … (RFC 8949 §4.2.1).
    const order = previous ? key.major - previous.major || key.argument - previous.argument : 1;
    if (order === 0) refuse(next, "duplicate map key");
    if (order < 0) refuse(next, "map keys are not in ascending order");
    previous = key;
    next = scanItem(bytes, key.next, depth + 1);
  }
  return next;
}

interface Head {
  readonly major: number;
  readonly argument: number;
  readonly next: number;
}

/** How many bytes a head has that begins with `initial`; `readHead` refuses what is no head. */
function headBytes(initial = 0): number {
  const short = initial & 0x1f;
  return short < 24 || short > 27 ? 1 : 1 + (1 << (short - 24));
}

/** RFC 8949 §3: initial byte and argument, shortest form only. */
function readHead(bytes: Uint8Array, at: number): Head {
  const initial = bytes[at];
  if (initial === undefined) refuse(at, "truncated");
  const major = initial >> 5;
  const short = initial & 0x1f;
  if (short < 24) return { major, argument: short, next: at + 1 };
  if (short > 27) refuse(at, "indefinite length or reserved form");
  if (major === MAJOR.simple) refuse(at, "floats and long simple values are not allowed");
  const size = 1 << (short - 24);
  if (at + 1 + size > bytes.length) refuse(at, "truncated");
  let argument = 0;
  for (let i = 1; i <= size; i++) argument = argument * 256 + bytes[at + i]!;
  // A negative integer is −1 − argument (RFC 8949 §3.1).
  const largest = Number.MAX_SAFE_INTEGER - (major === MAJOR.negative ? 1 : 0);
  if (argument > largest) refuse(at, "integer beyond 2^53 - 1");
  const smallest = size === 1 ? 24 : 2 ** (4 * size);
  if (argument < smallest) refuse(at, "argument is not in its shortest form");
  return { major, argument, next: at + 1 + size };
}

function assertUtf8(bytes: Uint8Array, at: number): void {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    refuse(at, "text is not valid UTF-8");
  }
}
