/**
 * The export file: lines of JSON, each ended by a newline. First the header, then every record of the log as it is
 * stored, and last a checkpoint over all of them. No byte of it is free: each is hashed, signed, or foreseen.
 */
import { z } from "zod";
import { toHex, utf8 } from "../../protocol/bytes.js";
import type { Crypto } from "../../protocol/crypto.js";

/** Longest line that is read, in bytes: a record has at most 1 MiB of events. */
const MAX_LINE_BYTES = 1024 * 1024 + 4096;

/** What the first record names as the hash of the one before it. */
export const CHAIN_START = "0".repeat(64);

/** @param key - verifier key, as text. */
export function headerLine(key: string): string {
  return JSON.stringify({ format: "daymark-audit-export-1", key });
}

/** @param hash - of `body`, 64 hex digits. @param body - JSON, as the log has it. */
export function recordLine(hash: string, body: string): string {
  return `${BEFORE_HASH}${hash}${BEFORE_BODY}${body}}`;
}

/** @param note - signed. */
export function checkpointLine(note: string): string {
  return JSON.stringify({ checkpoint: note });
}

/** Whose log the first line says that this is; undefined where it says nothing of the kind. Nothing vouches for it. */
export function readHeaderName(line: Uint8Array): string | undefined {
  return HEADER_NAME.exec(Buffer.from(line.subarray(0, MAX_HEADER_BYTES)).toString("utf8"))?.[1];
}

/** One line without its newline. `isWhole`: it had one. */
export interface Line {
  readonly bytes: Uint8Array;
  readonly isWhole: boolean;
}

/** Of a line that is too long only the beginning is handed on, which cannot be what it was. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line, void> {
  let parts: Uint8Array[] = [];
  let size = 0;
  const keep = (part: Uint8Array) => {
    const room = part.subarray(0, MAX_LINE_BYTES - size);
    if (room.length > 0) parts.push(room);
    size += room.length;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      keep(chunk.subarray(from, end));
      yield { bytes: Buffer.concat(parts), isWhole: true };
      [parts, size, from] = [[], 0, end + 1];
    }
    keep(chunk.subarray(from));
  }
  if (size > 0) yield { bytes: Buffer.concat(parts), isWhole: false };
}

/** A record whose hash is that of its body. */
export type SealedRecord = z.infer<typeof RecordJson> & { readonly hash: string };

/** A line as `recordLine` makes it; undefined for any other line, and where hash and body do not belong together. */
export function readRecordLine(line: Uint8Array, crypto: Crypto): SealedRecord | undefined {
  const head = Buffer.from(line.subarray(0, BODY_AT)).toString("latin1");
  const hash = head.slice(BEFORE_HASH.length, BEFORE_HASH.length + CHAIN_START.length);
  const body = line.subarray(BODY_AT, -1);
  if (head !== `${BEFORE_HASH}${hash}${BEFORE_BODY}` || line.at(-1) !== CLOSING) return undefined;
  if (toHex(crypto.sha256(body)) !== hash) return undefined; // of the bytes as they came
  const record = jsonOf(Buffer.from(body).toString("utf8"), RecordJson);
  return record && { ...record, hash };
}

/** The note in a line as `checkpointLine` makes it; undefined for any other line. */
export function readCheckpointLine(line: Uint8Array): string | undefined {
  const text = Buffer.from(line).toString("utf8");
  const note = text.startsWith(BEFORE_NOTE) ? jsonOf(text, CheckpointJson)?.checkpoint : undefined;
  return note !== undefined && Buffer.from(line).equals(utf8(checkpointLine(note))) ? note : undefined;
}

const HEADER_NAME = /^\{"format":"daymark-audit-export-1","key":"([^\s+"\\]+)\+/u;
const MAX_HEADER_BYTES = 1024;
const BEFORE_HASH = '{"hash":"';
const BEFORE_BODY = '","record":';
const BODY_AT = BEFORE_HASH.length + CHAIN_START.length + BEFORE_BODY.length;
const BEFORE_NOTE = '{"checkpoint":"';
const [NEWLINE, CLOSING] = [0x0a, 0x7d];

const CheckpointJson = z.strictObject({ checkpoint: z.string() });
const Event = z.looseObject({ type: z.string(), at: z.number() });
const RecordJson = z.strictObject({
  position: z.int().positive(),
  subject: z.string(),
  previous: z.string(),
  events: z.array(Event).min(1),
});

/** What a `checkpoint-signed` event says; `root`: 32 bytes, base64url. */
export const CheckpointEvent = z.looseObject({
  type: z.literal("checkpoint-signed"),
  size: z.int().nonnegative(),
  root: z.string(),
  note: z.string(),
});

function jsonOf<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
