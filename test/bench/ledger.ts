/** What lists of denied numbers weigh in the ledger coding, beside the least that any coding could take. */
import { deflateRawSync } from "node:zlib";
import { runsOf } from "../../protocol/ledger/runs.js";
import { encodeNumbers, encodeNumbersAs } from "../../protocol/ledger/write-numbers.js";
import { table } from "../docs/markdown.js";
import { chance, type Chance, randomNumbers, recalledNumbers } from "../protocol/ledger/sets.js";

const FLEET = 1_000_000;
const SEED = 20_261;

/** Targets of the design. Random sets: over the entropy bound, by this share and these bytes. */
const RANDOM_SHARE = 0.03;
const RANDOM_BYTES = 16;
/** Recalled batches: this share of what gaps would take. */
const BATCH_SHARE = 1 / 5;

type Kind = "random" | "recalled batches";

/** Sizes in bytes. */
export interface LedgerSize {
  readonly what: string;
  /** log2 C(fleet, toggled), for sets without any pattern. */
  readonly entropy?: number;
  readonly gaps: number;
  readonly runs: number;
  /** A bit for each device of the fleet, in DEFLATE; for comparison, so no target speaks of it. */
  readonly deflated: number;
  readonly chosen: number;
  readonly target: number;
}

export function ledgerSizes(): readonly LedgerSize[] {
  const random = chance(SEED);
  return [
    ...[100, 1_000, 10_000, 100_000, 200_000, 333_000].map((count) => sizeOf("random", count, random)),
    ...[1_000, 10_000].map((count) => sizeOf("recalled batches", count, random)),
  ];
}

/** Those that miss their target. */
export function missedLedger(all: readonly LedgerSize[]): readonly LedgerSize[] {
  return all.filter(({ chosen, target }) => chosen > target);
}

export function ledgerTable(all: readonly LedgerSize[]): string {
  const rows = all.map(({ what, entropy, gaps, runs, deflated, chosen, target }) =>
    [what, entropy ?? "–", gaps, runs, deflated, chosen, target].map(String),
  );
  const head = ["Toggled", "Entropy bound", "Gaps", "Runs", "Bitmap, deflated", "Chosen", "Target"];
  return table(head, rows, [1, 2, 3, 4, 5, 6]);
}

function sizeOf(kind: Kind, count: number, random: Chance): LedgerSize {
  const pick = kind === "random" ? randomNumbers : recalledNumbers;
  const numbers = pick(count, FLEET, random);
  const runs = runsOf(numbers);
  const gaps = encodeNumbersAs("gaps", runs).length;
  const entropy = Math.ceil(entropyBytes(count, FLEET));
  return {
    what: `${count.toLocaleString("en")} ${kind}`,
    ...(kind === "random" && { entropy }),
    gaps,
    runs: encodeNumbersAs("runs", runs).length,
    deflated: deflateRawSync(bitmap(numbers), { level: 9 }).length,
    chosen: encodeNumbers(runs).length,
    target: Math.floor(kind === "random" ? entropy * (1 + RANDOM_SHARE) + RANDOM_BYTES : gaps * BATCH_SHARE),
  };
}

/** log2 C(among, count) / 8: what it takes at least to say which of so many sets it is. */
export function entropyBytes(count: number, among: number): number {
  let bits = 0;
  for (let i = 1; i <= count; i++) bits += Math.log2((among - count + i) / i);
  return bits / 8;
}

function bitmap(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(FLEET / 8));
  for (const number of numbers) bytes[(number - 1) >> 3]! |= 0x80 >> ((number - 1) & 7);
  return bytes;
}
