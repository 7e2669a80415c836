/** The small parts of the world: luck, time, clocks and the trace. */
import { describe, expect, test } from "vitest";
import { NodeClock } from "../../simulators/world/clocks.js";
import { Fortune } from "../../simulators/world/random.js";
import { Schedule } from "../../simulators/world/schedule.js";
import { Trace } from "../../simulators/world/trace.js";

const YEAR_MS = 365 * 86_400_000;

describe("luck", () => {
  test("is the same for the same seed and name, and another for others", () => {
    const drawn = (seed: number, name: string) => new Fortune(seed).stream(name).bytes(16);
    expect(drawn(1, "a")).toEqual(drawn(1, "a"));
    expect(drawn(1, "a")).not.toEqual(drawn(1, "b"));
    expect(drawn(1, "a")).not.toEqual(drawn(2, "a"));
  });

  test("goes on in one stream whatever is drawn from another", () => {
    const [one, two] = [new Fortune(7), new Fortune(7)];
    one.stream("a").bytes(8);
    two.stream("a").bytes(8);
    one.stream("b").bytes(1000);
    expect(one.stream("a").bytes(8)).toEqual(two.stream("a").bytes(8));
  });

  test("falls everywhere in its range, and nowhere else", () => {
    const luck = new Fortune(3).stream("dice");
    const thrown = Array.from({ length: 600 }, () => luck.between(1, 6));
    for (const face of [1, 2, 3, 4, 5, 6])
      expect(thrown.filter((each) => each === face).length).toBeGreaterThan(60);
    expect(thrown.filter((each) => each < 1 || each > 6)).toEqual([]);
    expect(Array.from({ length: 100 }, () => luck.chance(0)).includes(true)).toBe(false);
    expect(Array.from({ length: 100 }, () => luck.chance(1)).includes(false)).toBe(false);
  });
});

describe("the schedule", () => {
  test("gives what was asked for by time, and in order at one time", () => {
    const schedule = new Schedule(1000);
    const luck = new Fortune(5).stream("times");
    const asked = Array.from({ length: 500 }, (_, i) => ({ i, atMs: 1000 + luck.between(0, 50) }));
    for (const { i, atMs } of asked) schedule.at(atMs, String(i), "", () => undefined);
    const taken = [];
    for (let next = schedule.take(); next; next = schedule.take()) taken.push(Number(next.node));
    expect(taken).toEqual(asked.toSorted((a, b) => a.atMs - b.atMs || a.i - b.i).map(({ i }) => i));
  });

  test("forgets what was cancelled, thousands of times, and only that", () => {
    const schedule = new Schedule(0);
    const ran: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      const happening = schedule.at(10_000 - i, "", "", () => ran.push(i));
      if (i % 10 === 0) continue;
      schedule.cancel(happening);
      schedule.cancel(happening); // changes nothing
    }
    for (let next = schedule.take(); next; next = schedule.take()) next.run();
    expect(ran).toEqual(Array.from({ length: 1000 }, (_, i) => 10 * i).toReversed());
  });

  test("moves time on, never back", () => {
    const schedule = new Schedule(100);
    schedule.at(50, "", "late", () => undefined);
    schedule.at(200, "", "later", () => undefined);
    expect([schedule.take()?.atMs, schedule.nowMs]).toEqual([100, 100]);
    expect([schedule.take()?.atMs, schedule.nowMs]).toEqual([200, 200]);
    expect(schedule.take()).toBeUndefined();
    expect(schedule.steps).toBe(2);
  });
});

describe("a clock", () => {
  function passing(schedule: Schedule, ms: number): void {
    schedule.at(schedule.nowMs + ms, "", "", () => undefined);
    for (let next = schedule.take(); next; next = schedule.take()) next.run();
  }

  test.each([0, Date.UTC(2005, 0, 1), 2 ** 31 * 1000, Date.UTC(2100, 0, 1)])(
    "shows %s when it starts, and goes on",
    (showsMs) => {
      const schedule = new Schedule(Date.UTC(2027, 0, 1));
      const clock = new NodeClock(schedule, "a", { showsMs });
      passing(schedule, YEAR_MS);
      expect(clock.nowMs()).toBe(showsMs + YEAR_MS);
    },
  );

  test("is fast or slow by what it drifts, and so are its timers", () => {
    const schedule = new Schedule(0);
    const fast = new NodeClock(schedule, "fast", { driftPpm: 100 });
    const slow = new NodeClock(schedule, "slow", { driftPpm: -100 });
    const due: string[] = [];
    slow.after(YEAR_MS, () => due.push("slow"));
    fast.after(YEAR_MS, () => due.push(`fast, ${fast.nowMs() - YEAR_MS}`));
    passing(schedule, YEAR_MS);
    expect(due).toEqual(["fast, 0", "slow"]);
    expect(schedule.nowMs).toBe(Math.ceil(YEAR_MS / (1 - 1e-4)));
  });

  test("is set, and its timers do not notice", () => {
    const schedule = new Schedule(0);
    const clock = new NodeClock(schedule, "a");
    let dueMs = 0;
    clock.after(1000, () => (dueMs = schedule.nowMs));
    clock.jump(-10 * YEAR_MS);
    passing(schedule, 5000);
    expect([dueMs, clock.nowMs()]).toEqual([1000, 5000 - 10 * YEAR_MS]);
  });

  test("stops with the power, and its timers are gone", () => {
    const schedule = new Schedule(0);
    const clock = new NodeClock(schedule, "a");
    const ran: string[] = [];
    clock.after(1000, () => ran.push("before"));
    clock.stop();
    clock.after(1000, () => ran.push("after"));
    passing(schedule, 5000);
    expect([clock.nowMs(), ran]).toEqual([0, []]);
  });
});

describe("the trace", () => {
  test("has one hash, whenever somebody asks for it", () => {
    const [asked, unasked, other] = [new Trace(), new Trace(), new Trace()];
    const hashes = new Set<string | undefined>();
    for (let i = 0; i < 500; i++) {
      for (const trace of [asked, unasked]) trace.add(`line ${i}`);
      other.add(i === 250 ? "another line" : `line ${i}`);
      hashes.add(i % 7 === 0 ? asked.hash : undefined);
    }
    expect(hashes.size).toBe(73); // another one after each line
    expect(asked.hash).toBe(unasked.hash);
    expect(other.hash).not.toBe(unasked.hash);
  });

  test("keeps the newest lines, or all", () => {
    const [short, whole] = [new Trace(), new Trace(true)];
    for (let i = 0; i < 1000; i++) for (const trace of [short, whole]) trace.add(String(i));
    expect(short.lines).toEqual(Array.from({ length: 200 }, (_, i) => String(800 + i)));
    expect(whole.lines).toHaveLength(1000);
  });
});
