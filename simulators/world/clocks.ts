/** The clock of one node: it runs fast or slow, shows any date, jumps, and stops with its power. */
import type { Clock, Timer } from "../../protocol/clock.js";
import type { Luck } from "./random.js";
import type { Schedule } from "./schedule.js";

/** How a clock goes. */
export interface Ticking {
  /** What it shows when it starts, Unix milliseconds; absent: the truth. */
  readonly showsMs?: number;
  /** Parts per million that it is fast; below 0: slow. */
  readonly driftPpm?: number;
}

/** Least and most, milliseconds. */
export type Span = readonly [least: number, most: number];

const PPM = 1e-6;

export class NodeClock implements Clock {
  readonly #schedule: Schedule;
  readonly #node: string;
  readonly #rate: number;
  /** True time at which it started, and what it showed then; jumps change the latter. */
  readonly #startedMs: number;
  #showedMs: number;
  readonly #timers = new Set<Timer>();
  #stoppedAtMs: number | undefined;

  constructor(schedule: Schedule, node: string, { showsMs = schedule.nowMs, driftPpm = 0 }: Ticking = {}) {
    this.#schedule = schedule;
    this.#node = node;
    this.#rate = 1 + driftPpm * PPM;
    this.#startedMs = schedule.nowMs;
    this.#showedMs = showsMs;
  }

  nowMs(): number {
    return Math.floor(this.#showedMs + this.#elapsedMs());
  }

  /** Counts in this clock's own milliseconds, whatever date it shows meanwhile. */
  after(delayMs: number, run: () => void): Timer {
    if (this.#stoppedAtMs !== undefined) return { cancel: () => undefined };
    const trueMs = Math.ceil(Math.max(0, delayMs) / this.#rate);
    const happening = this.#schedule.after(trueMs, this.#node, "timer", () => {
      this.#timers.delete(timer);
      run();
    });
    const timer = {
      cancel: () => {
        this.#timers.delete(timer);
        this.#schedule.cancel(happening);
      },
    };
    this.#timers.add(timer);
    return timer;
  }

  /** Resolves after a drawn time, at once for none; never when the power goes before. */
  async wait([least, most]: Span, luck: Luck): Promise<void> {
    if (most > 0) await new Promise<void>((done) => this.after(luck.between(least, most), done));
  }

  /** Somebody sets it. Timers do not notice. */
  jump(byMs: number): void {
    this.#showedMs += byMs;
  }

  /** The power is gone: no timer runs any more, and time stands. */
  stop(): void {
    this.#stoppedAtMs ??= this.#schedule.nowMs;
    for (const timer of this.#timers) timer.cancel();
  }

  #elapsedMs(): number {
    return ((this.#stoppedAtMs ?? this.#schedule.nowMs) - this.#startedMs) * this.#rate;
  }
}
