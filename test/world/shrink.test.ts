/** What breaks a run is found among what does not. */
import { describe, expect, test } from "vitest";
import type { Invariant } from "../../simulators/world/invariants/index.js";
import { InvariantBroken } from "../../simulators/world/invariants/index.js";
import { drawPlan } from "../../simulators/world/plan/plan.js";
import { runPlan } from "../../simulators/world/run.js";
import { shrink } from "../../simulators/world/shrink.js";

const MANY = 1_000;
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);
/** Fails when all of these are in. */
const needs = (culprits: readonly number[]) => (items: readonly number[]) =>
  Promise.resolve(culprits.every((one) => items.includes(one)));

describe("the shortest list", () => {
  test.each([
    ["one of many", 64, [17]],
    ["two that are far apart", 64, [3, 60]],
    ["three together", 33, [5, 6, 7]],
    ["all of them", 4, [0, 1, 2, 3]],
    ["none of them", 9, []],
  ])("%s", async (_, count, culprits) => {
    expect((await shrink(numbers(count), needs(culprits), MANY)).items).toEqual(culprits);
  });

  test("is not looked for longer than it may be", async () => {
    let tries = 0;
    const counted = (items: readonly number[]) => {
      tries += 1;
      return needs([3, 60])(items);
    };
    const { items, tries: told } = await shrink(numbers(64), counted, 5);
    expect([tries, told]).toEqual([5, 5]);
    expect(items).toEqual(expect.arrayContaining([3, 60]));
  });
});

/** Says that no device may ever be held at `isolate`: every world breaks it in which an operator does so. */
class NobodyIsIsolated implements Invariant {
  readonly name = "nobody is isolated";
  fleetEvent(_fleet: unknown, event: { readonly type: string; readonly level?: string }): void {
    if (event.type === "directive-issued" && event.level === "isolate")
      throw new InvariantBroken(this.name, "fleet", "somebody is isolated");
  }
}

test("of a plan that breaks an invariant, the one thing is left that does", async () => {
  const about = { devices: [1], level: "isolate" } as const;
  const drawn = drawPlan(1, { days: 1, devices: 2 });
  const noise = drawn.deeds.filter(({ kind }) => kind === "break" || kind === "vouch" || kind === "stick");
  const plan = {
    ...drawn,
    lengthMs: 3_600_000,
    deeds: [
      ...noise.map((deed) => ({ ...deed, atMs: 60_000 })),
      { id: "hold-1", kind: "hold", atMs: 1_800_000, ...about } as const,
    ],
  };
  const failed = await runPlan(plan, { invariants: () => [new NobodyIsIsolated()] });
  expect(failed.failure).toMatchObject({ invariant: "nobody is isolated", node: "fleet" });
  const { items } = await shrink(
    plan.deeds,
    async (deeds) => {
      const { failure } = await runPlan({ ...plan, deeds }, { invariants: () => [new NobodyIsIsolated()] });
      return failure?.invariant === "nobody is isolated";
    },
    MANY,
  );
  expect(items.map(({ id }) => id)).toEqual(["hold-1"]);
});
