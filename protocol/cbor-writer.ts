/**
 * CBOR items into one buffer, in their shortest form (RFC 8949 §4.2.1). What does not fit is counted and not kept, so
 * that whoever wrote too much can say how much it was.
 */
import { ProtocolError } from "./errors.js";
import { MAJOR, MAX_CBOR_BYTES } from "./strict.js";

const encoder = new TextEncoder();

export class CborWriter {
  readonly #out = new Uint8Array(MAX_CBOR_BYTES);
  #length = 0;

  /** Of all that was written, kept or not. */
  get length(): number {
    return this.#length;
  }

  /** What was written, as bytes of its own; the writer is empty again. */
  take(): Uint8Array {
    const bytes = this.#out.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }

  clear(): void {
    this.#length = 0;
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0xf5 : 0xf4);
  }

  /** @throws ProtocolError "out-of-range" */
  integer(value: number): void {
    if (!Number.isSafeInteger(value))
      throw new ProtocolError("out-of-range", "only safe integers can be encoded");
    if (value >= 0) this.head(MAJOR.unsigned, value);
    else this.head(MAJOR.negative, -1 - value);
  }

  bytes(value: Uint8Array): void {
    this.#string(MAJOR.bytes, value);
  }

  /** @throws ProtocolError "malformed": half a surrogate pair has no UTF-8, and U+FFFD would alter what is signed. */
  text(value: string): void {
    if (!/^[\0-\x7f]*$/.test(value) && /\p{Surrogate}/u.test(value))
      throw new ProtocolError("malformed", "text holds half a surrogate pair");
    this.#string(MAJOR.text, encoder.encode(value));
  }

  /** RFC 8949 §3: initial byte and argument. */
  head(major: number, argument: number): void {
    const kind = major << 5;
    if (argument < 24) return this.#byte(kind | argument);
    const log2Size = argument < 2 ** 8 ? 0 : argument < 2 ** 16 ? 1 : argument < 2 ** 32 ? 2 : 3;
    this.#byte(kind | (24 + log2Size));
    for (let place = 8 * ((1 << log2Size) - 1); place >= 0; place -= 8)
      this.#byte(Math.floor(argument / 2 ** place) % 256);
  }

  #string(major: number, value: Uint8Array): void {
    this.head(major, value.length);
    if (this.#length + value.length <= MAX_CBOR_BYTES) this.#out.set(value, this.#length);
    this.#length += value.length;
  }

  /** Beyond the end nothing is kept. */
  #byte(value: number): void {
    this.#out[this.#length] = value;
    this.#length += 1;
  }
}
