/** The command: it repeats, in other processes too; it counts what happened; and it says what it takes. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { optionsFrom } from "../../simulators/world/options.js";
import { drawPlan } from "../../simulators/world/plan/plan.js";
import { runSeed } from "../../simulators/world/seed.js";

const ROOT = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** Two processes that know nothing of this one. */
async function inAnotherProcess(
  ...words: readonly string[]
): Promise<{ readonly hashes: object; steps: number }> {
  const program = join(ROOT, "simulators/world/main.ts");
  const { stdout } = await run(process.execPath, ["--import", "tsx", program, ...words, "--json"], {
    cwd: ROOT,
  });
  return JSON.parse(stdout) as { hashes: object; steps: number };
}

test("three seeds give the same traces here and in two other processes", async () => {
  const wish = { days: 1, devices: 2 };
  const there = await inAnotherProcess(
    "--seeds",
    "1..3",
    "--days",
    "1",
    "--devices",
    "2",
    "--processes",
    "2",
  );
  const reports = [];
  for (const seed of [1, 2, 3]) reports.push(await runSeed(drawPlan(seed, wish)));
  expect(there.hashes).toEqual(Object.fromEntries(reports.map(({ seed, hash }) => [seed, hash])));
  expect(there.steps).toBe(reports.reduce((sum, { steps }) => sum + steps, 0));
  expect(new Set(Object.values(there.hashes)).size).toBe(3);
});

test("a report counts the leases and what the applications said", async () => {
  const { figures, deviceDays } = await runSeed({ ...drawPlan(1, { days: 1, devices: 2 }), deeds: [] });
  expect(figures["device"]?.["leased"]).toBeGreaterThan(1);
  expect(figures["application"]?.["accepted"]).toBeGreaterThan(0);
  expect(deviceDays).toBeGreaterThan(2);
});

describe("the command line", () => {
  test.each([
    [["--seed", "7"], { seeds: [7, 7] }],
    [["--seeds", "12"], { seeds: [1, 12] }],
    [["--seeds", "3..9", "--processes", "2"], { seeds: [3, 9], processes: 2 }],
    [["--minutes", "720", "--devices", "4"], { wish: { days: 0.5, devices: 4 } }],
    [["--algorithm", "ES256", "--json"], { wish: { algorithm: "ES256" }, json: true }],
  ])("%j", (words, want) => {
    expect(optionsFrom(words)).toMatchObject(want);
  });

  test.each([
    [["--seed", "x"], "--seed: a whole number"],
    [["--seeds", "9..3"], "--seeds A..B: A comes before B"],
    [["--algorithm", "RSA"], "--algorithm: Ed25519 or ES256"],
    [["--crypto", "keyed-hash"], "Unknown option '--crypto'"],
  ])("%j is refused", (words, why) => {
    expect(() => optionsFrom(words)).toThrow(why);
  });
});
