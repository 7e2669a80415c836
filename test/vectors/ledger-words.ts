/**
 * The coding of the ledger in words, by what docs/protocol.md says and without the encoder, so that the encoder
 * is held to it too. `bits` are filled up with zeros to a whole byte, `hex` stands for itself, and every other
 * word names the varint behind it; a comma ends each part.
 */
import { concatBytes, fromHex } from "../../protocol/bytes.js";

export function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export function bytesOf(words: string): Uint8Array {
  const parts = words.split(", ").map((part) => {
    const [word, ...values] = part.split(" ");
    if (word === "bits") return bitBytes(values.join(""));
    return word === "hex" ? fromHex(values.join("")) : Uint8Array.from(varint(Number(values[0])));
  });
  return concatBytes(...parts);
}

export function gapsInWords(numbers: readonly number[], parameter: number): string {
  const gaps = numbers.slice(1).map((number, i) => golombBits(number - numbers[i]! - 1, parameter));
  const head = `count ${numbers.length}, mode 0, first ${numbers[0]!}, parameter ${parameter}`;
  return `${head}, bits ${gaps.join(" ")}, generations 0`;
}

export function bitmapInWords(numbers: readonly number[]): string {
  const [first, last] = [numbers[0]!, numbers.at(-1)!];
  const bits = range(first + 1, last).map((number) => (numbers.includes(number) ? "1" : "0"));
  return `count ${numbers.length}, mode 2, first ${first}, bits ${bits.join("")}, generations 0`;
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [128 + (value % 128), ...varint(Math.floor(value / 128))];
}

function bitBytes(bits: string): Uint8Array {
  const bytes = bits.match(/.{1,8}/g) ?? [];
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte.padEnd(8, "0"), 2));
}

/** @param parameter - whose remainders below `2 ** (width + 1) - parameter` have `width` bits. */
function golombBits(value: number, parameter: number): string {
  const width = Math.floor(Math.log2(parameter));
  const cutoff = 2 ** (width + 1) - parameter;
  const remainder = value % parameter;
  const rest = remainder < cutoff ? binary(remainder, width) : binary(remainder + cutoff, width + 1);
  return `${"0".repeat(Math.floor(value / parameter))}1${rest}`;
}

function binary(value: number, width: number): string {
  return width === 0 ? "" : value.toString(2).padStart(width, "0");
}
