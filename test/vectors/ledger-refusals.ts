/** What no reader of the ledger takes, in words: see ledger-words.ts. */
import type { ProtocolErrorCode } from "../../protocol/errors.js";
import { MAX_NUMBER } from "../../protocol/ledger/bounds.js";

/** The code is "malformed" where none stands. */
export type Refusal = readonly [name: string, words: string, code?: ProtocolErrorCode];

const REST = "bits 1, generations 0";
export const badContents: readonly Refusal[] = [
  ["nothing", "hex"],
  ["no generations", "count 0"],
  ["a byte behind the end", "count 0, generations 0, hex 00"],
  ["two contents", "count 0, generations 0, count 0, generations 0"],
  ["count in a longer form", "hex 8000, generations 0"],
  ["count of 1 in a longer form", "hex 8100, mode 2, first 1, generations 0"],
  ["count of 6 bytes", "hex ffffffffff01, generations 0"],
  ["count beyond 32 bits", "hex ffffffff1f, generations 0", "out-of-range"],
  ["count that ends early", "hex 80"],
  ["count above the bound", `count ${2 ** 23 + 1}, mode 1, first 1, parameter 1`, "too-large"],
  ["count of 2^32 - 1", `count ${MAX_NUMBER}, mode 2, first 1, generations 0`, "too-large"],
  ["count at the bound and nothing behind", `count ${2 ** 23}`],
  ["no mode", "count 1"],
  ["mode 3", "count 1, mode 3, first 1, generations 0"],
  ["mode in a longer form", "count 1, hex 8200, first 1, generations 0"],
  ["no first number", "count 1, mode 2"],
  ["first number 0", "count 1, mode 2, first 0, generations 0", "out-of-range"],
  ["first number beyond 32 bits", "count 1, mode 2, hex 8080808010, generations 0", "out-of-range"],
  ["first number in a longer form", "count 1, mode 2, hex 8100, generations 0"],
  ["no parameter", "count 2, mode 0, first 1"],
  ["parameter 0", `count 2, mode 0, first 1, parameter 0, ${REST}`, "out-of-range"],
  ["parameter above 2^31", `count 2, mode 0, first 1, parameter ${2 ** 31 + 1}, ${REST}`, "out-of-range"],
  ["parameter in a longer form", `count 2, mode 0, first 1, hex 8100, ${REST}`],
  ["runs without a second parameter", "count 2, mode 1, first 1, parameter 1"],
  [
    "runs with a first parameter of 0",
    `count 1, mode 1, first 1, parameter 0, parameter 1, ${REST}`,
    "out-of-range",
  ],
  [
    "runs with a second parameter of 0",
    `count 1, mode 1, first 1, parameter 1, parameter 0, ${REST}`,
    "out-of-range",
  ],
  ["gaps without bits", "count 2, mode 0, first 1, parameter 1"],
  ["runs without bits", "count 2, mode 1, first 1, parameter 1, parameter 1"],
  ["a bitmap without bits", "count 2, mode 2, first 1"],
  ["zeros without an end", `count 2, mode 0, first 1, parameter ${2 ** 31}, bits ${"0".repeat(256)}`],
  ["bits that end in a remainder", "count 2, mode 0, first 1, parameter 1024, bits 10000000"],
  [
    "bits that end before the last bit of a remainder",
    "count 2, mode 0, first 1, parameter 65, bits 11111111",
  ],
  ["bits that end before the last gap", "count 4, mode 0, first 1, parameter 1, bits 00010001"],
  [
    "gaps beyond the largest number",
    `count 2, mode 0, first ${MAX_NUMBER}, parameter 1, ${REST}`,
    "out-of-range",
  ],
  [
    "a quotient beyond the largest number",
    `count 2, mode 0, first 1, parameter ${2 ** 31}, bits ${"0".repeat(40)}1${"0".repeat(31)}, generations 0`,
    "out-of-range",
  ],
  [
    "a bitmap beyond the largest number",
    `count 2, mode 2, first ${MAX_NUMBER - 1}, bits 01, generations 0`,
    "out-of-range",
  ],
  [
    "a run beyond the largest number",
    `count 3, mode 1, first ${MAX_NUMBER - 1}, parameter 1, parameter 1, bits 001, generations 0`,
    "out-of-range",
  ],
  [
    "a run behind the largest number",
    `count 2, mode 1, first ${MAX_NUMBER - 1}, parameter 1, parameter 1, bits 1 1 1, generations 0`,
    "out-of-range",
  ],
  [
    "a run longer than the count",
    "count 3, mode 1, first 1, parameter 1, parameter 1, bits 0001, generations 0",
  ],
  [
    "a second run longer than what is left",
    "count 3, mode 1, first 1, parameter 1, parameter 1, bits 01 1 01, generations 0",
  ],
  ["fewer gaps than counted", "count 3, mode 0, first 1, parameter 1, bits 1, generations 0"],
  ["more gaps than counted", "count 3, mode 0, first 1, parameter 1, bits 111, generations 0"],
  [
    "fewer runs than counted",
    "count 3, mode 1, first 1, parameter 1, parameter 1, bits 01000000, generations 0",
  ],
  [
    "more runs than counted",
    "count 2, mode 1, first 1, parameter 1, parameter 1, bits 01 1 1, generations 0",
  ],
  ["fewer ones in a bitmap than counted", "count 3, mode 2, first 1, bits 1, generations 0"],
  ["more ones in a bitmap than counted", "count 2, mode 2, first 1, bits 11, generations 0"],
  ["a one among the bits that fill up", "count 2, mode 2, first 1, bits 10000001, generations 0"],
  ["a whole byte that fills up", "count 2, mode 2, first 1, bits 1, hex 00, generations 0"],
  ["numbers without generations", "count 1, mode 2, first 1"],
  ["fewer generations than counted", "count 0, generations 2, skip 0, lowest 2"],
  ["more generations than counted", "count 0, generations 1, skip 0, lowest 2, skip 0, lowest 2"],
  ["2^32 - 1 generations", `count 0, generations ${MAX_NUMBER}, skip 0, lowest 2`],
  ["generations in a longer form", "count 0, hex 8000"],
  ["a number without its generation", "count 0, generations 1, skip 0"],
  ["a skip in a longer form", "count 0, generations 1, hex 8000, lowest 2"],
  ["a generation in a longer form", "count 0, generations 1, skip 0, hex 8200"],
  ["generation 0", "count 0, generations 1, skip 0, lowest 0", "out-of-range"],
  ["generation 1", "count 0, generations 1, skip 0, lowest 1", "out-of-range"],
  [
    "generation 1 behind another",
    "count 0, generations 2, skip 0, lowest 2, skip 0, lowest 1",
    "out-of-range",
  ],
  ["generation beyond 32 bits", "count 0, generations 1, skip 0, hex 8080808010", "out-of-range"],
  [
    "a skip to a number beyond 32 bits",
    `count 0, generations 1, skip ${MAX_NUMBER}, lowest 2`,
    "out-of-range",
  ],
  [
    "a second skip to a number beyond 32 bits",
    `count 0, generations 2, skip 0, lowest 2, skip ${MAX_NUMBER - 1}, lowest 2`,
    "out-of-range",
  ],
];

export const badChanges: readonly Refusal[] = [
  ["a change with generation 0", "count 0, generations 1, skip 0, lowest 0", "out-of-range"],
  ["a change with a byte behind the end", "count 0, generations 1, skip 0, lowest 1, hex 00"],
];
