/**
 * `npm run test:guards [-- --list | --only <part of a name> | --slice]`: takes each guard away in a copy of
 * the source and demands that its test goes red. Shipped code has no switch for this.
 *
 * `--slice` is what `npm test` runs right after all tests were green: the guards that quarantine and
 * revocation stand on, without trying first whether their tests are green with the guard in place.
 */
import { parseArgs } from "node:util";
import type { Guard } from "./guard.js";
import { guards } from "./guards.js";
import { notGreen, notRed, patched } from "./judge.js";
import { Workbench } from "./workbench.js";

/** Principles whose guards are in the slice; the others take too long for every build. */
const SLICE: ReadonlySet<string> = new Set(["P3", "P7", "P13"]);
/** Copies of the source worked on at the same time. */
const WORKBENCHES = 2;

const { values } = parseArgs({
  options: { only: { type: "string" }, list: { type: "boolean" }, slice: { type: "boolean" } },
});
const chosen = guards.filter(
  ({ name, principle }) => name.includes(values.only ?? "") && !(values.slice && !SLICE.has(principle ?? "")),
);
const print = (line: string) => process.stdout.write(`${line}\n`);
const title = ({ name, principle }: Guard) => (principle ? `${principle}: ${name}` : name);
const seconds = (sinceMs: number) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;

if (values.list) for (const guard of chosen) print(`${title(guard)}  (${guard.file}; ${guard.test.file})`);
else process.exitCode = (await runAll()) ? 0 : 1;

/** True when there was something to do and every guard is defended. */
async function runAll(): Promise<boolean> {
  const benches = Array.from({ length: WORKBENCHES }, () => new Workbench());
  let [passed, failed] = [0, 0];
  const settle = (guard: Guard, problem: string | undefined, sinceMs: number) => {
    if (problem === undefined) passed += 1;
    else failed += 1;
    const detail = problem === undefined ? `red without it, ${seconds(sinceMs)}` : problem;
    print(`${problem === undefined ? "✓" : "✗"} ${title(guard)}: ${detail}`);
  };
  try {
    const sinceMs = performance.now();
    const { ready, unfit } = await sortOut(benches[0]!);
    for (const [guard, problem] of unfit) settle(guard, problem, sinceMs);
    print(
      `${ready.length} guards are whole${values.slice ? "" : " and their tests green"}, ${seconds(sinceMs)}`,
    );
    const work = async (bench: Workbench) => {
      for (let guard = ready.shift(); guard; guard = ready.shift()) {
        const startedMs = performance.now();
        settle(guard, await tryWithout(bench, guard), startedMs);
      }
    };
    await Promise.all(benches.map(work));
  } finally {
    for (const bench of benches) bench.remove();
  }
  print(`${passed} passed, ${failed} failed`);
  return passed > 0 && failed === 0;
}

/** A guard is ready when its patch fits and its test is green with the guard in place. */
async function sortOut(bench: Workbench): Promise<{ ready: Guard[]; unfit: Map<Guard, string> }> {
  const unfit = new Map<Guard, string>();
  const names = new Set<string>();
  for (const guard of chosen) {
    if (names.has(guard.name)) unfit.set(guard, "two guards have this name");
    names.add(guard.name);
    try {
      patched(bench.read(guard.file), guard);
    } catch (error) {
      unfit.set(guard, messageOf(error));
    }
  }
  if (values.slice) return { ready: chosen.filter((guard) => !unfit.has(guard)), unfit };
  const tests = chosen.map(({ test }) => test);
  const report = await bench.run(
    [...new Set(tests.map(({ file }) => file))],
    tests.map(({ name }) => name),
  );
  for (const guard of chosen) {
    const problem = notGreen(report, guard);
    if (problem !== undefined) unfit.set(guard, problem);
  }
  return { ready: chosen.filter((guard) => !unfit.has(guard)), unfit };
}

/** Undefined when the test went red. */
async function tryWithout(bench: Workbench, guard: Guard): Promise<string | undefined> {
  const source = bench.read(guard.file);
  try {
    bench.write(guard.file, patched(source, guard));
    return notRed(await bench.run([guard.test.file], [guard.test.name]), guard);
  } catch (error) {
    return messageOf(error);
  } finally {
    bench.write(guard.file, source);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
