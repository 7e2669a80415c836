/** What predicates say about devices: each cell of the three-valued logic, and any predicate against a model. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../protocol/bytes.js";
import {
  applies,
  type FactName,
  FACTS,
  type Facts,
  type FactValue,
  matches,
  type Predicate,
  type Verdict,
} from "../../protocol/predicate.js";
import { parsePredicate } from "../../protocol/predicate-text.js";
import { devices, NAMES, predicates, RUNS, setOf } from "./predicates.js";

/** A predicate with that answer about a device of which nothing but `number = 1` is known. */
const OF: Readonly<Record<Verdict, Predicate>> = {
  no: { op: "in", fact: "number", values: [2] },
  unknown: { op: "in", fact: "model", values: ["cam-2"] },
  yes: { op: "in", fact: "number", values: [1] },
};
const ONE: Facts = { number: 1 };

describe("each cell of Kleene's tables", () => {
  test.each<[Verdict, Verdict, and: Verdict, or: Verdict]>([
    ["no", "no", "no", "no"],
    ["no", "unknown", "no", "unknown"],
    ["no", "yes", "no", "yes"],
    ["unknown", "no", "no", "unknown"],
    ["unknown", "unknown", "unknown", "unknown"],
    ["unknown", "yes", "unknown", "yes"],
    ["yes", "no", "no", "yes"],
    ["yes", "unknown", "unknown", "yes"],
    ["yes", "yes", "yes", "yes"],
  ])("%s, %s: and gives %s, or gives %s", (a, b, and, or) => {
    const operands = [OF[a], OF[b]];
    expect(matches({ op: "and", operands }, ONE)).toBe(and);
    expect(matches({ op: "or", operands }, ONE)).toBe(or);
  });

  test.each<[Verdict, not: Verdict, applies: boolean]>([
    ["no", "yes", false],
    ["unknown", "unknown", true],
    ["yes", "no", true],
  ])("%s: not gives %s; applies is %s", (a, not, holds) => {
    expect(matches(OF[a], ONE)).toBe(a);
    expect(matches({ op: "not", operand: OF[a] }, ONE)).toBe(not);
    expect(applies(OF[a], ONE)).toBe(holds);
  });
});

const CAMERA: { readonly [F in FactName]: NonNullable<Facts[F]> } = {
  number: 150,
  generation: 2,
  station: 7,
  model: "cam-2",
  firmware: "1.2",
  hardwareId: fromHex("00ff"),
  algorithm: "ES256",
};

describe("what a predicate says about a camera", () => {
  test.each<[text: string, Verdict]>([
    ["number in 150..150", "yes"],
    ["number in 100..149", "no"],
    ["number in 151..200", "no"],
    ["number in 100..150", "yes"],
    ["number in 150..200", "yes"],
    ["number in {149, 151}", "no"],
    ["generation = 2", "yes"],
    ["station in 1..7", "yes"],
    ['model = "cam-2"', "yes"],
    ['model = "cam-20"', "no"],
    ['model = "cam"', "no"],
    ['model = "CAM-2"', "no"],
    ['firmware in {"1.1", "1.2"}', "yes"],
    ["hardwareId = h'00FF'", "yes"],
    ["hardwareId = h'00'", "no"],
    ["hardwareId in {h'00fe', h'ff00'}", "no"],
    ["algorithm = ES256", "yes"],
    ["algorithm = Ed25519", "no"],
  ])("%s: %s; and unknown of a device that we know nothing about", (text, want) => {
    expect(matches(parsePredicate(text), CAMERA)).toBe(want);
    expect(matches(parsePredicate(text), {})).toBe("unknown");
  });

  test("everything matches, also one that we know nothing about", () => {
    expect(matches({ op: "everything" }, {})).toBe("yes");
    expect(matches({ op: "not", operand: { op: "everything" } }, {})).toBe("no");
  });

  test.each(Object.keys(FACTS) as FactName[])("%s is asked for itself, and for nothing else", (fact) => {
    const asked = setOf(fact, [CAMERA[fact]]);
    expect(matches(asked, CAMERA)).toBe("yes");
    expect(matches(asked, { [fact]: CAMERA[fact] })).toBe("yes");
    expect(matches(asked, { ...CAMERA, [fact]: undefined })).toBe("unknown");
  });
});

function without(facts: Facts, forgotten: readonly FactName[]): Facts {
  return Object.fromEntries(Object.entries(facts).filter(([name]) => !forgotten.includes(name as FactName)));
}

/** Kleene's logic by arithmetic: no 0, unknown ½, yes 1. */
function model(asked: Predicate, facts: Facts): number {
  switch (asked.op) {
    case "everything":
      return 1;
    case "in": {
      const fact = facts[asked.fact];
      if (fact === undefined) return 0.5;
      const shown = (value: FactValue) => (value instanceof Uint8Array ? toHex(value) : value);
      return new Set(asked.values.map(shown)).has(shown(fact)) ? 1 : 0;
    }
    case "range": {
      const fact = facts[asked.fact];
      return fact === undefined ? 0.5 : Number(fact >= asked.min && fact <= asked.max);
    }
    case "and":
      return Math.min(...asked.operands.map((operand) => model(operand, facts)));
    case "or":
      return Math.max(...asked.operands.map((operand) => model(operand, facts)));
    case "not":
      return 1 - model(asked.operand, facts);
  }
}

describe("any predicate, any device", () => {
  test("the answer is that of the model, and each answer is given", () => {
    const given = new Set<Verdict>();
    fc.assert(
      fc.property(predicates(), devices, (asked, facts) => {
        const verdict = matches(asked, facts);
        given.add(verdict);
        expect(verdict).toBe({ 0: "no", 0.5: "unknown", 1: "yes" }[model(asked, facts)]);
        expect(applies(asked, facts)).toBe(verdict !== "no");
      }),
      RUNS,
    );
    expect(given).toEqual(new Set(["no", "unknown", "yes"]));
  });

  test("forgetting facts makes an answer unknown, never another one", () => {
    const changes = new Set<string>();
    fc.assert(
      fc.property(predicates(), devices, fc.subarray(NAMES), (asked, facts, forgotten) => {
        const [before, after] = [matches(asked, facts), matches(asked, without(facts, forgotten))];
        changes.add(`${before} to ${after}`);
        expect(["unknown", before]).toContain(after);
      }),
      RUNS,
    );
    expect(changes).toContain("yes to unknown");
    expect(changes).toContain("no to unknown");
  });
});

test("every fact says what it means", () => {
  for (const { doc } of Object.values(FACTS)) expect(doc).not.toBe("");
});
