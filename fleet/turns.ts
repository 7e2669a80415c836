/** One after the other: each piece of work begins when the one before has ended, however that ended. */
import { FleetError } from "./errors.js";

/** Pieces of work that wait; further ones are refused as overloaded. */
const MAX_WAITING = 10_000;

export class Turns {
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @throws FleetError "overloaded"; whatever `run` throws. */
  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING)
      throw new FleetError("overloaded", "too many requests wait; try again later");
    this.#waiting++;
    const turn = this.#tail.then(run).finally(() => this.#waiting--);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves once all that was asked for until now has ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}
