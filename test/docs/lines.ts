/** Lines of bytes with their meaning beside them, held to the bytes that they explain. */
import { equalBytes, toHex } from "../../protocol/bytes.js";
import { type CborMap, encodeCbor } from "../../protocol/codec.js";

/** Bytes that stand together. `left`: how many more there are that are not shown. */
export interface Line {
  readonly bytes: Uint8Array;
  readonly depth: number;
  readonly meaning: string;
  readonly left?: number;
}

const BYTES_PER_LINE = 16;
const MEANING_COLUMN = 42;

export function line(bytes: Uint8Array, depth: number, meaning: string, left = 0): Line {
  return { bytes, depth, meaning, left };
}

/** The head of a string, array or map: what stands before its content (RFC 8949 §3). */
export function headOf(value: Uint8Array | readonly unknown[] | CborMap): Uint8Array {
  const count = value instanceof Map ? value.size : (value as Uint8Array).length;
  const size = count < 24 ? 1 : count < 256 ? 2 : 3;
  if (value instanceof Uint8Array) return encodeCbor(value).subarray(0, size);
  const sample = Array.from({ length: count }, (_, i) => i);
  return encodeCbor(value instanceof Map ? new Map(sample.map((i) => [i, 0])) : sample).subarray(0, size);
}

/** A block of Markdown. @throws RangeError when the lines are not the bytes. */
export function fenced(lines: readonly Line[], bytes: Uint8Array): string {
  let at = 0;
  for (const { bytes: part, left = 0 } of lines) {
    if (!equalBytes(part, bytes.subarray(at, at + part.length)))
      throw new RangeError(`at byte ${at} there is something else than is explained`);
    at += part.length + left;
  }
  if (at !== bytes.length) throw new RangeError(`${at} bytes are explained, and there are ${bytes.length}`);
  return `\`\`\`text\n${lines.flatMap(printed).join("\n")}\n\`\`\``;
}

function printed({ bytes, depth, meaning, left = 0 }: Line): readonly string[] {
  const indent = "  ".repeat(depth);
  if (left > 0) return [`${`${indent}${toHex(bytes)}…`.padEnd(MEANING_COLUMN)}; ${meaning}`];
  return Array.from({ length: Math.ceil(bytes.length / BYTES_PER_LINE) }, (_, i) => {
    const text = indent + toHex(bytes.subarray(i * BYTES_PER_LINE, (i + 1) * BYTES_PER_LINE));
    return i === 0 && meaning !== "" ? `${text.padEnd(MEANING_COLUMN)}; ${meaning}` : text;
  });
}
