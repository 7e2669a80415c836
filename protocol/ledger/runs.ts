/** Sets of device numbers as runs: what codings read and write, and what two sets differ in. */
import { MAX_NUMBER } from "./bounds.js";

/** The numbers `first` to `last`, both included. */
export interface Run {
  readonly first: number;
  readonly last: number;
}

/** A set: ascending runs, as long as they can be. May be walked more than once. */
export type Runs = Iterable<Run>;

/** @throws RangeError unless the numbers are ascending, each once, from 1 to 2^32 − 1. */
export function runsOf(numbers: Iterable<number>): readonly Run[] {
  const runs: { first: number; last: number }[] = [];
  let previous = 0;
  for (const number of numbers) {
    if (!Number.isInteger(number) || number <= previous || number > MAX_NUMBER)
      throw new RangeError("device numbers must be ascending, each once, from 1 to 2^32 - 1");
    const run = runs.at(-1);
    if (run && previous + 1 === number) run.last = number;
    else runs.push({ first: number, last: number });
    previous = number;
  }
  return runs;
}

/** The numbers that are in one of the two, not in both. */
export function symmetricDifference(a: Runs, b: Runs): Runs {
  return { [Symbol.iterator]: () => difference(new Edges(a), new Edges(b)) };
}

/** Where membership changes in one of two sets, it changes in their difference; where in both, it does not. */
function* difference(a: Edges, b: Edges): Generator<Run, undefined> {
  let first: number | undefined;
  for (let edge = Math.min(a.at, b.at); edge < Infinity; edge = Math.min(a.at, b.at)) {
    const inOne = a.at !== b.at;
    if (a.at === edge) a.next();
    if (b.at === edge) b.next();
    if (!inOne) continue;
    if (first !== undefined) yield { first, last: edge - 1 };
    first = first === undefined ? edge : undefined;
  }
}

/** Where membership changes: at the first number of each run, and at the first one behind it. */
class Edges {
  readonly #runs: Iterator<Run, undefined>;
  /** The run that is left next. */
  #inside: Run | undefined;
  /** The number; Infinity behind the last one. */
  at = 0;

  constructor(runs: Runs) {
    this.#runs = runs[Symbol.iterator]() as Iterator<Run, undefined>;
    this.next();
  }

  next(): void {
    if (this.#inside) {
      this.at = this.#inside.last + 1;
      this.#inside = undefined;
    } else {
      this.#inside = this.#runs.next().value;
      this.at = this.#inside?.first ?? Infinity;
    }
  }
}
