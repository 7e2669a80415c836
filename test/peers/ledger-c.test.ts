/** A decoder of the ledger coding in C99, built here with gcc: it agrees with every vector, and with our encoder. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { concatBytes, toHex } from "../../protocol/bytes.js";
import { ProtocolError } from "../../protocol/errors.js";
import { MAX_LEDGER_BYTES } from "../../protocol/ledger/bounds.js";
import { deniedIn, encodeContent, generationsIn } from "../../protocol/ledger/content.js";
import type { Entry } from "../../protocol/ledger/generations.js";
import { type Run, runsOf } from "../../protocol/ledger/runs.js";
import { encodeNumbersAs } from "../../protocol/ledger/write-numbers.js";
import { chance, randomNumbers, recalledNumbers } from "../protocol/ledger/sets.js";
import { isError } from "../vectors/json.js";
import type { LedgerVector, LedgerWant } from "../vectors/ledger-vectors.js";
import { readVectors } from "../vectors/read.js";

const MAX_DECODER_LINES = 80;
const MAX_OUTPUT_BYTES = 1 << 28;
const VECTORS = readVectors<LedgerVector>("ledger-coding.json");
const source = (name: string) => join(import.meta.dirname, name);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "daymark-ledger-c-"));
  const strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"];
  const files = [source("ledger.c"), source("ledger-main.c")];
  const { error, status, stderr } = spawnSync("gcc", [...strict, "-o", join(folder, "ledger"), ...files]);
  if (error) throw new Error("gcc did not start: run `bash test/setup.sh`", { cause: error });
  if (status !== 0) throw new Error(`gcc refuses the decoder:\n${stderr.toString()}`);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Question {
  readonly hex: string;
  readonly read: LedgerVector["read"];
}

/** One answer for each question: an error code, or "ok", runs and generations. */
function answers(questions: readonly Question[]): readonly string[] {
  const input = questions.map(({ hex, read }) => `${read} ${hex}\n`).join("");
  const run = spawnSync(join(folder, "ledger"), { input, encoding: "utf8", maxBuffer: MAX_OUTPUT_BYTES });
  expect(run).toMatchObject({ status: 0, stderr: "" });
  return run.stdout.trimEnd().split("\n");
}

const content = (bytes: Uint8Array): Question => ({ hex: toHex(bytes), read: "content" });

function shown(runs: Iterable<Run>, generations: Iterable<Entry> = []): string {
  const numbers = Array.from(runs, ({ first, last }) => ` ${first}-${last}`);
  return ["ok", ...numbers, ...Array.from(generations, ([number, lowest]) => ` ${number}:${lowest}`)].join(
    "",
  );
}

/** With runs that touch made one: the decoder tells numbers as they are coded, in gaps one by one. */
function asSet(answer: string | undefined): string {
  if (!answer?.startsWith("ok")) return answer ?? "no answer";
  const runs: { first: number; last: number }[] = [];
  for (const [, first, last] of answer.matchAll(/ (\d+)-(\d+)/g)) {
    const previous = runs.at(-1);
    if (previous && previous.last + 1 === Number(first)) previous.last = Number(last);
    else runs.push({ first: Number(first), last: Number(last) });
  }
  const generations = [...answer.matchAll(/ (\d+):(\d+)/g)].map(
    ([, a, b]) => [Number(a), Number(b)] as const,
  );
  return shown(runs, generations);
}

/** What our own decoder says, in the same words. */
function ours(bytes: Uint8Array): string {
  try {
    return shown(deniedIn(bytes), generationsIn(bytes));
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

test(`the decoder has at most ${MAX_DECODER_LINES} lines and asks for no memory`, () => {
  const text = readFileSync(source("ledger.c"), "utf8");
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(MAX_DECODER_LINES);
  const included = [...`${text}${readFileSync(source("ledger.h"), "utf8")}`.matchAll(/#include (.*)/g)];
  expect(included.map(([, file]) => file)).toEqual(['"ledger.h"', "<stddef.h>", "<stdint.h>"]);
});

test("it agrees with every vector, good and bad", () => {
  const said = answers(VECTORS);
  expect(said).toHaveLength(VECTORS.length);
  for (const [i, { name, want }] of VECTORS.entries()) {
    const { denied, generations } = want as unknown as LedgerWant;
    expect(asSet(said[i]), name).toBe(isError(want) ? want.error : shown(runsOf(denied), generations));
  }
});

test("it reads large sets in each mode", () => {
  const random = chance(99);
  const sets = [randomNumbers(5_000, 1_000_000, random), recalledNumbers(5_000, 1_000_000, random)];
  const noGenerations = Uint8Array.of(0);
  for (const runs of sets.map(runsOf)) {
    const contents = (["gaps", "runs"] as const).map((mode) =>
      content(concatBytes(encodeNumbersAs(mode, runs), noGenerations)),
    );
    for (const answer of answers(contents)) expect(asSet(answer)).toBe(shown(runs));
  }
  const odd = runsOf(Array.from({ length: 50_000 }, (_, i) => 2 * i + 1));
  expect(asSet(answers([content(concatBytes(encodeNumbersAs("bitmap", odd), noGenerations))])[0])).toBe(
    shown(odd),
  );
});

test("it says what our own decoder says of 20,000 contents with bytes by chance in them", () => {
  const random = chance(5);
  const generations = new Map([[9, 2]]);
  const whole = [randomNumbers, recalledNumbers]
    .map((pick) => pick(40, 2_000, random))
    .concat([Array.from({ length: 40 }, (_, i) => 1 + 2 * i)])
    .map((denied) => encodeContent({ denied, generations }));
  const mutants = Array.from({ length: 20_000 }, (_, i) => {
    const bytes = Uint8Array.from(whole[i % whole.length]!);
    for (let times = random(3); times >= 0; times--) bytes[random(bytes.length)] = random(256);
    return bytes;
  });
  const said = answers(mutants.map(content));
  const differing = mutants.filter((bytes, i) => asSet(said[i]) !== ours(bytes)).map(toHex);
  expect(differing).toEqual([]);
  expect(new Set(said.map((answer) => answer.split(" ")[0]))).toEqual(
    new Set(["ok", "malformed", "out-of-range", "too-large"]),
  );
});

test("it refuses every prefix of a good content, and what is too large", () => {
  const whole = encodeContent({ denied: [3, 9, 10, 30, 31, 77], generations: new Map([[9, 2]]) });
  const prefixes = Array.from(whole, (_, size) => content(whole.subarray(0, size)));
  expect(new Set(answers(prefixes))).toEqual(new Set(["malformed"]));
  const zeros = (size: number) => content(new Uint8Array(size));
  expect(answers([zeros(MAX_LEDGER_BYTES), zeros(MAX_LEDGER_BYTES + 1)])).toEqual(["malformed", "too-large"]);
});
