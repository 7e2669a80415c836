/** `MonotonicCounter` that lasts as long as its process. */
import type { MonotonicCounter } from "../ports.js";

export class MemoryCounter implements MonotonicCounter {
  #value = 0;

  read(): Promise<number> {
    return Promise.resolve(this.#value);
  }

  increment(): Promise<number> {
    this.#value += 1;
    return Promise.resolve(this.#value);
  }
}
