/** Work in turns: what is taken runs alone, what is shared runs beside other shared work. First come, first served. */
import type { Clock } from "../protocol/clock.js";
import { FleetError } from "./errors.js";
import { within } from "./within.js";

/** Pieces of work that wait or run; further ones are refused as overloaded. */
const MAX_WAITING = 10_000;
/** Work of which nothing comes for so long stands still. A log that answers takes milliseconds. */
const STILL_MS = 5_000;

export class Turns {
  /** The newest that runs alone. */
  #alone: Promise<unknown> = Promise.resolve();
  /** Shared work that was asked for after it, and has not ended. */
  #shared = new Set<Promise<unknown>>();
  #waiting = 0;
  /** How many have ended well. */
  #done = 0;
  /** Of those that have not begun: each refuses one. */
  readonly #notBegun = new Set<(why: FleetError) => void>();
  /** Why nothing begins any more. */
  #ending: FleetError | undefined;

  /** Begins when all that was asked for before has ended. @throws FleetError "overloaded", and as `refuse` says; whatever `run` throws. */
  take<T>(run: () => Promise<T>): Promise<T> {
    const before = Promise.all([this.#alone, ...this.#shared]);
    const turn = this.#begin(before, run);
    // One that is refused has not waited for those before it. Resolves with nothing: else each would hold all before it.
    this.#alone = Promise.all([before, settled(turn)]).then(() => undefined);
    this.#shared = new Set();
    return turn;
  }

  /** Begins when all that runs alone and was asked for before has ended. @throws as `take`. */
  share<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#begin(this.#alone, run);
    const shared = this.#shared;
    const ended = settled(turn);
    shared.add(ended);
    void ended.then(() => shared.delete(ended));
    return turn;
  }

  /** Resolves once all that was asked for until now has ended. */
  async idle(): Promise<void> {
    await Promise.all([this.#alone, ...this.#shared]);
  }

  /**
   * Resolves once nothing waits and nothing runs.
   * @param progress - grows while what runs goes on.
   * @returns false when nothing comes of it any more.
   */
  async drained(clock: Clock, progress: () => number): Promise<boolean> {
    const empty = this.#empty(clock);
    for (;;) {
      const before = progress() + this.#done;
      if (await within(clock, STILL_MS, empty)) return true;
      if (progress() + this.#done === before) return false;
    }
  }

  /** For good: what waits is refused at once, and whatever is asked for later. What has begun goes on. */
  refuse(why: FleetError): void {
    this.#ending = why;
    for (const refuse of this.#notBegun) refuse(why);
    this.#notBegun.clear();
  }

  /** Whoever had a turn just now may ask for another: an act is decided in one and carried out in the next. */
  async #empty(clock: Clock): Promise<void> {
    do {
      await this.idle();
      await new Promise<void>((resolve) => clock.after(0, resolve));
    } while (this.#waiting > 0);
  }

  async #begin<T>(before: Promise<unknown>, run: () => Promise<T>): Promise<T> {
    if (this.#ending) throw this.#ending;
    if (this.#waiting >= MAX_WAITING)
      throw new FleetError("overloaded", "too many requests wait; try again later");
    this.#waiting++;
    try {
      await this.#turnOf(before);
      const result = await run();
      this.#done++;
      return result;
    } catch (error) {
      throw this.#told(error);
    } finally {
      this.#waiting--;
    }
  }

  #turnOf(before: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#notBegun.add(reject);
      void before.then(() => {
        this.#notBegun.delete(reject);
        resolve();
      });
    });
  }

  /** A log that is closed under what runs says no, though what was decided before may be in it. */
  #told(error: unknown): unknown {
    const isClosed = error instanceof FleetError && error.code === "storage-failed";
    return (isClosed && this.#ending) || error;
  }
}

function settled(work: Promise<unknown>): Promise<unknown> {
  return work.catch(() => undefined);
}
