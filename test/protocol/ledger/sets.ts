/** Sets of device numbers by chance, the same in every run, and what a content holds as plain sets and maps. */
import { deniedIn, generationsIn } from "../../../protocol/ledger/content.js";
import type { Runs } from "../../../protocol/ledger/runs.js";

/** Devices that were made and recalled together. */
const BATCH_NUMBERS = 500;
/** Of what is recalled, the share that belongs to a batch. */
const BATCH_SHARE = 0.95;

/** An integer from 0 to `below` − 1. */
export type Chance = (below: number) => number;

/** Xorshift of 32 bits (Marsaglia 2003): good enough for test sets. @param seed - not 0. */
export function chance(seed: number): Chance {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
}

/** `count` numbers of 1…`among`, ascending. */
export function randomNumbers(count: number, among: number, random: Chance): readonly number[] {
  return ascending(filled(new Set(), count, among, random));
}

/** `count` numbers of 1…`among`, ascending: whole batches for the most part, the others anywhere. */
export function recalledNumbers(count: number, among: number, random: Chance): readonly number[] {
  const numbers = new Set<number>();
  const inBatches = Math.floor(count * BATCH_SHARE);
  while (numbers.size < inBatches) {
    const first = 1 + random(among - BATCH_NUMBERS);
    for (let i = 0; i < BATCH_NUMBERS && numbers.size < inBatches; i++) numbers.add(first + i);
  }
  return ascending(filled(numbers, count, among, random));
}

export function numbersIn(runs: Runs): readonly number[] {
  const numbers: number[] = [];
  for (const { first, last } of runs) for (let number = first; number <= last; number++) numbers.push(number);
  return numbers;
}

/** What `encodeContent` takes. */
export interface Ledger {
  readonly denied: readonly number[];
  readonly generations: ReadonlyMap<number, number>;
}

/** @param lowest - 1 for a change. */
export function ledgerIn(content: Uint8Array, lowest?: number): Ledger {
  return { denied: numbersIn(deniedIn(content)), generations: new Map(generationsIn(content, lowest)) };
}

/** The numbers that are in one of two sets, ascending. */
export function toggled(a: Iterable<number>, b: Iterable<number>): readonly number[] {
  const result = new Set(a);
  for (const number of new Set(b)) if (!result.delete(number)) result.add(number);
  return ascending(result);
}

export function ascending(numbers: Iterable<number>): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}

function filled(numbers: Set<number>, count: number, among: number, random: Chance): Set<number> {
  while (numbers.size < count) numbers.add(1 + random(among));
  return numbers;
}
