/**
 * `npm run fuzz -- --edge E [--seed S] [--inputs N] [--minutes M] [--outcomes]`: plays mutated inputs against
 * one edge, or all. Stops at N inputs or after M minutes, which of the two comes first. Exit code 1: one of
 * them came to what must not be; its smallest form stands in the output, to be put into test/fuzz/corpus.
 */
import { parseArgs } from "node:util";
import { EDGES, shareOf } from "./all.js";
import type { Edge } from "./edge.js";
import { failureText, lineOf, outcomeLines } from "./report.js";
import { fuzz, type Report } from "./runner.js";

const DEFAULT_MINUTES = "1";
const MINUTE_MS = 60_000;
/** An input that takes longer is a failure of its own: few of them would stop a machine. */
const MAX_INPUT_MS = 5_000;

interface Plan {
  readonly edges: readonly Edge[];
  readonly seed: number;
  /** Of one edge; of all together, where all are played. */
  readonly inputs: number;
  readonly minutes: number;
  readonly outcomes: boolean;
}

/** @throws Error that says how it is used. */
function planOf(args: string[]): Plan {
  const { values } = parseArgs({
    args,
    options: {
      edge: { type: "string", default: "all" },
      seed: { type: "string", default: "1" },
      inputs: { type: "string" },
      minutes: { type: "string" },
      outcomes: { type: "boolean", default: false },
    },
  });
  const { edge, seed, inputs, minutes, outcomes } = values;
  const edges = edge === "all" ? EDGES : EDGES.filter(({ name }) => name === edge);
  if (edges.length === 0)
    throw new Error(`there is no edge ${edge}: all, ${EDGES.map(({ name }) => name).join(", ")}`);
  const unbounded = inputs === undefined ? (minutes ?? DEFAULT_MINUTES) : minutes;
  return {
    edges,
    seed: Number(seed),
    inputs: Number(inputs ?? Infinity),
    minutes: Number(unbounded ?? Infinity),
    outcomes,
  };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function play(edge: Edge, { edges, seed, inputs, minutes }: Plan): Promise<Report> {
  return fuzz(edge, {
    seed,
    inputs: edges.length === 1 || inputs === Infinity ? inputs : shareOf(edge, inputs),
    ...(minutes === Infinity ? {} : { milliseconds: (minutes * MINUTE_MS) / edges.length }),
    onProgress: (done) => say(`${edge.name}: ${done} inputs`),
  });
}

const plan = planOf(process.argv.slice(2));
for (const edge of plan.edges) {
  const report = await play(edge, plan);
  process.stdout.write(`${lineOf(report)}\n`);
  if (plan.outcomes) process.stdout.write(`${outcomeLines(report).join("\n")}\n`);
  const failed = failureText(report, plan.seed);
  if (failed !== undefined) process.stdout.write(`${failed}\n`);
  if (failed !== undefined || report.slowest.milliseconds > MAX_INPUT_MS) process.exitCode = 1;
}
process.exit(); // what an edge left open is in its report, and must not keep this process
