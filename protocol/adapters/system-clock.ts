/** `Clock` of the machine. */
import type { Clock } from "../clock.js";

/** Longest delay that setTimeout takes (about 24.8 days); it runs longer ones at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    let timeout: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const nowMs = Math.min(leftMs, MAX_TIMEOUT_MS);
      timeout = setTimeout(() => (leftMs > nowMs ? wait(leftMs - nowMs) : run()), nowMs);
    };
    wait(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(timeout) };
  },
};
