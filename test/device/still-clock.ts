/** A `Clock` that stands until it is moved: a device on it does nothing that no test lets it do. */
import type { Clock, Timer } from "../../protocol/clock.js";

export class StillClock implements Clock {
  #nowMs = 0;
  readonly #waiting = new Set<{ readonly dueMs: number; readonly run: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const waiting = { dueMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#waiting.add(waiting);
    return { cancel: () => void this.#waiting.delete(waiting) };
  }

  /** Milliseconds until the next call is due; undefined when nothing waits. */
  get nextMs(): number | undefined {
    const due = [...this.#waiting].map(({ dueMs }) => dueMs - this.#nowMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Moves the time by `ms`, then runs what has become due, soonest first; what that sets comes later. */
  advance(ms: number): void {
    this.#nowMs += ms;
    const due = [...this.#waiting].filter(({ dueMs }) => dueMs <= this.#nowMs);
    for (const waiting of due.toSorted((a, b) => a.dueMs - b.dueMs))
      if (this.#waiting.delete(waiting)) waiting.run();
  }
}
