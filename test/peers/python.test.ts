/**
 * A second reader of the wire: Debian's own Python with its cbor2 and cryptography packages. It is given the
 * vectors and the rules of protocol/daymark.cddl, and nothing else of ours; it must agree with each vector.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cddl, parseCddl } from "../cddl/cddl.js";
import type { Vector } from "../vectors/json.js";
import { readVectors, VECTOR_FILES } from "../vectors/read.js";

const PYTHON = "/usr/bin/python3";
const PEER = join(import.meta.dirname, "python/peer.py");
const VECTORS = join(import.meta.dirname, "../vectors");
const CDDL_TEXT = readFileSync(join(import.meta.dirname, "../../protocol/daymark.cddl"), "utf8");
const CDDL = parseCddl(CDDL_TEXT);
/** Files that are no CBOR: the peer in C reads them. */
const READ_ELSEWHERE: readonly string[] = ["ledger-coding.json"];
const FILES = VECTOR_FILES.filter((name) => !READ_ELSEWHERE.includes(name));

interface Report {
  /** How many it has read. */
  readonly vectors: number;
  readonly disagreements: readonly { readonly file: string; readonly name: string }[];
}

/** @throws Error when Python or one of its packages is missing, or the peer ends with an error of its own. */
function peer(files: readonly string[], cddl: Cddl = CDDL): Report {
  // -B: writes no bytecode beside the files. -E: nobody's environment decides which packages are found.
  const run = spawnSync(PYTHON, ["-BE", PEER, ...files], { input: rulesAsJson(cddl), encoding: "utf8" });
  if (run.error !== undefined || run.status !== 0)
    throw new Error(`the peer in Python stopped; is \`bash test/setup.sh\` done?\n${run.stderr}`);
  const lines = run.stdout.trimEnd().split("\n");
  const [summary, ...disagreements] = lines.map((line) => JSON.parse(line) as never).toReversed();
  return { ...(summary as unknown as Pick<Report, "vectors">), disagreements };
}

/** The rules as test/cddl/parse.ts reads them; an occurrence without end has the maximum `null`. */
function rulesAsJson(cddl: Cddl): string {
  return JSON.stringify(Object.fromEntries(cddl), (_name, value: unknown) => {
    if (typeof value !== "bigint") return value === Infinity ? null : value;
    if (!Number.isSafeInteger(Number(value))) throw new RangeError(`${value} is not exact in JSON`);
    return Number(value);
  });
}

test("agrees with every vector, good and bad", () => {
  const { vectors, disagreements } = peer(FILES.map((name) => join(VECTORS, name)));
  expect(disagreements).toEqual([]);
  expect(vectors).toBe(FILES.reduce((sum, name) => sum + readVectors(name).length, 0));
  expect(vectors).toBeGreaterThan(0);
});

describe("would not agree", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "daymark-python-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Names of the vectors that it disagrees with, after `change` to the one of that name. */
  function namesAfter(file: string, name: string, change: (vector: Vector) => object) {
    const path = join(folder, file);
    const vectors = readVectors(file);
    expect(vectors.filter((vector) => vector.name === name)).toHaveLength(1);
    const changed = vectors.map((vector) =>
      vector.name === name ? { ...vector, ...change(vector) } : vector,
    );
    writeFileSync(path, JSON.stringify(changed));
    const report = peer([path]);
    expect(report.vectors).toBe(vectors.length);
    return report.disagreements.map((disagreement) => disagreement.name);
  }
  const withWant = (members: object) => (vector: Vector) => ({
    want: { ...(vector.want as object), ...members },
  });

  test.each<[what: string, file: string, name: string, change: (vector: Vector) => object]>([
    ["another number", "directive.json", "after 2038", withWant({ subject: 1 })],
    ["another word", "directive.json", "after 2038", withWant({ level: "isolate" })],
    ["other text", "directive.json", "after 2038", withWant({ reason: "" })],
    ["a member more", "directive.json", "after 2038", withWant({ more: 1 })],
    ["an error", "directive.json", "after 2038", () => ({ want: { error: "malformed" } })],
    ["other bytes", "time-request.json", "usual", () => ({ want: { nonce: { hex: "00".repeat(16) } } })],
    ["another number", "strict.json", "24", () => ({ want: 25 })],
    ["true for 1", "strict.json", "array", () => ({ want: [true, 2, 3] })],
    ["another error", "strict.json", "2^53", () => ({ want: { error: "out-of-range" } })],
    ["another error", "frame.json", "a negative type", () => ({ want: { error: "malformed" } })],
    ["another error", "envelope.json", "ES256: a bit of S", () => ({ want: { error: "wrong-key" } })],
    ["another fleet", "envelope.json", "Ed25519: a directive", () => ({ fleetId: { hex: "00".repeat(16) } })],
    ["more signers", "envelope.json", "ES256: a directive", () => ({ threshold: 2 })],
    ["no extension", "directive.json", "usual, but extension 64", () => ({ oneWay: undefined })],
  ])("to %s in %s, %s", (_what, file, name, change) => {
    expect(namesAfter(file, name, change)).toEqual([name]);
  });

  test("to a value where the bytes are bad", () => {
    const [good] = readVectors("directive.json");
    const bad = "usual, but 3: 4";
    expect(namesAfter("directive.json", bad, () => ({ want: good!.want }))).toEqual([bad]);
  });

  test("to other rules: it has none of its own", () => {
    const narrower = CDDL_TEXT.replace("hold-level = 0..3 ", "hold-level = 0..2 ");
    expect(narrower).not.toBe(CDDL_TEXT);
    const { disagreements } = peer([join(VECTORS, "directive.json")], parseCddl(narrower));
    expect(disagreements.map(({ name }) => name)).toContain("usual");
  });
});
