/** Plays inputs against one edge until there were enough, or one failed. The same seed plays the same inputs. */
import { performance } from "node:perf_hooks";
import { drawAt } from "./draw.js";
import { type Edge, type Input, type OpenEdge, Unacceptable } from "./edge.js";
import { bytesInUse, handlesLeft, MAX_HEAP_GROWTH_BYTES, openHandles, sharedKeys } from "./hygiene.js";
import { shrink } from "./shrink.js";

/** Stops at whichever comes first. */
export interface Limits {
  readonly seed: number;
  readonly inputs: number;
  readonly milliseconds?: number;
  /** Called now and then, so that a long run shows that it lives. */
  readonly onProgress?: (inputs: number) => void;
}

interface Failure {
  /** How many inputs of this seed lead to it, itself included. */
  readonly inputs: number;
  readonly error: unknown;
  /** The smallest that fails in the same way; absent when it was no single input. */
  readonly input?: Input;
}

export interface Report {
  readonly edge: string;
  readonly inputs: number;
  readonly seconds: number;
  readonly slowest: { readonly milliseconds: number; readonly inputs: number };
  readonly heapGrowthBytes: number;
  /** How often each came, by `target: what came of it`. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly failure?: Failure;
}

/** Inputs after which caches are full, and the heap is measured for the first time. */
const WARM_UP_INPUTS = 2_000;
const PROGRESS_INPUTS = 5_000;
/** Of a short run, the part that warms up. */
const WARM_UP_SHARE = 4;

export async function fuzz(edge: Edge, limits: Limits): Promise<Report> {
  const [keys, handles, begun] = [sharedKeys(), openHandles(), performance.now()];
  const open = await edge.open();
  const trial = new Trial(open);
  let play: Awaited<ReturnType<typeof playAll>>;
  try {
    play = await playAll(edge, open, trial, limits);
  } finally {
    trial.end();
  }
  const left = await leftBehind(open, keys, handles, play);
  const failure = play.failure ?? left;
  const seconds = (performance.now() - begun) / 1000;
  return { edge: edge.name, ...play, seconds, ...(failure && { failure }) };
}

/** What is wrong once all is closed. */
async function leftBehind(
  open: OpenEdge,
  keys: string,
  handles: ReadonlyMap<string, number>,
  { inputs, heapGrowthBytes }: Pick<Report, "inputs" | "heapGrowthBytes">,
): Promise<Failure | undefined> {
  try {
    await open.close();
    if (sharedKeys() !== keys) throw new Unacceptable("a shared prototype has other keys than before");
    if (heapGrowthBytes > MAX_HEAP_GROWTH_BYTES)
      throw new Unacceptable(`the heap grew by ${heapGrowthBytes} bytes`);
    const left = await handlesLeft(handles);
    if (left.length > 0) throw new Unacceptable(`still open: ${left.join(", ")}`);
    return undefined;
  } catch (error) {
    return { inputs, error };
  }
}

async function playAll(edge: Edge, open: OpenEdge, trial: Trial, { seed, milliseconds, ...limits }: Limits) {
  const until = performance.now() + (milliseconds ?? Infinity);
  const warmUp = Math.min(WARM_UP_INPUTS, limits.inputs / WARM_UP_SHARE);
  const outcomes = new Map<string, number>();
  const keys = sharedKeys();
  let [inputs, warmBytes, shown] = [0, 0, 0];
  let slowest = { milliseconds: 0, inputs: 0 };
  let failure: Failure | undefined;
  for (let index = 0; inputs < limits.inputs && performance.now() < until && !failure; index++) {
    const input = open.draw(drawAt(seed, index));
    const before = performance.now();
    const outcome = await trial.attempt(input);
    const took = performance.now() - before;
    inputs += edge.countsParts ? input.parts.length : 1;
    if (took > slowest.milliseconds) slowest = { milliseconds: took, inputs };
    if (typeof outcome === "string") {
      const name = `${input.target}: ${outcome}`;
      outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
    } else failure = { inputs, error: outcome.error, input: await smallest(trial, input) };
    if (inputs >= warmUp && warmBytes === 0) warmBytes = bytesInUse();
    if (inputs - shown < PROGRESS_INPUTS) continue;
    shown = inputs;
    limits.onProgress?.(inputs);
    if (sharedKeys() !== keys)
      failure ??= { inputs, error: new Unacceptable("a shared prototype has other keys") };
    await new Promise((resolve) => setImmediate(resolve)); // others run too, the test runner among them
  }
  const late = trial.escaped();
  if (late) failure ??= { inputs, error: late.error };
  const heapGrowthBytes = warmBytes === 0 ? 0 : bytesInUse() - warmBytes;
  return { inputs, slowest, heapGrowthBytes, outcomes, ...(failure && { failure }) };
}

type Outcome = string | { readonly error: unknown };

/** Tries inputs, and catches what comes out somewhere else in the process while one is tried. */
class Trial {
  readonly #open: OpenEdge;
  #escaped: { readonly error: unknown } | undefined;
  readonly #catch = (error: unknown): void => void (this.#escaped ??= { error });

  constructor(open: OpenEdge) {
    this.#open = open;
    process.on("uncaughtException", this.#catch).on("unhandledRejection", this.#catch);
  }

  /** What comes out late is found with the input after its own. */
  async attempt(input: Input): Promise<Outcome> {
    try {
      const outcome = await this.#open.attempt(input);
      return this.escaped() ?? outcome;
    } catch (error) {
      return { error };
    }
  }

  /** What came out since it was asked the last time, outside of what was awaited. */
  escaped(): { readonly error: unknown } | undefined {
    const found = this.#escaped;
    this.#escaped = undefined;
    return found;
  }

  end(): void {
    process.off("uncaughtException", this.#catch).off("unhandledRejection", this.#catch);
  }
}

function smallest(trial: Trial, input: Input): Promise<Input> {
  return shrink(input, async (smaller) => {
    const outcome = await trial.attempt(smaller);
    return typeof outcome === "string" ? undefined : faultOf(outcome.error);
  });
}

/** Without what differs from one input to the next. */
function faultOf(error: unknown): string {
  return String(error)
    .split("\n", 1)[0]!
    .replaceAll(/[0-9a-f]*\d+/g, "N");
}
