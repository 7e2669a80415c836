/** Bits, the most significant of each byte first, and variable-length integers that fill whole bytes. */
import { ProtocolError, type ProtocolErrorCode } from "../errors.js";

/** LEB128: 7 bits to a byte, least significant first; the top bit says that more follow. */
const VARINT_BITS = 7;
const VARINT_MORE = 1 << VARINT_BITS;
/** An unsigned integer of 32 bits never needs more. */
const MAX_VARINT_BYTES = 5;
const MAX_VARINT = 0xffff_ffff;

/** Reads forward, once; every call throws ProtocolError "malformed" when the bytes end before it does. */
export class BitReader {
  readonly #bytes: Uint8Array;
  /** In bits. */
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @param count - 0 to 31. */
  bits(count: number): number {
    let value = 0;
    for (let left = count; left > 0;) {
      const unread = 8 - (this.#at & 7);
      const taken = Math.min(left, unread);
      value = (value << taken) | ((this.#byte() >> (unread - taken)) & ((1 << taken) - 1));
      this.#at += taken;
      left -= taken;
    }
    return value;
  }

  /** How many zeros stand before the next one, which is read too. */
  zeros(): number {
    for (let count = 0; ;) {
      const unread = (this.#byte() << (this.#at & 7)) & 0xff;
      const zeros = unread === 0 ? 8 - (this.#at & 7) : Math.clz32(unread) - 24;
      this.#at += zeros;
      count += zeros;
      if (unread === 0) continue;
      this.#at += 1;
      return count;
    }
  }

  /** An unsigned integer of 32 bits, in its shortest form. Starts at a whole byte. */
  varint(): number {
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.bits(8);
      value += (byte % VARINT_MORE) * 2 ** (VARINT_BITS * i);
      if (byte >= VARINT_MORE) continue;
      if (byte === 0 && i > 0) this.refuse("malformed", "an integer is not in its shortest form");
      if (value > MAX_VARINT) this.refuse("out-of-range", "an integer is beyond 32 bits");
      return value;
    }
    return this.refuse("malformed", `an integer has more than ${MAX_VARINT_BYTES} bytes`);
  }

  /** Goes to the next whole byte. */
  align(): void {
    if (this.bits(-this.#at & 7) !== 0) this.refuse("malformed", "bits that fill up a byte are not zero");
  }

  end(): void {
    const left = this.#bytes.length - (this.#at >> 3);
    if (left > 0) this.refuse("malformed", `${left} bytes after the end`);
  }

  refuse(code: ProtocolErrorCode, why: string): never {
    throw new ProtocolError(code, `ledger at byte ${this.#at >> 3}: ${why}`);
  }

  #byte(): number {
    return this.#bytes[this.#at >> 3] ?? this.refuse("malformed", "truncated");
  }
}

/** Fills bytes of a size that is known before; bits that nobody writes are zero. */
export class BitWriter {
  readonly bytes: Uint8Array;
  /** In bits. */
  #at = 0;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
  }

  /** The lowest `count` bits of `value`, 0 to 31. */
  bits(value: number, count: number): void {
    for (let left = count; left > 0;) {
      const free = 8 - (this.#at & 7);
      const put = Math.min(left, free);
      left -= put;
      this.bytes[this.#at >> 3]! |= ((value >> left) & ((1 << put) - 1)) << (free - put);
      this.#at += put;
    }
  }

  /** `count` zeros, then a one. */
  zeros(count: number): void {
    this.#at += count;
    this.bits(1, 1);
  }

  varint(value: number): void {
    let rest = value;
    for (; rest >= VARINT_MORE; rest = Math.floor(rest / VARINT_MORE))
      this.bits((rest % VARINT_MORE) + VARINT_MORE, 8);
    this.bits(rest, 8);
  }
}

/** Bytes that `value` takes as a varint. */
export function varintBytes(value: number): number {
  return Math.ceil(Math.max(1, 32 - Math.clz32(value)) / VARINT_BITS);
}
