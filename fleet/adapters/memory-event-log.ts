/** `EventLog` that lasts as long as its process: for simulations and tests of what stands on the log. */
import { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import type { EventLog, Follower, LogRecord, Position, Subject } from "../ports.js";
import { Followers } from "./followers.js";
import { chainHash, conflict, draft, openRecord, sealRecord } from "./record-chain.js";

export class MemoryEventLog implements EventLog {
  /** Stored form of the record at position `index + 1`. */
  readonly #records: string[] = [];
  readonly #heads = new Map<Subject, Position>();
  readonly #followers = new Followers();
  #closed = false;

  async append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    this.#assertOpen();
    const accepted = draft(subject, events);
    if ((this.#heads.get(subject) ?? 0) !== expected) throw conflict(subject);
    const position = this.#records.length + 1;
    this.#records.push(sealRecord(position, accepted, chainHash(this.#records.at(-1))));
    this.#heads.set(subject, position);
    for (const record of this.#after(position - 1)) this.#followers.take(record);
    return position;
  }

  async *read(from: Position): AsyncIterable<LogRecord> {
    for (const record of this.#after(from)) yield record;
  }

  follow(from: Position, follower: Follower): () => void {
    return this.#followers.add(follower, from, this.#after(from));
  }

  /** There is no other writer. */
  async caughtUp(): Promise<void> {
    this.#assertOpen();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  *#after(from: Position): Iterable<LogRecord> {
    this.#assertOpen();
    const end = this.#records.length;
    let before = this.#records[from - 1];
    for (let position = from + 1; position <= end; position++) {
      this.#assertOpen();
      const stored = this.#records[position - 1];
      yield openRecord(position, stored, chainHash(before));
      before = stored;
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new FleetError("storage-failed", "the event log is closed");
  }
}
