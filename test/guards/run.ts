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
    const { ready, unfit } = await sortOut(benches);
    for (const [guard, problem] of unfit) settle(guard, problem, sinceMs);
    print(
      `${ready.length} guards are whole${values.slice ? "" : " and their tests green"}, ${seconds(sinceMs)}`,
    );
    await share(benches, ready, async (bench, guard) => {
      const startedMs = performance.now();
      settle(guard, await tryWithout(bench, guard), startedMs);
    });
  } finally {
    for (const bench of benches) bench.remove();
  }
  print(`${passed} passed, ${failed} failed`);
  return passed > 0 && failed === 0;
}

/** Whichever bench is free takes the next one. */
async function share<T>(
  benches: readonly Workbench[],
  items: readonly T[],
  work: (bench: Workbench, item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const workOn = async (bench: Workbench) => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(bench, item);
  };
  await Promise.all(benches.map(workOn));
}

/** A guard is ready when its patch fits and its test is green with the guard in place. */
async function sortOut(
  benches: readonly Workbench[],
): Promise<{ ready: readonly Guard[]; unfit: ReadonlyMap<Guard, string> }> {
  const unfit = new Map<Guard, string>();
  const names = new Set<string>();
  for (const guard of chosen) {
    if (names.has(guard.name)) unfit.set(guard, "two guards have this name");
    names.add(guard.name);
    try {
      patched(benches[0]!.read(guard.file), guard);
    } catch (error) {
      unfit.set(guard, messageOf(error));
    }
  }
  if (values.slice) return { ready: chosen.filter((guard) => !unfit.has(guard)), unfit };
  const files = [...new Set(chosen.map(({ test }) => test.file))];
  await share(benches, files, async (bench, file) => {
    const here = chosen.filter(({ test }) => test.file === file);
    const problems = await tryWhole(bench, file, here);
    for (const [guard, problem] of problems) unfit.set(guard, problem);
    print(`${file}: ${problems.size === 0 ? "green" : "not green"} as it is (guards: ${here.length})`);
  });
  return { ready: chosen.filter((guard) => !unfit.has(guard)), unfit };
}

/** @returns why those of `ours` whose tests are in `file` cannot be tried. */
async function tryWhole(
  bench: Workbench,
  file: string,
  ours: readonly Guard[],
): Promise<ReadonlyMap<Guard, string>> {
  try {
    const report = await bench.run(
      [file],
      ours.map(({ test }) => test.name),
    );
    const judged = ours.map((guard) => [guard, notGreen(report, guard)] as const);
    return new Map(judged.flatMap(([guard, problem]) => (problem === undefined ? [] : [[guard, problem]])));
  } catch (error) {
    return new Map(ours.map((guard) => [guard, messageOf(error)]));
  }
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
