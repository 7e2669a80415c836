/** Contents and changes of the ledger in its coding: what every reader takes, and each thing that it refuses. */
import { toHex } from "../../protocol/bytes.js";
import { MAX_NUMBER } from "../../protocol/ledger/bounds.js";
import type { Vector } from "./json.js";
import { badChanges, badContents, type Refusal } from "./ledger-refusals.js";
import { bitmapInWords, bytesOf, gapsInWords, range } from "./ledger-words.js";

/** `diag` is in words: see ledger-words.ts. A good `want` is a `LedgerWant`. */
export interface LedgerVector extends Vector {
  /** A change may hold the generation 1, which takes an entry away. */
  readonly read: "content" | "change";
}

/** Both ascending by number. */
export interface LedgerWant {
  readonly denied: readonly number[];
  readonly generations: readonly (readonly [number: number, lowest: number])[];
}

type Good = readonly [
  name: string,
  words: string,
  denied: LedgerWant["denied"],
  generations?: LedgerWant["generations"],
];

/** 80 numbers without a pattern that the coding could use. */
const SCATTERED = range(1, 80).map((n) => 40 * n + ((n * n * 7) % 39));
/** Nearly half of 300. */
const DENSE = range(1, 300).filter((n) => (n * n + (n >> 2)) % 5 < 2 || n % 7 === 0);

/** Contents as our encoder writes them. */
const written: readonly Good[] = [
  ["empty", "count 0, generations 0", []],
  ["number 1", "count 1, mode 2, first 1, generations 0", [1]],
  ["the largest number", `count 1, mode 2, first ${MAX_NUMBER}, generations 0`, [MAX_NUMBER]],
  [
    "the widest gap there is",
    `count 2, mode 0, first 1, parameter ${2 ** 31}, bits 01 ${"1".repeat(29)}01, generations 0`,
    [1, MAX_NUMBER],
  ],
  [
    "the example of docs/protocol.md",
    "count 6, mode 0, first 3, parameter 10, bits 1101 1000 011111 1000 00001101, " +
      "generations 1, skip 8, lowest 2",
    [3, 9, 10, 30, 31, 77],
    [[9, 2]],
  ],
  ["scattered numbers", gapsInWords(SCATTERED, 28), SCATTERED],
  [
    "one run",
    "count 300, mode 1, first 7, parameter 1, parameter 208, bits 01 10001011, generations 0",
    range(7, 306),
  ],
  [
    "runs",
    "count 61, mode 1, first 10, parameter 10, parameter 14, bits 010111 11111 10000 11110 0011101, generations 0",
    [...range(10, 29), 40, ...range(60, 99)],
  ],
  ["a bitmap", "count 5, mode 2, first 5, bits 10101001, generations 0", [5, 6, 8, 10, 13]],
  ["dense numbers, as a bitmap", bitmapInWords(DENSE), DENSE],
  [
    "generations alone",
    "count 0, generations 2, skip 0, lowest 2, skip 0, lowest 3",
    [],
    [
      [1, 2],
      [2, 3],
    ],
  ],
  [
    "the largest number has the largest generation",
    `count 0, generations 2, skip 199, lowest 127, skip ${MAX_NUMBER - 201}, lowest ${MAX_NUMBER}`,
    [],
    [
      [200, 127],
      [MAX_NUMBER, MAX_NUMBER],
    ],
  ],
  [
    "a number that is denied has a lowest generation too",
    "count 1, mode 2, first 300, generations 1, skip 299, lowest 128",
    [300],
    [[300, 128]],
  ],
];

/** Contents that a sender may write, though another form is as short or shorter. */
const readable: readonly Good[] = [
  ["one number as gaps", "count 1, mode 0, first 9, parameter 1, generations 0", [9]],
  ["one number as a run", "count 1, mode 1, first 9, parameter 1, parameter 1, bits 1, generations 0", [9]],
  [
    "gaps, parameter 1",
    "count 4, mode 0, first 2, parameter 1, bits 1 01 00001, generations 0",
    [2, 3, 5, 10],
  ],
  [
    "gaps, parameter 3: remainder 0 has 1 bit, 1 and 2 have 2",
    "count 5, mode 0, first 7, parameter 3, bits 10 110 111 010, generations 0",
    [7, 8, 10, 13, 17],
  ],
  [
    "gaps, parameter 4: every remainder has 2 bits",
    "count 5, mode 0, first 1, parameter 4, bits 100 101 0111 00110, generations 0",
    [1, 2, 4, 12, 23],
  ],
  [
    "gaps, parameter 5: remainders 0 to 2 have 2 bits, 3 and 4 have 3",
    "count 6, mode 0, first 1, parameter 5, bits 100 101 110 1110 001111, generations 0",
    [1, 2, 4, 7, 11, 26],
  ],
  [
    "gaps that fill whole bytes",
    "count 3, mode 0, first 100, parameter 64, bits 01000000 1000001, generations 0",
    [100, 165, 167],
  ],
  [
    "runs, the last one up to the largest number",
    `count 8, mode 1, first ${MAX_NUMBER - 9}, parameter 2, parameter 4, bits 101 11 0101, generations 0`,
    [MAX_NUMBER - 9, MAX_NUMBER - 8, ...range(MAX_NUMBER - 5, MAX_NUMBER)],
  ],
  [
    "runs of one",
    "count 4, mode 1, first 1, parameter 2, parameter 1, bits 1 10 1 11 1 10 1, generations 0",
    [1, 3, 6, 8],
  ],
  [
    "a bitmap with zeros for whole bytes",
    `count 2, mode 2, first 1, bits ${"0".repeat(23)}1, generations 0`,
    [1, 25],
  ],
];

const changes: readonly Good[] = [
  ["a change of nothing", "count 0, generations 0", []],
  [
    "a change that takes an entry away",
    "count 0, generations 2, skip 4, lowest 1, skip 1, lowest 2",
    [],
    [
      [5, 1],
      [7, 2],
    ],
  ],
  [
    "a change of numbers and generations",
    "count 2, mode 2, first 8, bits 01, generations 1, skip 7, lowest 1",
    [8, 10],
    [[8, 1]],
  ],
];

export function ledgerVectors(): readonly LedgerVector[] {
  return [
    ...written.map((row) => goodVector("content", row)),
    ...readable.map((row) => ({ ...goodVector("content", row), oneWay: true as const })),
    ...changes.map((row) => goodVector("change", row)),
    ...badContents.map((row) => badVector("content", row)),
    ...badChanges.map((row) => badVector("change", row)),
  ];
}

function goodVector(read: LedgerVector["read"], [name, words, denied, generations = []]: Good): LedgerVector {
  return { name, hex: toHex(bytesOf(words)), diag: words, read, want: { denied, generations } };
}

function badVector(read: LedgerVector["read"], [name, words, error = "malformed"]: Refusal): LedgerVector {
  return { name, hex: toHex(bytesOf(words)), diag: words, read, want: { error } };
}
