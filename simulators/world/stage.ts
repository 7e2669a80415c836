/**
 * Where a world happens: time, one step after the other, and the trace of it. A step is one happening and all that
 * follows from it without time passing.
 */
import { type Happening, Schedule } from "./schedule.js";
import { Trace } from "./trace.js";
import { settled } from "./turn.js";

/** Steps that one call may take until what it waits for has come: more is a circle. */
const MAX_STEPS = 1_000_000;

export abstract class Stage {
  readonly schedule: Schedule;
  readonly trace: Trace;
  readonly seed: string;
  #inStep = false;
  /** What somebody threw whom nobody waits for: nobody in the world may. */
  #failure: Error | undefined;

  /** @param startMs - true time at the beginning, Unix milliseconds. @param wholeTrace - keep every line of it. */
  constructor(seed: string, startMs: number, wholeTrace: boolean) {
    this.seed = seed;
    this.schedule = new Schedule(startMs);
    this.trace = new Trace(wholeTrace);
  }

  /** Called when all that follows from the step has run. */
  protected abstract afterStep(step: Happening): void;

  /** True time, Unix milliseconds. */
  get nowMs(): number {
    return this.schedule.nowMs;
  }

  /** How many were taken. */
  get steps(): number {
    return this.schedule.steps;
  }

  /** Adds a line to the trace, within a step. */
  note(node: string, what: string): void {
    this.trace.add(`  ${node}: ${what}`);
  }

  /** The run is broken: the step of this moment ends with this. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Asks for something to happen later; when `run` rejects, the run is broken. */
  at(atMs: number, node: string, what: string, run: () => Promise<unknown> | void): Happening {
    return this.schedule.at(atMs, node, what, () => {
      void run()?.catch((error: unknown) => this.fail(error));
    });
  }

  /**
   * Does something now, and lets time pass until it is done; within a step it is part of that step, and whoever
   * takes the steps lets time pass. @throws whatever it rejects with.
   */
  async perform<T>(node: string, what: string, run: () => Promise<T> | T): Promise<T> {
    if (this.#inStep) return run();
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    this.schedule.after(0, node, what, () => {
      const done = (value: T) => (outcome = { value });
      void Promise.resolve()
        .then(run)
        .then(done, (error: unknown) => (outcome = { error }));
    });
    await this.until(() => outcome !== undefined, `${node} ${what}`);
    if (!outcome || "error" in outcome) throw outcome?.error;
    return outcome.value;
  }

  /** @returns false when nothing is left to happen. @throws what broke the run. */
  async step(): Promise<boolean> {
    if (this.#inStep) throw new Error("a step is under way: who is part of it cannot take the next one");
    const next = this.schedule.take();
    if (!next) return false;
    this.trace.add(`${next.atMs} ${next.node} ${next.what}`);
    this.#inStep = true;
    next.run();
    await settled();
    this.#inStep = false;
    if (!this.#failure) this.afterStep(next);
    if (this.#failure) throw this.#failure;
    return true;
  }

  /** All that happens until then, true time; it is then. */
  async run(untilMs: number): Promise<void> {
    while ((this.schedule.nextMs() ?? Infinity) <= untilMs) await this.step();
    this.schedule.nowMs = Math.max(this.schedule.nowMs, untilMs);
  }

  runFor(ms: number): Promise<void> {
    return this.run(this.nowMs + ms);
  }

  /** Steps until `condition` holds. @throws Error with `what` when it does not come about. */
  async until(condition: () => boolean, what: string, withinMs = Infinity): Promise<void> {
    const endMs = this.nowMs + withinMs;
    for (let steps = 0; !condition(); steps++) {
      const nextMs = this.schedule.nextMs();
      if (nextMs === undefined || nextMs > endMs || steps > MAX_STEPS)
        throw new Error(`seed ${this.seed}: it never came about that ${what}`);
      await this.step();
    }
  }
}
