/** What the fleet needs from the outside world, in its own words. Adapters are in `adapters/`. */
import type { FleetEvent } from "./events.js";

/** Whom a decision is about, such as "fleet" or "device/7": 1 to 64 printable ASCII characters, no space. */
export type Subject = string;

/** Place of a record in the log: 1, 2, 3, … without gaps. 0 is before the first. */
export type Position = number;

/** One decision: all its events, together or not at all. */
export interface LogRecord {
  readonly position: Position;
  readonly subject: Subject;
  readonly events: readonly FleetEvent[];
}

/** What the fleet decided, in order. The one source of truth: every view can be rebuilt from it. */
export interface EventLog {
  /**
   * Appends one decision's events as one record, if `subject` still ends at `expected`. Durable once resolved.
   * @param events - at least one; at most 1 MiB as JSON.
   * @param expected - position of the newest record of `subject`; 0 if it has none.
   * @returns the position of the new record.
   * @throws FleetError "conflict" if another writer came first; "storage-failed" for this and every later
   *   request once the disk has refused one; "overloaded" when too much waits for the disk; "bad-request"
   *   for a subject or events out of bounds.
   */
  append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position>;
  /**
   * Records after `from`, oldest first, up to the end at the time of the first read.
   * @throws FleetError "storage-failed" naming the first record that is missing or not as it was written.
   */
  read(from: Position): AsyncIterable<LogRecord>;
  /** Ends when all accepted appends have been answered; every request after it gets "storage-failed". */
  close(): Promise<void>;
}
