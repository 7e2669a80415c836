/** Work in turns: what is taken runs alone, what is shared runs beside other shared work. First come, first served. */
import { FleetError } from "./errors.js";

/** Pieces of work that wait or run; further ones are refused as overloaded. */
const MAX_WAITING = 10_000;

export class Turns {
  /** The newest that runs alone. */
  #alone: Promise<unknown> = Promise.resolve();
  /** Shared work that was asked for after it, and has not ended. */
  #shared = new Set<Promise<unknown>>();
  #waiting = 0;

  /** Begins when all that was asked for before has ended. @throws FleetError "overloaded"; whatever `run` throws. */
  take<T>(run: () => Promise<T>): Promise<T> {
    const before = Promise.all([this.#alone, ...this.#shared]);
    const turn = this.#begin(before, run);
    this.#alone = settled(turn);
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

  async #begin<T>(before: Promise<unknown>, run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING)
      throw new FleetError("overloaded", "too many requests wait; try again later");
    this.#waiting++;
    try {
      await before;
      return await run();
    } finally {
      this.#waiting--;
    }
  }
}

function settled(work: Promise<unknown>): Promise<unknown> {
  return work.catch(() => undefined);
}
