/** Predicates on the wire: one form for each, every bound kept, whatever else refused. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { equalBytes, fromHex, toHex } from "../../protocol/bytes.js";
import { type CborValue, encodeCbor } from "../../protocol/codec.js";
import {
  type FactName,
  FACTS,
  MAX_OPERANDS,
  MAX_PREDICATE_DEPTH,
  MAX_PREDICATE_NODES,
  MAX_SET_VALUES,
  type Predicate,
  predicate,
} from "../../protocol/predicate.js";
import { parsePredicate, printPredicate } from "../../protocol/predicate-text.js";
import { field, map, message } from "../../protocol/schema.js";
import { array } from "../../protocol/types.js";
import { decodeForCddl, parseCddl, validate } from "../cddl/cddl.js";
import { decode, deep, encode, large, predicates, refusal, RUNS } from "./predicates.js";

/** Items of CBOR, as arrays. */
const many = (count: number, item: (i: number) => CborValue): CborValue[] =>
  Array.from({ length: count }, (_, i) => item(i));

const CDDL = parseCddl(readFileSync(join(import.meta.dirname, "../../protocol/daymark.cddl"), "utf8"));

function fitsCddl(item: CborValue): boolean {
  return validate(CDDL, "predicate", decodeForCddl(encodeCbor(item))) === undefined;
}

/** What a reader says: undefined, or its code. The CDDL has to say the same. */
function outcome(item: CborValue): string | undefined {
  const code = refusal(() => decode(encodeCbor(item)));
  expect(fitsCddl(item)).toBe(code === undefined);
  return code;
}

describe("on the wire", () => {
  test.each<[name: string, item: CborValue, code: string | undefined]>([
    ["everything", [0], undefined],
    ["no array", 0, "malformed"],
    ["a map", new Map([[0, 0]]), "malformed"],
    ["an empty array", [], "out-of-range"],
    ["an operation in words", ["everything"], "malformed"],
    ["an operation that is not known", [6], "out-of-range"],
    ["a negative operation", [-1], "out-of-range"],
    ["everything and more", [0, 0], "out-of-range"],
    ["a set of one", [1, 1, 5], undefined],
    ["a set of none", [1, 1], "out-of-range"],
    ["a fact that is not known", [1, 8, 5], "out-of-range"],
    ["fact 0", [1, 0, 5], "out-of-range"],
    ["a fact in words", [1, "number", 5], "malformed"],
    ["a number as text", [1, 1, "5"], "malformed"],
    ["a model as bytes", [1, 4, fromHex("61")], "malformed"],
    ["a hardware id as text", [1, 6, "a"], "malformed"],
    ["shorter text first", [1, 4, "b", "aa"], undefined],
    ["values in an array", [1, 1, [1, 2]], "malformed"],
    ["a range", [2, 1, 1, 2], undefined],
    ["a range of one", [2, 1, 2, 2], undefined],
    ["a range without an end", [2, 1, 1], "out-of-range"],
    ["a range with two ends", [2, 1, 1, 2, 3], "out-of-range"],
    ["a range of models", [2, 4, "a", "b"], "out-of-range"],
    ["a range of texts", [2, 1, "a", "b"], "malformed"],
    ["and of none", [3], "out-of-range"],
    ["and of one", [3, [0]], "out-of-range"],
    ["and of 8", [3, ...many(MAX_OPERANDS, () => [0])], undefined],
    ["and of 9", [3, ...many(MAX_OPERANDS + 1, () => [0])], "out-of-range"],
    ["or of one", [4, [0]], "out-of-range"],
    ["or of 8", [4, ...many(MAX_OPERANDS, () => [0])], undefined],
    ["or of 9", [4, ...many(MAX_OPERANDS + 1, () => [0])], "out-of-range"],
    ["not", [5, [0]], undefined],
    ["not of nothing", [5], "out-of-range"],
    ["not of two", [5, [0], [0]], "out-of-range"],
    ["not of a number", [5, 0], "malformed"],
    ["a fault far inside", [3, [0], [5, [1, 1, 0]]], "out-of-range"],
  ])("%s", (_name, item, code) => {
    expect(outcome(item)).toBe(code);
  });

  test.each<[FactName, key: number, least: CborValue, most: CborValue, beyond: readonly CborValue[]]>([
    ["number", 1, 1, 0xffff_ffff, [0, 2 ** 32]],
    ["generation", 2, 0, 0xffff_ffff, [-1, 2 ** 32]],
    ["station", 3, 1, 0xffff_ffff, [0, 2 ** 32]],
    ["model", 4, "", "a".repeat(32), ["a".repeat(33), "é".repeat(17)]],
    ["firmware", 5, "", "a".repeat(32), ["a".repeat(33), "é".repeat(17)]],
    ["hardwareId", 6, new Uint8Array(1), new Uint8Array(64), [new Uint8Array(), new Uint8Array(65)]],
    ["algorithm", 7, -7, -8, [-6, -9]],
  ])("%s is %i, and keeps its bounds", (fact, key, least, most, beyond) => {
    expect(FACTS[fact].key).toBe(key);
    expect(outcome([1, key])).toBe("out-of-range");
    expect(outcome([1, key, least])).toBeUndefined();
    expect(outcome([1, key, least, most])).toBeUndefined();
    expect(beyond.map((value) => outcome([1, key, value]))).toEqual(["out-of-range", "out-of-range"]);
  });

  test.each([
    [1, 1],
    [2, 0],
    [3, 1],
  ])("ranges of fact %i keep its bounds", (key, least) => {
    expect(outcome([2, key, least, 0xffff_ffff])).toBeUndefined();
    expect(outcome([2, key, least, least])).toBeUndefined();
    expect(outcome([2, key, least, least - 1])).toBe("out-of-range");
    expect(outcome([2, key, least - 1, least])).toBe("out-of-range");
    expect(outcome([2, key, least, 2 ** 32])).toBe("out-of-range");
  });

  test.each<[key: number, value: (i: number) => CborValue]>([
    [1, (i) => i + 1],
    [2, (i) => i],
    [3, (i) => i + 1],
    [4, (i) => "a".repeat(i)],
    [5, (i) => "a".repeat(i)],
    [6, (i) => new Uint8Array(i + 1)],
  ])("P11: sets of fact %i have 16 values, not 17", (key, value) => {
    expect(outcome([1, key, ...many(MAX_SET_VALUES, value)])).toBeUndefined();
    expect(outcome([1, key, ...many(MAX_SET_VALUES + 1, value)])).toBe("out-of-range");
  });

  test.each<[name: string, item: CborValue, code: string]>([
    ["values that fall", [1, 1, 2, 1], "malformed"],
    ["a value twice", [1, 1, 1, 2, 2], "malformed"],
    ["longer text first", [1, 4, "aa", "b"], "malformed"],
    ["algorithms by their numbers", [1, 7, -8, -7], "malformed"],
    ["a range that ends before it begins", [2, 1, 2, 1], "out-of-range"],
  ])("no second form, and nothing that cannot be meant: %s", (_name, item, code) => {
    expect(refusal(() => decode(encodeCbor(item)))).toBe(code);
    expect(fitsCddl(item)).toBe(true); // CDDL knows no order
  });

  test("P11: 4 levels are read, 5 are not", () => {
    expect(refusal(() => decode(encode(deep(MAX_PREDICATE_DEPTH))))).toBeUndefined();
    expect(refusal(() => decode(encode(deep(MAX_PREDICATE_DEPTH + 1))))).toBe("too-large");
  });

  test("P11: 32 nodes are read, 33 are not", () => {
    expect(refusal(() => decode(encode(large(MAX_PREDICATE_NODES))))).toBeUndefined();
    expect(refusal(() => decode(encode(large(MAX_PREDICATE_NODES + 1))))).toBe("too-large");
  });
});

describe("in a list of entries, as an advisory has it", () => {
  const entry = map({ selector: field(1, predicate, "") }, "entry");
  const Rules = message(99, "rules", { entries: field(1, array(entry, { min: 1, max: 2 }), "") });
  const one: Predicate = { op: "in", fact: "number", values: [1] };
  const rules = (selector: Predicate) => ({ entries: [{ selector }] });

  test("the deepest predicate fits into the depth that the scanner allows", () => {
    const deepest: Predicate = { op: "not", operand: { op: "not", operand: { op: "not", operand: one } } };
    expect(Rules.decode(Rules.encode(rules(deepest)))).toEqual(rules(deepest));
  });

  test.each<[string, Predicate, string]>([
    ["too deep", deep(MAX_PREDICATE_DEPTH + 1), "too-large"],
    ["too large", large(MAX_PREDICATE_NODES + 1), "too-large"],
    ["an and of one", { op: "and", operands: [one] }, "out-of-range"],
    ["an empty set", { op: "in", fact: "number", values: [] }, "out-of-range"],
    ["a set out of order", { op: "in", fact: "number", values: [2, 1] }, "malformed"],
    ["a range that ends before it begins", { op: "range", fact: "number", min: 2, max: 1 }, "out-of-range"],
    ["a fraction", { op: "range", fact: "number", min: 1, max: 1.5 }, "out-of-range"],
    ["half a surrogate pair", { op: "in", fact: "model", values: ["\ud800"] }, "malformed"],
  ])("what would be refused is never sent: %s", (_name, selector, code) => {
    expect(refusal(() => Rules.encode(rules(selector)))).toBe(code);
  });
});

describe("any predicate", () => {
  test("goes over the wire unchanged, within 4 levels of arrays", () => {
    fc.assert(
      fc.property(predicates(), (asked) => {
        const bytes = encode(asked);
        expect(decode(bytes)).toEqual(asked);
        expect(toHex(encode(decode(bytes)))).toBe(toHex(bytes));
        expect(levels(predicate.toCbor(asked))).toBeLessThanOrEqual(MAX_PREDICATE_DEPTH);
      }),
      RUNS,
    );
  });

  test("altered bytes are another predicate in its only form, or are refused as ours to refuse", () => {
    const outcomes = { read: 0, refused: 0 };
    const alterations = fc.array(
      fc.tuple(fc.nat(400), fc.constantFrom("put", "cut", "insert"), fc.nat(255)),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(predicates(), alterations, (asked, changes) => {
        const bytes = changes.reduce<number[]>(
          (current, [place, act, byte]) => {
            const at = place % Math.max(1, current.length);
            if (act === "put") return current.toSpliced(at, 1, byte);
            return act === "cut" ? current.toSpliced(at, 1) : current.toSpliced(at, 0, byte);
          },
          [...encode(asked)],
        );
        const altered = Uint8Array.from(bytes);
        if (refusal(() => decode(altered)) !== undefined) {
          outcomes.refused += 1;
          return true;
        }
        outcomes.read += 1;
        return equalBytes(encode(decode(altered)), altered);
      }),
      { ...RUNS, numRuns: 10_000 },
    );
    expect(outcomes.read).toBeGreaterThan(200);
    expect(outcomes.refused).toBeGreaterThan(200);
  });
});

function levels(value: CborValue): number {
  if (!Array.isArray(value)) return 0;
  return 1 + Math.max(0, ...(value as readonly CborValue[]).map(levels));
}

test("the example of docs/protocol.md", () => {
  const text = 'model in {"cam-2", "cam-3"} and not (number in 100..200)';
  const bytes = fromHex("83038401046563616d2d326563616d2d338205840201186418c8");
  expect(equalBytes(encode(parsePredicate(text)), bytes)).toBe(true);
  expect(printPredicate(decode(bytes))).toBe(text);
});
