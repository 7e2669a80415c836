/** The parts of a swarm that decide: how it is spread, what is seen of a device, how times are added up. */
import { describe, expect, test } from "vitest";
import { countsOf, NO_COUNTS, sumOfCounts } from "../../simulators/swarm/counts.js";
import { limitIn, peakIn } from "../../simulators/swarm/processes.js";
import {
  checkOpenFiles,
  checkSettings,
  deal,
  processesOf,
  sourceOf,
  spread,
  type SwarmSettings,
  usualAddresses,
} from "../../simulators/swarm/settings.js";
import { firstSight, marked, notice, type Noticed } from "../../simulators/swarm/sighting.js";
import { percentilesOf, Timing } from "../../simulators/swarm/timings.js";

const settings = (some: Partial<SwarmSettings>): SwarmSettings => ({
  devices: 1_000,
  picked: 10,
  workers: 2,
  apart: false,
  addresses: 4,
  perSecond: Infinity,
  ...some,
});

describe("settings", () => {
  test.each<[Partial<SwarmSettings>, RegExp]>([
    [{ picked: 1_001 }, /--pick/],
    [{ devices: 15_001, workers: 1 }, /--workers 2/],
    [{ devices: 30_000, picked: 15_001, workers: 2, apart: true }, /fewer devices/],
    [{ devices: 240_001, workers: 16, addresses: 250 }, /fewer devices/],
    [{ devices: 20_001, workers: 2, addresses: 1 }, /--addresses 2/],
  ])("%j is refused", (some, words) => {
    expect(() => checkSettings(settings(some))).toThrow(words);
  });

  test.each<Partial<SwarmSettings>>([
    { picked: 1_000 },
    { devices: 30_000, workers: 2 },
    { devices: 30_000, picked: 15_000, workers: 1, apart: true },
    { devices: 20_000, workers: 2, addresses: 1 },
    { devices: 240_000, workers: 16, addresses: 250 },
  ])("%j is taken", (some) => {
    expect(() => checkSettings(settings(some))).not.toThrow();
  });

  test("each device needs an open file, and the words say how many", () => {
    const many = settings({ devices: 2_000, workers: 2 });
    expect(() => checkOpenFiles(many, 1_063)).toThrow(/ulimit -n 1064, or use --workers 3/);
    expect(() => checkOpenFiles(many, 1_064)).not.toThrow();
    expect(() => checkOpenFiles(many, undefined)).not.toThrow();
    expect(() => checkOpenFiles(settings({ devices: 2_000, workers: 2 }), 100)).toThrow(/ulimit -n 1064$/);
  });

  test("devices are dealt evenly, and the picked ones apart where they are to be", () => {
    const six = ["a", "b", "c", "d", "e", "f"];
    expect(deal(six, settings({ workers: 2 }))).toEqual([
      ["a", "b", "c"],
      ["d", "e", "f"],
    ]);
    const apart = settings({ workers: 2, picked: 3, apart: true });
    expect(deal(six, apart)).toEqual([["b", "d"], ["f"], ["a", "c", "e"]]);
    expect(processesOf(apart)).toBe(3);
    expect(deal(["a"], settings({ workers: 2, picked: 1, apart: true }))).toEqual([[], [], ["a"]]);
  });

  test("those of each process come from all addresses", () => {
    const two = settings({ addresses: 2 });
    expect([0, 1, 2].map((place) => sourceOf(place, two))).toEqual(["127.0.0.2", "127.0.0.3", "127.0.0.2"]);
    expect(sourceOf(3, settings({ addresses: 1 }))).toBeUndefined();
    expect([1, 2_001, 1_000_000].map(usualAddresses)).toEqual([4, 5, 250]);
  });

  test("the picked ones lie evenly among all", () => {
    const all = Array.from({ length: 10 }, (_, i) => i);
    expect(spread(all, 5)).toEqual([0, 2, 4, 6, 8]);
    expect(spread(all, 3)).toEqual([0, 3, 6]);
    expect(spread(all, 10)).toEqual(all);
    expect(spread(all, 0)).toEqual([]);
  });
});

describe("times", () => {
  test("of several processes are added up", () => {
    const [one, other, both] = [new Timing(), new Timing(), new Timing()];
    for (let ms = 1; ms <= 50; ms++) one.record(ms);
    for (let ms = 51; ms <= 100; ms++) other.record(ms);
    for (const part of [one, other]) both.add(part.encode());
    const { count, p50, p90, p99, p100 } = both.percentiles();
    expect(count).toBe(100);
    expect([p50, p90, p99, p100].map((ms) => Math.round(ms ?? 0))).toEqual([50, 90, 99, 100]);
  });

  test("a percentile that was not reached is left out", () => {
    const times = Array.from({ length: 98 }, (_, i) => i + 1);
    expect(Object.keys(percentilesOf(times, 100))).toEqual(["count", "p50", "p90"]);
    expect(percentilesOf(times, 100).p90).toBeCloseTo(90, 0);
    expect(percentilesOf([], 3)).toEqual({ count: 0 });
    expect(percentilesOf([], 0)).toEqual({ count: 0 });
    expect(percentilesOf([7], 1)).toMatchObject({
      count: 1,
      p50: expect.closeTo(7, 1),
      p100: expect.closeTo(7, 1),
    });
  });

  test("what is out of range counts as the nearest that is in it", () => {
    const { p50, p100 } = percentilesOf([-5, 1e12], 2);
    expect(p50).toBeLessThan(0.01);
    expect(p100).toBeGreaterThan(3_590_000);
  });
});

describe("what is seen of a device", () => {
  const after = (...all: readonly (Noticed | Noticed["type"])[]) =>
    all.reduce(
      (seen, each, i) => notice(seen, typeof each === "string" ? ({ type: each } as Noticed) : each, i),
      firstSight(7, "none"),
    );

  test("an attempt that came to nothing is no close", () => {
    expect(after("closed", "closed")).toMatchObject({ closes: 0, connected: false });
    expect(after("connected", "closed", "closed")).toMatchObject({ closes: 1, closedAtMs: 1 });
  });

  test("the first close counts, the first return after it, and the first lease after that", () => {
    const seen = after(
      "connected",
      "leased",
      "closed",
      "connected",
      "leased",
      "closed",
      "connected",
      "leased",
    );
    expect(seen).toMatchObject({
      closes: 2,
      closedAtMs: 2,
      returnedAtMs: 3,
      leasedAgainAtMs: 4,
      leased: true,
    });
  });

  test("a lease before the return is none after it, and so with what it heard and might say", () => {
    const may: Noticed = { type: "speak", allowed: true };
    expect(after("connected", "received", "leased", may, "closed", "connected")).toMatchObject({
      answered: false,
      spokeAgain: false,
    });
    expect(after("connected", "leased", "closed", "connected")).not.toHaveProperty("leasedAgainAtMs");
    expect(after("connected", "closed", "connected", "received", may)).toMatchObject({
      answered: true,
      spokeAgain: true,
    });
  });

  test("a mark forgets what was counted, and not what is", () => {
    const seen = marked(
      after("connected", "leased", "acknowledged", "closed", "connected", {
        type: "level",
        level: "restrict",
      }),
    );
    expect(seen).toEqual({ ...firstSight(7, "restrict"), connected: true, leased: true });
    expect(marked(after({ type: "failed", why: "no room" }))).toMatchObject({ failed: "no room" });
  });

  test("counts are of devices, and add up", () => {
    const counts = countsOf(2, [
      after("connected", "leased", "acknowledged", "acknowledged", "closed"),
      after("connected", { type: "level", level: "isolate" }),
    ]);
    expect(counts).toMatchObject({
      started: 2,
      connected: 1,
      leased: 1,
      held: 1,
      closed: 1,
      acknowledged: 1,
    });
    expect(sumOfCounts([counts, counts])).toMatchObject({ started: 4, held: 2, acknowledged: 2, failed: 0 });
    expect(sumOfCounts([])).toEqual(NO_COUNTS);
  });
});

test("what Linux tells of a process is read, and anything else is not known", () => {
  expect(
    limitIn("Limit\nMax open files            1024                 20000                files     \n"),
  ).toBe(1_024);
  expect(peakIn("VmPeak:\t  999 kB\nVmHWM:\t   2048 kB\n")).toBe(2_048 * 1_024);
  expect([limitIn(""), peakIn("Name:\tnode\n")]).toEqual([undefined, undefined]);
});
