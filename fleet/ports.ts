/** What the fleet needs from the outside world, in its own words. Adapters are in `adapters/`. */
import type { FleetError } from "./errors.js";
import type { FleetEvent } from "./events.js";

/** What must not have changed for a decision to count, such as "fleet" or "device/7": 1 to 64 printable ASCII characters, no space. */
export type Subject = string;

/** Place of a record in the log: 1, 2, 3, … without gaps. 0 is before the first. */
export type Position = number;

/** One decision: all its events, together or not at all. */
export interface LogRecord {
  readonly position: Position;
  readonly subject: Subject;
  readonly events: readonly FleetEvent[];
  /** SHA-256, 64 hex digits, over this record and the hash of the one before it: it stands for the log up to here. */
  readonly hash: string;
}

/** Who keeps up with the log. */
export interface Follower {
  /** The next record, durable. Must not throw. */
  take(record: LogRecord): void;
  /** The log cannot go on, for good: "storage-failed", or "fenced" when it is not the log that it was. Told once. */
  failed(error: FleetError): void;
}

/** What the fleet decided, in order. The one source of truth: every view can be rebuilt from it. */
export interface EventLog {
  /**
   * Appends one decision's events as one record, if `subject` still ends at `expected`. Durable once resolved, and
   * by then every follower of this log object has taken it.
   * @param events - at least one; at most 1 MiB as JSON.
   * @param expected - position of the newest record of `subject`; 0 if it has none.
   * @returns the position of the new record.
   * @throws FleetError "conflict" if another writer came first: followers have taken what it wrote; "storage-failed"
   *   for this and every later request once the disk has refused one; "fenced" likewise, once the log is not the
   *   one that it was; "unreachable" when the log does not answer, and the record may or may not come; "overloaded"
   *   when too much waits; "bad-request" for a subject or events out of bounds.
   */
  append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position>;
  /**
   * Records after `from`, oldest first, up to the end at the time of the first read.
   * @throws FleetError "storage-failed" naming the first record that is missing or not as it was written.
   */
  read(from: Position): AsyncIterable<LogRecord>;
  /**
   * Hands over every record after `from`, in order, those of this and of other writers, as they become durable.
   * @param from - not beyond the end, and not before what `read` gave last: nothing older is read again.
   * @returns a call that ends it.
   */
  follow(from: Position, follower: Follower): () => void;
  /**
   * Resolves when followers of this log object have taken all that was in the log, by whomever, when it was asked.
   * @throws FleetError "unreachable", "fenced", "storage-failed".
   */
  caughtUp(): Promise<void>;
  /** Ends when all accepted appends have been answered; every request after it gets "storage-failed". */
  close(): Promise<void>;
}
