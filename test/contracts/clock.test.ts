/** What every `Clock` promises, and how `JumpClock` lets 400 days pass at once. */
import { describe, expect, test } from "vitest";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Clock } from "../../protocol/clock.js";

const DAY_MS = 24 * 3600 * 1000;

const clocks: [name: string, clock: Clock][] = [
  ["systemClock", systemClock],
  ["JumpClock", new JumpClock()],
];

describe.each(clocks)("%s", (_name, clock) => {
  const due = (delayMs: number) => new Promise<void>((resolve) => clock.after(delayMs, resolve));

  test("shows the machine's time", () => {
    const before = Date.now();
    const shown = clock.nowMs();
    expect(shown).toBeGreaterThanOrEqual(before);
    expect(shown).toBeLessThanOrEqual(Date.now());
  });

  test.each([0, -5, 1])("runs what is due in %i ms, and not before after() has returned", async (delayMs) => {
    let returned = false;
    const ran = new Promise<boolean>((resolve) => clock.after(delayMs, () => resolve(returned)));
    returned = true;
    expect(await ran).toBe(true);
  });

  test("does not run what was cancelled, and cancelling twice or late is harmless", async () => {
    const ran: string[] = [];
    const cancelled = clock.after(0, () => ran.push("cancelled"));
    const kept = clock.after(0, () => ran.push("kept"));
    cancelled.cancel();
    cancelled.cancel();
    await due(1);
    kept.cancel();
    expect(ran).toEqual(["kept"]);
  });

  test.each([2 ** 31, 400 * DAY_MS])("waits %i ms too, longer than setTimeout can", async (delayMs) => {
    const ran: string[] = [];
    const long = clock.after(delayMs, () => ran.push("long"));
    await due(5);
    long.cancel();
    expect(ran).toEqual([]);
  });
});

describe("JumpClock.advance", () => {
  test("400 days pass at once, timers run in the order they are due", () => {
    const clock = new JumpClock();
    const start = clock.nowMs();
    const ran: string[] = [];
    clock.after(300 * DAY_MS, () => ran.push("day 300"));
    clock.after(20 * DAY_MS, () => ran.push("day 20"));
    clock.after(20 * DAY_MS, () => ran.push("day 20, set second"));
    const never = clock.after(401 * DAY_MS, () => ran.push("day 401"));
    clock.advance(400 * DAY_MS);
    never.cancel();
    expect(ran).toEqual(["day 20", "day 20, set second", "day 300"]);
    expect(clock.nowMs() - start).toBeGreaterThanOrEqual(400 * DAY_MS);
  });

  test("a timer set by a timer runs in the same call if it is due, and waits if not", () => {
    const clock = new JumpClock();
    const ran: string[] = [];
    let pending = clock.after(DAY_MS, () => {
      ran.push("first");
      clock.after(0, () => ran.push("at once"));
      pending = clock.after(DAY_MS, () => ran.push("a day later"));
    });
    clock.advance(DAY_MS);
    expect(ran).toEqual(["first", "at once"]);
    clock.advance(DAY_MS);
    expect(ran).toEqual(["first", "at once", "a day later"]);
    pending.cancel();
  });

  test("a timer that was cancelled by an earlier one does not run", () => {
    const clock = new JumpClock();
    const ran: string[] = [];
    clock.after(1 * DAY_MS, () => second.cancel());
    const second = clock.after(2 * DAY_MS, () => ran.push("second"));
    clock.advance(3 * DAY_MS);
    expect(ran).toEqual([]);
  });

  test("a timer that throws does not keep the others from running", async () => {
    const clock = new JumpClock();
    const other = new Promise<string>((resolve) => {
      clock.after(DAY_MS, () => {
        throw new RangeError("broken");
      });
      clock.after(2 * DAY_MS, () => resolve("ran"));
    });
    expect(() => clock.advance(3 * DAY_MS)).toThrow("broken");
    expect(await other).toBe("ran");
  });

  test("P11: timers that set each other without delay cannot stop the world", async () => {
    const clock = new JumpClock();
    let count = 0;
    let timer = clock.after(DAY_MS, function again() {
      count += 1;
      timer = clock.after(0, again);
    });
    clock.advance(DAY_MS);
    timer.cancel();
    expect(count).toBe(100_000);
  });

  test("what an offset at the start says", () => {
    const clock = new JumpClock(400 * DAY_MS);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(Date.now() + 399 * DAY_MS);
  });

  test.each([-1, Number.NaN])("moving by %d ms is refused", (ms) => {
    expect(() => new JumpClock().advance(ms)).toThrow(RangeError);
  });
});
