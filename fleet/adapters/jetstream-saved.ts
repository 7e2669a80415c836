/** The messages of a stream that is mended: in a file, until the stream is whole again, and as the records they are. */
import { createReadStream } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { headers } from "nats";
import { nodeDisk } from "../../protocol/adapters/atomic-file.js";
import type { LogRecord, Position, Subject } from "../ports.js";
import { type History, NO_HASH } from "../recovery/closed-log.js";
import { NO_END, OtherHistory, place, readMessage, type StoredMessage } from "./jetstream-message.js";
import { chainHash, sealRecord } from "./record-chain.js";

/** In order; undefined: there is none at this position. */
export type Messages = AsyncIterable<readonly [Position, StoredMessage | undefined]>;

/** What stands for a message that no worker takes, or that is missing, and for all after it. */
const NO_RECORD = { subject: "-", events: [], hash: NO_HASH } as const;

/** One line of the file: JSON, the payload in base64. */
interface Line {
  readonly sequence: Position;
  readonly subject?: string;
  readonly headers: readonly (readonly [string, readonly string[]])[];
  readonly payload?: string;
}

export async function* recordsIn(stream: string, messages: Messages): AsyncGenerator<LogRecord, void> {
  const hashes = [NO_END.hash];
  const heads = new Map<Subject, Position>();
  for await (const [position, message] of messages) {
    const record = recordIn(stream, position, message, hashes, heads);
    hashes.push(record.hash);
    heads.set(record.subject, position);
    yield record;
  }
}

/** Writes them, one a line; the file has its name once all of them are synced. */
export async function saveMessages(path: string, messages: Messages): Promise<void> {
  const half = `${path}.half`;
  const file = await open(half, "w", 0o600);
  try {
    for await (const [sequence, message] of messages) {
      const payload = message && Buffer.from(message.payload).toString("base64");
      const line = { sequence, subject: message?.subject, headers: [...(message?.headers ?? [])], payload };
      await file.write(`${JSON.stringify(line)}\n`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(half, path);
  await nodeDisk.syncFolder(dirname(path));
}

/** What `saveMessages` has written. @param stream - of which they are. */
export function savedRecords(stream: string, path: string): History {
  return {
    async *read(from: Position): AsyncGenerator<LogRecord, void> {
      for await (const record of recordsIn(stream, savedIn(path))) if (record.position > from) yield record;
    },
  };
}

async function* savedIn(path: string): Messages {
  for await (const text of createInterface({ input: createReadStream(path) })) {
    const { sequence, subject, headers: pairs, payload } = JSON.parse(text) as Line;
    const set = headers();
    for (const [name, values] of pairs) for (const value of values) set.append(name, value);
    const isThere = subject !== undefined && payload !== undefined;
    yield [
      sequence,
      isThere ? { sequence, subject, payload: Buffer.from(payload, "base64"), headers: set } : undefined,
    ];
  }
}

function recordIn(
  stream: string,
  position: Position,
  message: StoredMessage | undefined,
  hashes: readonly string[],
  heads: ReadonlyMap<Subject, Position>,
): LogRecord {
  const before = hashes.at(-1);
  if (!message || before === undefined || before === NO_HASH) return { ...NO_RECORD, position };
  try {
    const read = readMessage(stream, message);
    if (hashes[read.knew.position] !== read.knew.hash) return { ...NO_RECORD, position };
    const { draft, events } = place(read, heads.get(read.draft.subject) ?? 0);
    const hash = chainHash(sealRecord(position, draft, before));
    return { position, subject: draft.subject, events, hash };
  } catch (error) {
    if (error instanceof OtherHistory) return { ...NO_RECORD, position };
    throw error;
  }
}
