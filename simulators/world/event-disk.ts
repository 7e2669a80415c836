/**
 * The fleet's event log on a disk that loses power: what was appended is durable once it is answered, and what is
 * under way when the process ends, is there or not. It checks, stores and reads as the memory adapter does.
 */
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { EventLog, Follower, LogRecord, Position, Subject } from "../../fleet/ports.js";
import type { Luck } from "./random.js";

export interface LogUse {
  /** Waits as long as an append takes. */
  readonly appendTakes: () => Promise<void>;
  /** The process has just ended, at the append that was chosen. */
  readonly killed: () => void;
}

/** All records that are durable. */
export class EventDisk {
  #stored = new MemoryEventLog();
  #use: LogUse | undefined;
  #killAt = Infinity;
  /** What ends following, of the process that runs. */
  readonly #following = new Set<() => void>();
  readonly #luck: Luck;
  /** Appends that could be cut, since the beginning. */
  appends = 0;
  /** How often it was put back from a backup. */
  restores = 0;

  constructor(luck: Luck) {
    this.#luck = luck;
  }

  /** The process ends at the append after this many more; 0: at the next. */
  killAfter(appends: number): void {
    this.#killAt = this.appends + appends;
  }

  /** For a process that starts now. Once it has ended, whatever it asks is never answered. */
  open(use: LogUse): EventLog {
    this.#use = use;
    return {
      append: (subject, events, expected) => this.#append(use, subject, events, expected),
      read: (from) => this.#stored.read(from),
      follow: (from, follower) => this.#follow(from, follower),
      caughtUp: () => this.#stored.caughtUp(),
      close: () => Promise.resolve(),
    };
  }

  /** The process is gone. */
  close(): void {
    this.#use = undefined;
    this.#killAt = Infinity;
    for (const unfollow of this.#following) unfollow();
    this.#following.clear();
  }

  /** Every record, oldest first. */
  async records(): Promise<readonly LogRecord[]> {
    const records: LogRecord[] = [];
    for await (const record of this.#stored.read(0)) records.push(record);
    return records;
  }

  /** Put back from a backup: nothing after `position` is there any more. While no process uses it. */
  async restore(position: Position): Promise<void> {
    const records = await this.records();
    const older = new MemoryEventLog();
    const ends = new Map<Subject, Position>();
    for (const { subject, events } of records.slice(0, position))
      ends.set(subject, await older.append(subject, events, ends.get(subject) ?? 0));
    this.#stored = older;
    this.restores += 1;
  }

  #follow(from: Position, follower: Follower): () => void {
    const unfollow = this.#stored.follow(from, follower);
    this.#following.add(unfollow);
    return () => {
      unfollow();
      this.#following.delete(unfollow);
    };
  }

  async #append(
    use: LogUse,
    subject: Subject,
    events: readonly FleetEvent[],
    expected: Position,
  ): Promise<Position> {
    if (this.#use !== use) return never();
    const killed = this.appends++ >= this.#killAt;
    if (killed && this.#luck.chance(0.5)) return this.#kill(use); // before it was durable
    if (!killed) await use.appendTakes();
    if (this.#use !== use) return never();
    const position = await this.#stored.append(subject, events, expected);
    return killed ? this.#kill(use) : position; // durable, and nobody was answered
  }

  #kill(use: LogUse): Promise<never> {
    use.killed();
    return never();
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
