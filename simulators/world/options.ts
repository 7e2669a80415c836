/** What `npm run world` is told on its command line. Pure. */
import { parseArgs } from "node:util";
import type { Algorithm } from "../../protocol/crypto.js";
import type { Wish } from "./plan/plan.js";

export interface Options {
  readonly wish: Wish;
  /** First and last, both included. */
  readonly seeds: readonly [first: number, last: number];
  /** Go on with the seeds after those until so many steps were taken. */
  readonly steps: number;
  readonly processes: number;
  readonly json: boolean;
  /** A file for every line of the trace; of one seed. */
  readonly trace: string | undefined;
}

export const HELP = `npm run world -- [options]

Plays worlds: a fleet, its gateways and devices run the shipped code on made-up clocks, disks and a network, with faults,
operators and attackers drawn from a seed; the invariants of the design are checked after every step. Prints how often
everything happened and what came of it. The first broken invariant ends the run: its seed, the shortest plan that a
re-run finds, and the last lines of that trace are printed, and the exit code is 1.

  --seed N           this seed alone [default: 1]
  --seeds A..B | N   all of these, or 1 to N
  --steps N          go on with the next seeds until so many steps were taken
  --days D           days in which something happens [default: drawn, 10 to 90; long nights come on top]
  --minutes M        the same in minutes of simulated time
  --devices K        devices at the beginning [default: drawn, 3 to 6]
  --algorithm A      Ed25519 or ES256 [default: Ed25519]. ES256 signs with noble, so that a run repeats; 20 times slower
  --processes P      1 to 16 [default: 1]
  --trace FILE       writes every line of the trace there; with --seed
  --json             one line of JSON on stdout
  --help

A seed gives the same run each time, on any machine: npm run world -- --seed 42 --trace trace.txt
`;

const MINUTES_A_DAY = 1_440;
const MAX_PROCESSES = 16;

/** @returns "help" when that is asked for. @throws RangeError or TypeError that says what was expected. */
export function optionsFrom(words: readonly string[]): Options | "help" {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...words],
    options: {
      seed: text,
      seeds: text,
      steps: text,
      days: text,
      minutes: text,
      devices: text,
      algorithm: text,
      processes: text,
      trace: text,
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { seed, seeds, days, minutes, devices, algorithm, trace } = values;
  if (trace !== undefined && seeds !== undefined) throw new RangeError("--trace is of one --seed");
  const dayCount =
    minutes === undefined ? days && whole("days", days) : whole("minutes", minutes) / MINUTES_A_DAY;
  return {
    wish: {
      ...(dayCount && { days: dayCount }),
      ...(devices !== undefined && { devices: whole("devices", devices) }),
      ...(algorithm !== undefined && { algorithm: algorithmNamed(algorithm) }),
    },
    seeds: seeds === undefined ? [whole("seed", seed ?? "1"), whole("seed", seed ?? "1")] : rangeOf(seeds),
    steps: whole("steps", values.steps ?? "0"),
    processes: Math.min(MAX_PROCESSES, Math.max(1, whole("processes", values.processes ?? "1"))),
    json: values.json,
    trace,
  };
}

function rangeOf(text: string): readonly [number, number] {
  const [first, last] = text.split("..");
  if (first === undefined || last === undefined) return [1, whole("seeds", text)];
  const range = [whole("seeds", first), whole("seeds", last)] as const;
  if (range[0] > range[1]) throw new RangeError("--seeds A..B: A comes before B");
  return range;
}

function whole(name: string, text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new RangeError(`--${name}: a whole number`);
  return Number(text);
}

function algorithmNamed(text: string): Algorithm {
  if (text !== "Ed25519" && text !== "ES256") throw new RangeError("--algorithm: Ed25519 or ES256");
  return text;
}
