/** Whether a stream still holds what this worker's copy holds: as long, without gaps, and equal where one looks. */
import type { NatsConnection, StreamInfo } from "nats";
import { FleetError } from "../errors.js";
import type { EventLog, LogRecord, Position } from "../ports.js";
import { isMessageMissing, REQUEST_MS } from "./jetstream-answers.js";
import type { History } from "./jetstream-history.js";
import {
  body,
  NO_END,
  OtherHistory,
  overtaken,
  readMessage,
  type RecordMessage,
  type StoredMessage,
} from "./jetstream-message.js";
import { findStream } from "./jetstream-stream.js";

/** One worker's copy and the stream that it is a copy of. */
export interface Pair {
  readonly nats: NatsConnection;
  readonly stream: string;
  readonly copy: EventLog;
  /** Of the copy. */
  readonly history: History;
}

/** Records of the whole history that are looked at when a worker starts. */
const SAMPLES = 16;

/**
 * @param isThorough - looks at records spread over the whole history, not only at the end of the copy.
 * @returns where the stream ends.
 * @throws OtherHistory; FleetError "bad-request" for the stream of another fleet; NatsError when there is no answer; FleetError "storage-failed" of the copy.
 */
export async function compare(pair: Pair, isThorough: boolean): Promise<Position> {
  const { nats, stream, history } = pair;
  const end = history.end.position;
  const found = await findStream(nats, stream);
  if (!found) throw new OtherHistory(end, `is gone: there is no ${stream} (--stream names another)`);
  const { last_seq } = found.state;
  try {
    await compareWith(pair, found, isThorough);
  } catch (error) {
    if (!(error instanceof OtherHistory) || !(await isAnotherFleets(pair))) throw error;
    const text = `the stream ${stream} is another fleet's: check --nats and --stream`;
    throw new FleetError("bad-request", text, { cause: error });
  }
  return last_seq;
}

async function compareWith(pair: Pair, { state }: StreamInfo, isThorough: boolean): Promise<void> {
  const end = pair.history.end.position;
  const { first_seq, last_seq, messages } = state;
  if (messages !== last_seq || (messages > 0 && first_seq !== 1)) {
    throw new OtherHistory(end, "has lost records before its end");
  }
  if (last_seq < end) {
    throw new OtherHistory(end, `ends at ${last_seq}, and this worker's copy at ${end}`);
  }
  for (const position of isThorough ? samples(end) : [end]) await compareAt(pair, position);
}

/** A fleet that was founded elsewhere has lost nothing: its workers must not hear of ours. */
async function isAnotherFleets(pair: Pair): Promise<boolean> {
  const found = await messageAt(pair, 1);
  const own = await recordAt(pair.copy, 1);
  if (!found || !own) return false;
  const { draft, events } = readMessage(pair.stream, found);
  return body(draft) !== bodyOf(own) && events.some(({ type }) => type === "fleet-created");
}

/** The chain's hash at a position of the copy; undefined beyond its end. */
export async function hashAt({ copy, history }: Pair, position: Position): Promise<string | undefined> {
  if (position === NO_END.position) return NO_END.hash;
  if (position > history.end.position) return undefined;
  return history.hashAt(position) ?? (await recordAt(copy, position))?.hash;
}

/** Spread evenly; the last is the end. */
function samples(end: Position): readonly Position[] {
  const count = Math.min(SAMPLES, end);
  return Array.from({ length: count }, (_, i) => Math.ceil((end * (i + 1)) / count));
}

/** A message at a place that the copy has. @throws OtherHistory */
export async function compareMessage(pair: Pair, message: RecordMessage): Promise<void> {
  const { position, draft, knew } = message;
  const own = await recordAt(pair.copy, position);
  const ownBody = own && bodyOf(own);
  if (ownBody !== body(draft) && ownBody !== body(overtaken(message).draft)) {
    throw new OtherHistory(position, `has another record at ${position} than this worker's copy`);
  }
  // A hash stands for all that is before it: so one record shows much of the history.
  if ((await hashAt(pair, knew.position)) !== knew.hash) {
    throw new OtherHistory(
      position,
      `has a record at ${position} after another history than this worker's copy`,
    );
  }
}

function bodyOf({ subject, events }: LogRecord): string {
  return body({ subject, eventsJson: JSON.stringify(events) });
}

async function compareAt(pair: Pair, position: Position): Promise<void> {
  if (position === 0) return;
  const found = await messageAt(pair, position);
  if (!found)
    throw new OtherHistory(position, `has no record at ${position}, and this worker's copy has one`);
  await compareMessage(pair, readMessage(pair.stream, found));
}

async function messageAt({ nats, stream }: Pair, position: Position): Promise<StoredMessage | undefined> {
  const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
  try {
    const found = await manager.streams.getMessage(stream, { seq: position });
    return { sequence: found.seq, subject: found.subject, payload: found.data, headers: found.header };
  } catch (error) {
    if (isMessageMissing(error)) return undefined;
    throw error;
  }
}

async function recordAt(copy: EventLog, position: Position): Promise<LogRecord | undefined> {
  for await (const record of copy.read(position - 1)) return record;
  return undefined;
}
