/**
 * DER (ITU-T X.690 §§8, 10), as much as our certificates need: a writer that is exact by construction, and
 * a strict reader that never looks outside the element it is in.
 */
import { ProtocolError } from "../errors.js";

/** Our largest certificate, a gateway with every host name it may have, is below this (a test says so). */
export const MAX_DER_BYTES = 4096;
export const MAX_DER_DEPTH = 16;

/** Identifier octets (X.690 §8.1.2) of all that a certificate of ours holds. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tag `number`, as primitive or constructed element (X.690 §8.1.2). */
export const context = (number: number): number => 0x80 | number;
export const constructedContext = (number: number): number => 0xa0 | number;

/** One element around its contents. @throws ProtocolError "too-large" for what no reader of ours would take. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const content of contents) size += content.length;
  if (size > MAX_DER_BYTES) throw new ProtocolError("too-large", `DER of more than ${MAX_DER_BYTES} bytes`);
  const header = size < 0x80 ? [tag, size] : size < 0x100 ? [tag, 0x81, size] : [tag, 0x82, size >> 8, size];
  const element = new Uint8Array(header.length + size); // the hot path of issuing: one copy, no garbage
  element.set(header);
  let at = header.length;
  for (const content of contents) {
    element.set(content, at);
    at += content.length;
  }
  return element;
}

/** An OBJECT IDENTIFIER from its dotted form (X.690 §8.19). */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [40 * first + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) digits.unshift(0x80 | (high & 0x7f));
    return digits;
  });
  return der(TAG.oid, Uint8Array.from(bytes));
}

/** A non-negative INTEGER from its big-endian magnitude (X.690 §8.3.2: shortest form). */
export function unsignedInteger(magnitude: Uint8Array): Uint8Array {
  const start = magnitude.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Uint8Array.of(0) : magnitude.subarray(start);
  return (digits[0] ?? 0) < 0x80 ? der(TAG.integer, digits) : der(TAG.integer, Uint8Array.of(0), digits);
}

/** Walks the elements of `bytes` one by one. Every method throws ProtocolError "malformed". */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  #at = 0;

  /** @throws ProtocolError "too-large" above MAX_DER_BYTES; "malformed" when nested deeper than MAX_DER_DEPTH. */
  constructor(bytes: Uint8Array, depth = 0) {
    if (bytes.length > MAX_DER_BYTES) {
      throw new ProtocolError("too-large", `DER of more than ${MAX_DER_BYTES} bytes`);
    }
    if (depth > MAX_DER_DEPTH) throw new ProtocolError("malformed", `DER deeper than ${MAX_DER_DEPTH}`);
    this.#bytes = bytes;
    this.#depth = depth;
  }

  /** Tag of the next element; undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next element, header included. */
  element(tag: number): Uint8Array {
    const start = this.#at;
    this.take(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** The content of the next element, which must have this tag. */
  take(tag: number): Uint8Array {
    if (this.peek() !== tag) {
      throw new ProtocolError("malformed", `DER: expected an element with tag 0x${tag.toString(16)}`);
    }
    this.#at += 1;
    const size = this.#length();
    const start = this.#at;
    if (size > this.#bytes.length - start) throw new ProtocolError("malformed", "DER: truncated");
    this.#at = start + size;
    return this.#bytes.subarray(start, this.#at);
  }

  /** A reader of what is inside the next element. */
  enter(tag: number): DerReader {
    return new DerReader(this.take(tag), this.#depth + 1);
  }

  /** Magnitude of the next INTEGER, which must be non-negative and in shortest form. */
  unsigned(): Uint8Array {
    const content = this.take(TAG.integer);
    const [first, second = 0] = content;
    if (first === undefined || first >= 0x80) throw new ProtocolError("malformed", "DER: negative integer");
    if (first !== 0 || content.length === 1) return content;
    if (second < 0x80) throw new ProtocolError("malformed", "DER: integer not in shortest form");
    return content.subarray(1);
  }

  /** X.690 §10.1: definite, in the fewest octets; two octets of length are enough for MAX_DER_BYTES. */
  #length(): number {
    const first = this.#bytes[this.#at++] ?? 0xff;
    if (first < 0x80) return first;
    const octets = first & 0x7f;
    if (octets !== 1 && octets !== 2) throw new ProtocolError("malformed", "DER: no definite, short length");
    let size = 0;
    for (let i = 0; i < octets; i++) size = size * 0x100 + (this.#bytes[this.#at++] ?? 0);
    if (size < (octets === 1 ? 0x80 : 0x100)) {
      throw new ProtocolError("malformed", "DER: length not in shortest form");
    }
    return size;
  }
}
