/** `kill -9` at any moment while the fleet changes its mind (P3, P4): nothing older, no level lost. */
import { expect, test } from "vitest";
import { SOURCE } from "./device-process.js";
import { killedRounds } from "./killing.js";

/** 200 of the built program: npm run soak:kill. */
const ROUNDS = 10;

test("P4: a device killed at random keeps every version and every level that it ever spoke of", async () => {
  const killed = await killedRounds({ seed: 5, rounds: ROUNDS, program: SOURCE });
  expect(killed.complaints).toEqual([]);
  expect(killed.found).toBeGreaterThan(0);
});
