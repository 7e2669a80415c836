/** An event log with a stopwatch: how long appends take, and how they end. */
import { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import type { EventLog, Follower, LogRecord, Position, Subject } from "../ports.js";

/** @param outcome - "appended", or the code of what it threw. */
export type ObserveAppend = (seconds: number, outcome: string) => void;

export class MeasuredLog implements EventLog {
  readonly #log: EventLog;
  readonly #nowSeconds: () => number;
  readonly #observe: ObserveAppend;

  /** @param nowSeconds - never goes back, whatever happens to the date. */
  constructor(log: EventLog, nowSeconds: () => number, observe: ObserveAppend) {
    this.#log = log;
    this.#nowSeconds = nowSeconds;
    this.#observe = observe;
  }

  async append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    const begun = this.#nowSeconds();
    let outcome = "appended";
    try {
      return await this.#log.append(subject, events, expected);
    } catch (error) {
      outcome = error instanceof FleetError ? error.code : "internal";
      throw error;
    } finally {
      this.#observe(this.#nowSeconds() - begun, outcome);
    }
  }

  read(from: Position): AsyncIterable<LogRecord> {
    return this.#log.read(from);
  }

  follow(from: Position, follower: Follower): () => void {
    return this.#log.follow(from, follower);
  }

  caughtUp(): Promise<void> {
    return this.#log.caughtUp();
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
