/**
 * The records of an export, as a log hands them out. Each follows the one before; who signed it is not looked at, so
 * this is for an export from the fleet's own server. One that came through other hands is read as `export-copy.ts` does.
 */
import type { Crypto } from "../../protocol/crypto.js";
import type { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import type { LogRecord, Position } from "../ports.js";
import { CHAIN_START, linesOf, readCheckpointLine, readRecordLine } from "./export-lines.js";

/**
 * @param from - records up to here are read, and not handed out.
 * @param damaged - what is thrown where something else follows a record than the next one.
 * @returns whether it came to its checkpoint; else it was cut off.
 */
export async function* exportedRecords(
  chunks: AsyncIterable<Uint8Array>,
  from: Position,
  damaged: (after: Position) => FleetError,
  crypto: Crypto,
): AsyncGenerator<LogRecord, boolean> {
  let [last, previous] = [0, CHAIN_START];
  let [isFirst, isWhole] = [true, false];
  for await (const line of linesOf(chunks)) {
    const record = readRecordLine(line.bytes, crypto);
    isWhole = line.isWhole && !record && readCheckpointLine(line.bytes) !== undefined;
    if (record) {
      if (record.position !== last + 1 || record.previous !== previous) throw damaged(last);
      const { position, subject, hash } = record;
      [last, previous] = [position, hash];
      if (position > from) yield { position, subject, hash, events: eventsIn(line.bytes) };
    } else if (!isWhole && !isFirst && line.isWhole) throw damaged(last);
    isFirst = false; // the first is the header
  }
  return isWhole;
}

/** In the order of their members as they were written, which the hash is over. */
function eventsIn(line: Uint8Array): readonly FleetEvent[] {
  const { record } = JSON.parse(Buffer.from(line).toString("utf8")) as {
    readonly record: Pick<LogRecord, "events">;
  };
  return record.events;
}
