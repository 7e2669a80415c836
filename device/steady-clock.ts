/**
 * Powered time out of whatever clock the host gives. It never falls, however often that clock is set; and what
 * it counts for a clock that was set makes a device staler, never fresher (P6). One lease puts it right.
 */
import type { Clock } from "../protocol/clock.js";

/** A longer step forward counts as this: the clock was set, or the machine slept, which is no powered time. */
const MOST_FORWARD_MS = 86_400_000;
/** What a step back counts at most. A device looks once an hour, so more than that cannot have passed. */
const MOST_BACK_MS = 3_600_000;

/** @param clock - may jump in both directions. @returns one that counts from 0, and stands or goes forward. */
export function steadyClock(clock: Clock): Clock {
  let [seenMs, countedMs] = [clock.nowMs(), 0];
  const count = () => {
    const nowMs = clock.nowMs();
    countedMs += counted(nowMs - seenMs);
    seenMs = nowMs;
    return countedMs;
  };
  return {
    nowMs: count,
    after: (delayMs, run) =>
      clock.after(delayMs, () => {
        count(); // each timer is a look, so that what several days bring is not taken for one step
        run();
      }),
  };
}

/** A step back hides how long it took, and who steps back again and again must not stop time. */
function counted(stepMs: number): number {
  return stepMs >= 0 ? Math.min(stepMs, MOST_FORWARD_MS) : Math.min(-stepMs, MOST_BACK_MS);
}
