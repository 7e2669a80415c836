/** A log that no service has open, as who mends it sees it: what it adds up to, and where each subject ends. */
import type { Crypto } from "../../protocol/crypto.js";
import { emptyFold, type Folded, foldEvent } from "../fold.js";
import type { EventLog, LogRecord, Position, Subject } from "../ports.js";

/** Some record of what was decided: a log, or a copy of one. */
export type History = Pick<EventLog, "read">;
/** One that can be mended: nobody else writes to it meanwhile. */
export type ClosedLog = Pick<EventLog, "read" | "append">;

/** In the place of a hash: of what stands in a log and no worker takes. */
export const NO_HASH = "no record";

export interface LogState {
  readonly folded: Folded;
  /** Of the newest record; 0: there is none. */
  readonly end: Position;
  readonly ends: ReadonlyMap<Subject, Position>;
}

/** @throws FleetError "storage-failed", ProtocolError for a log that cannot be read. */
export async function stateOf(history: History, crypto: Crypto): Promise<LogState> {
  let folded = emptyFold();
  let end = 0;
  const ends = new Map<Subject, Position>();
  for await (const { position, subject, events } of history.read(0)) {
    for (const event of events) folded = foldEvent(folded, event, crypto);
    ends.set(subject, position);
    end = position;
  }
  return { folded, end, ends };
}

export async function hasRecords(history: History): Promise<boolean> {
  return (await recordAt(history, 1)) !== undefined;
}

/** The record there, if the history goes so far. */
export async function recordAt(history: History, position: Position): Promise<LogRecord | undefined> {
  for await (const record of history.read(position - 1)) return record;
  return undefined;
}
