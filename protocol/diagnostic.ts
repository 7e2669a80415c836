/**
 * Any bytes in CBOR diagnostic notation (RFC 8949 §8), on one line, for people who compare bytes. Reads more
 * than the profile, since what we refuse is shown too: `_n` marks a longer form than needed, comments in
 * slashes what has no notation. Documents that we take are shown with their names by inspect.ts.
 */
import { toHex } from "./bytes.js";

/** Longer strings are cut, and their size stands in a comment. */
const SHOWN_BYTES = 80;
/** More than any document needs; recursion ends. */
const MAX_DEPTH = 32;

export function diagnostic(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  try {
    const parts = [reader.item(0)];
    while (reader.at < bytes.length) parts.push(reader.item(0));
    return parts.join(", "); // a CBOR sequence where one item was expected
  } catch (error) {
    if (error instanceof NotWellFormed) return `/ not well-formed: ${error.message} at byte ${reader.at} /`;
    throw error;
  }
}

class NotWellFormed extends Error {}

interface Head {
  readonly major: number;
  /** Undefined for an indefinite length. */
  readonly argument: bigint | undefined;
  /** Bytes of argument: 0, 1, 2, 4, 8. */
  readonly size: number;
}

class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  item(depth: number): string {
    if (depth > MAX_DEPTH) throw new NotWellFormed("nested too deep to be shown");
    const { major, argument, size } = this.#head();
    const form = argument !== undefined && longer(argument, size) ? `_${Math.log2(size)}` : "";
    const count = argument === undefined ? undefined : Number(argument);
    switch (major) {
      case 0:
        return `${argument}${form}`;
      case 1:
        return `${-1n - argument!}${form}`;
      case 2:
      case 3:
        if (count === undefined) return this.#many("(_ ", ")", undefined, () => this.item(depth + 1));
        return (major === 2 ? shownBytes(this.#take(count)) : shownText(this.#take(count))) + form;
      case 4:
        return this.#many(open("[", form, count), "]", count, () => this.item(depth + 1));
      case 5:
        return this.#many(
          open("{", form, count),
          "}",
          count,
          () => `${this.item(depth + 1)}: ${this.item(depth + 1)}`,
        );
      case 6:
        return `${argument}${form}(${this.item(depth + 1)})`;
      default:
        return simple(argument, size, this.#bytes.subarray(this.at - size, this.at));
    }
  }

  #head(): Head {
    const [initial] = this.#take(1) as unknown as [number];
    const major = initial >> 5;
    const short = initial & 0x1f;
    if (short < 24) return { major, argument: BigInt(short), size: 0 };
    if (short === 31 && major >= 2 && major <= 5) return { major, argument: undefined, size: 0 };
    if (short > 27) throw new NotWellFormed(short === 31 ? "a break" : "a reserved form");
    const size = 1 << (short - 24);
    return { major, argument: BigInt(`0x${toHex(this.#take(size))}`), size };
  }

  #take(size: number): Uint8Array {
    if (size > this.#bytes.length - this.at) throw new NotWellFormed("truncated");
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  #many(opening: string, closing: string, count: number | undefined, next: () => string): string {
    const items: string[] = [];
    for (let i = 0; count === undefined ? !this.#ends() : i < count; i++) items.push(next());
    return opening + items.join(", ") + closing;
  }

  /** The break that ends an indefinite length. */
  #ends(): boolean {
    if (this.#bytes[this.at] !== 0xff) return false;
    this.at += 1;
    return true;
  }
}

function longer(argument: bigint, size: number): boolean {
  const least = { 0: 0n, 1: 24n, 2: 1n << 8n, 4: 1n << 16n, 8: 1n << 32n }[size] ?? 0n;
  return argument < least;
}

function open(bracket: string, form: string, count: number | undefined): string {
  if (count === undefined) return `${bracket}_ `;
  return form === "" ? bracket : `${bracket}${form} `;
}

function shownBytes(bytes: Uint8Array): string {
  if (bytes.length <= SHOWN_BYTES) return `h'${toHex(bytes)}'`;
  return `h'${toHex(bytes.subarray(0, 8))}...' / ${bytes.length} bytes /`;
}

function shownText(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (bytes.length <= SHOWN_BYTES) return JSON.stringify(text);
    return `${JSON.stringify(text.slice(0, 8))}... / ${bytes.length} bytes /`;
  } catch {
    return `/ text that is no UTF-8 / ${shownBytes(bytes)}`;
  }
}

const SIMPLE: Readonly<Record<number, string>> = { 20: "false", 21: "true", 22: "null", 23: "undefined" };

function simple(argument: bigint | undefined, size: number, bytes: Uint8Array): string {
  const number = Number(argument);
  if (size < 2) return (size === 0 && SIMPLE[number]) || `simple(${number})`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  const value = size === 8 ? view.getFloat64(0) : size === 4 ? view.getFloat32(0) : half(number);
  const shown = Number.isFinite(value) && Number.isInteger(value) ? value.toFixed(1) : String(value);
  return `${shown}_${Math.log2(size)}`;
}

/** RFC 8949 appendix D. */
function half(bits: number): number {
  const [exponent, mantissa] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  const size =
    exponent === 0
      ? mantissa * 2 ** -24
      : exponent < 31
        ? (mantissa + 1024) * 2 ** (exponent - 25)
        : Infinity;
  const value = exponent === 31 && mantissa > 0 ? Number.NaN : size;
  return bits & 0x8000 ? -value : value;
}
