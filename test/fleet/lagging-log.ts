/** One log for several workers, as each of them sees it: what the others write comes late, and in the end it comes. */
import type { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { EventLog, Follower, LogRecord, Position, Subject } from "../../fleet/ports.js";

/** Whether the next thing that could happen happens now: a draw from a seed. */
export type Draw = () => boolean;

export class LaggingLog implements EventLog {
  readonly #shared: MemoryEventLog;
  readonly #draw: Draw;
  /** Durable, not told here yet; oldest first. */
  readonly #untold: LogRecord[] = [];
  readonly #followers = new Set<Follower>();
  readonly #unfollow: () => void;

  /** @param draw - true: what has come is told now. */
  constructor(shared: MemoryEventLog, draw: Draw) {
    this.#shared = shared;
    this.#draw = draw;
    const take = (record: LogRecord): void => {
      this.#untold.push(record);
      if (this.#draw()) this.tell();
    };
    this.#unfollow = shared.follow(0, { take, failed: () => undefined });
  }

  /** Everything that has come. */
  tell(): void {
    for (let record = this.#untold.shift(); record; record = this.#untold.shift())
      for (const follower of this.#followers) follower.take(record);
  }

  async append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    await this.#wait();
    try {
      const position = await this.#shared.append(subject, events, expected);
      await this.#wait(); // durable, and nobody here knows it yet
      return position;
    } finally {
      this.tell(); // own writes and what came before them, or what made the conflict
    }
  }

  async *read(from: Position): AsyncIterable<LogRecord> {
    this.tell();
    yield* this.#shared.read(from);
  }

  /** Of all that follow one log, each begins at its end. */
  follow(_from: Position, follower: Follower): () => void {
    this.tell();
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  async caughtUp(): Promise<void> {
    await this.#wait();
    this.tell();
  }

  close(): Promise<void> {
    this.#unfollow();
    return Promise.resolve();
  }

  async #wait(): Promise<void> {
    while (!this.#draw()) await Promise.resolve();
  }
}
