/** How far one side of the link is in the fleet's log, and who waits until it is further. */
import type { Clock, Timer } from "../protocol/clock.js";

interface Waiting {
  readonly position: number;
  readonly limit: Timer;
  readonly resolve: (reached: boolean) => void;
}

export class Positions {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #reached: number;
  #named: number;

  /** @param reached - position of a record; 0: before the first. */
  constructor(clock: Clock, reached: number) {
    this.#clock = clock;
    this.#reached = reached;
    this.#named = reached;
  }

  get reached(): number {
    return this.#reached;
  }

  /** The furthest that is known to be in the log, reached or not. */
  get named(): number {
    return Math.max(this.#named, this.#reached);
  }

  /** Somebody knows the log so far. */
  name(position: number): void {
    this.#named = Math.max(this.#named, position);
  }

  /** Never goes back. */
  advance(position: number): void {
    if (position <= this.#reached) return;
    this.#reached = position;
    for (const waiting of this.#waiting) if (waiting.position <= position) this.#end(waiting, true);
  }

  /** @returns whether it is that far before the time is over. */
  async reach(position: number, limitMs: number): Promise<boolean> {
    if (position <= this.#reached) return true;
    return new Promise((resolve) => {
      const limit = this.#clock.after(limitMs, () => this.#end(waiting, false));
      const waiting = { position, limit, resolve };
      this.#waiting.add(waiting);
    });
  }

  /** It will get no further. */
  close(): void {
    for (const waiting of this.#waiting) this.#end(waiting, false);
  }

  #end(waiting: Waiting, reached: boolean): void {
    this.#waiting.delete(waiting);
    waiting.limit.cancel();
    waiting.resolve(reached);
  }
}
