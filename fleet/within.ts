/** A wait that has an end. */
import type { Clock } from "../protocol/clock.js";

/** @returns whether `work` was done in time; if not, it goes on. @throws whatever it throws in time. */
export function within(clock: Clock, limitMs: number, work: Promise<void>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const limit = clock.after(limitMs, () => resolve(false));
    work.then(() => resolve(true), reject).finally(() => limit.cancel());
  });
}
