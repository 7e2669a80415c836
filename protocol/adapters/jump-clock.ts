/** `Clock` that runs with the machine's and can be moved forward, so that 400 days pass in one run. */
import type { Clock, Timer } from "../clock.js";
import { systemClock } from "./system-clock.js";

/** Timers that one call runs before it lets others run, since each may set the next one to now. */
const MAX_RUN_AT_ONCE = 100_000;

interface Waiting {
  readonly dueMs: number;
  readonly run: () => void;
}

export class JumpClock implements Clock {
  #offsetMs: number;
  /** Soonest first; equal times in the order they were set. */
  #waiting: Waiting[] = [];
  /** The machine's timer for the first of `#waiting`. */
  #armed: Timer | undefined;

  constructor(offsetMs = 0) {
    this.#offsetMs = offsetMs;
  }

  nowMs(): number {
    return systemClock.nowMs() + this.#offsetMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const waiting = { dueMs: this.nowMs() + Math.max(0, delayMs), run };
    const behind = this.#waiting.findIndex(({ dueMs }) => dueMs > waiting.dueMs);
    this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, waiting);
    this.#arm();
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        this.#arm();
      },
    };
  }

  /** Moves the time by `ms` (0 or more), then runs what has become due, in the order of the times it was due. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError("a clock moves forward, by 0 ms or more");
    this.#offsetMs += ms;
    this.#runDue();
  }

  #runDue(): void {
    try {
      for (let count = 0; count < MAX_RUN_AT_ONCE; count++) {
        const first = this.#waiting[0];
        if (!first || first.dueMs > this.nowMs()) break;
        this.#waiting.shift();
        first.run();
      }
    } finally {
      this.#arm(); // also when one of them threw: the others still run
    }
  }

  #arm(): void {
    this.#armed?.cancel();
    const [first] = this.#waiting;
    this.#armed = first && systemClock.after(first.dueMs - this.nowMs(), () => this.#runDue());
  }
}
