/** Fixed seeds, each a world full of faults in which every invariant holds: 45 with Ed25519, 5 with ES256. */
import { describe, expect, test } from "vitest";
import { drawPlan } from "../../simulators/world/plan/plan.js";
import { runSeed } from "../../simulators/world/seed.js";
import type { Algorithm } from "../../protocol/crypto.js";

/** Short and small, so that all of them take less than two minutes. */
const SMALL = { Ed25519: { days: 2, devices: 2 }, ES256: { days: 1, devices: 1 } } as const;

async function failureOf(seed: number, algorithm: Algorithm): Promise<string> {
  const { failure } = await runSeed(drawPlan(seed, { ...SMALL[algorithm], algorithm }));
  if (!failure) return "none";
  return `${failure.invariant} at ${failure.node}: ${failure.sentence}\n${failure.lines.slice(-30).join("\n")}`;
}

const seeds = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe("every invariant holds", () => {
  test.each(seeds(45))("Ed25519, seed %i", async (seed) => {
    expect(await failureOf(seed, "Ed25519")).toBe("none");
  });
  test.each(seeds(5))("ES256, seed %i", async (seed) => {
    expect(await failureOf(seed, "ES256")).toBe("none");
  });
});
