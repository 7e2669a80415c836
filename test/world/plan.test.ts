/** A plan is drawn from its seed alone, and one thing less in it changes no other. */
import { describe, expect, test } from "vitest";
import { DRAWS } from "../../simulators/world/plan/draws.js";
import { lineOf } from "../../simulators/world/plan/deeds.js";
import { drawPlan } from "../../simulators/world/plan/plan.js";

const SEEDS = Array.from({ length: 200 }, (_, at) => at);
const DAY_MS = 86_400_000;

describe("a plan", () => {
  test("is the same for the same seed and wish, and plain data", () => {
    const [once, again] = [drawPlan(7), drawPlan(7)];
    expect(again).toEqual(once);
    expect(JSON.parse(JSON.stringify(once))).toEqual(once);
    expect(drawPlan(8).deeds).not.toEqual(once.deeds);
  });

  test("is in order of time, with every name once", () => {
    for (const { deeds } of SEEDS.map((seed) => drawPlan(seed))) {
      const times = deeds.map(({ atMs }) => atMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(new Set(deeds.map(({ id }) => id)).size).toBe(deeds.length);
    }
  });

  test("has a night's length more time after a night, and ends as much later", () => {
    const plan = SEEDS.map((seed) => drawPlan(seed, { days: 20 })).find(({ deeds }) =>
      deeds.some(({ kind }) => kind === "night"),
    );
    const night = plan?.deeds.find((deed) => deed.kind === "night");
    expect(plan?.lengthMs).toBe(20 * DAY_MS + (night?.forMs ?? 0));
    const during = plan?.deeds.filter(
      ({ atMs }) => night && atMs > night.atMs && atMs < night.atMs + night.forMs,
    );
    expect(during).toEqual([]);
  });

  test("leaves out about half of the kinds, and all of them have some seed", () => {
    const mixtures = SEEDS.map((seed) => new Set(drawPlan(seed).deeds.map(({ kind }) => kind)));
    const all = Object.keys(DRAWS);
    const mean = mixtures.reduce((sum, { size }) => sum + size, 0) / mixtures.length;
    expect(mean).toBeGreaterThan(all.length * 0.35);
    expect(mean).toBeLessThan(all.length * 0.65);
    expect(new Set(mixtures.flatMap((kinds) => [...kinds]))).toEqual(new Set(all));
  });

  test("keeps each kind as it is, whatever the wish says of the devices", () => {
    expect(drawPlan(3, { days: 20, devices: 1 }).deeds).toEqual(drawPlan(3, { days: 20, devices: 6 }).deeds);
  });
});

test("a line says when, what and with what", () => {
  const line = lineOf({ id: "break-1", kind: "break", atMs: 1.5 * DAY_MS, device: 2, knows: [] });
  expect(line).toBe('day    1.50  break-1           {"device":2,"knows":[]}');
});
