/** `npm run world`: plays seeds until they are over or an invariant breaks, and says what happened. */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { playInProcesses, WORKER, workForParent } from "./adapters/seed-workers.js";
import { HELP, type Options, optionsFrom } from "./options.js";
import { drawPlan } from "./plan/plan.js";
import { failureText, figuresText, Totals } from "./report.js";
import type { Report } from "./run.js";
import { runSeed } from "./seed.js";
import { shrink } from "./shrink.js";

/** Re-runs that look for the shortest plan. */
const MAX_SHRINKING_RUNS = 150;
const PROGRAM = fileURLToPath(import.meta.url);

async function main(words: readonly string[]): Promise<void> {
  if (words[0] === WORKER) return workForParent(({ seed, wish }) => runSeed(drawPlan(seed, wish)));
  const options = optionsFrom(words);
  if (options === "help") return void process.stdout.write(HELP);
  const totals = new Totals();
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const failed = await playAll(options, totals, () => process.stderr.write(`\r${totals.line(seconds())} `));
  process.stderr.write("\n");
  tell(options, totals, seconds(), failed);
  if (!failed?.failure) return;
  process.exitCode = 1;
  process.stderr.write(await explained(failed, options));
}

/** @returns the report of the first seed that failed. */
async function playAll(
  { seeds: [first, last], steps, processes, wish, trace }: Options,
  totals: Totals,
  progress: () => void,
): Promise<Report | undefined> {
  let failed: Report | undefined;
  let seed = first;
  const next = () => (!failed && (seed <= last || totals.steps < steps) ? seed++ : undefined);
  const took = (report: Report) => {
    totals.add(report);
    if (report.failure) failed ??= report;
    progress();
  };
  if (processes > 1) await playInProcesses(PROGRAM, processes, { next, wish, took });
  else
    for (let one = next(); one !== undefined; one = next()) {
      const report = await runSeed(drawPlan(one, wish), { wholeTrace: trace !== undefined });
      if (trace !== undefined) await writeFile(trace, `${(report.lines ?? []).join("\n")}\n`);
      took(report);
    }
  return failed;
}

function tell({ json }: Options, totals: Totals, seconds: number, failed: Report | undefined): void {
  const { seeds, steps, deviceDays, figures, hashes } = totals;
  const told = { seeds, steps, deviceDays, seconds, hashes, figures, ...(failed && { failed }) };
  process.stdout.write(
    json ? `${JSON.stringify(told)}\n` : `${figuresText(figures)}\n${totals.line(seconds)}\n`,
  );
}

/** Plays parts of the plan again, until the shortest that breaks the same invariant is found. */
async function explained(failed: Report, { wish }: Options): Promise<string> {
  const plan = drawPlan(failed.seed, wish);
  let report = failed;
  const shortest = await shrink(
    plan.deeds,
    async (deeds) => {
      const again = await runSeed({ ...plan, deeds });
      const isSame = again.failure?.invariant === failed.failure?.invariant;
      if (isSame) report = again;
      return isSame;
    },
    MAX_SHRINKING_RUNS,
  );
  return `${failureText(plan, failed, { plan: shortest, report })}\n`;
}

await main(process.argv.slice(2));
