/**
 * Which devices an advisory is about: a small language over facts, evaluated by the device on its own
 * facts and by the fleet on those it has verified. A fact that is not known makes the answer `unknown`,
 * and `unknown` counts as a match: who cannot tell is held (DESIGN.md §7). Its text form is in
 * predicate-text.ts.
 */
import { equalBytes } from "./bytes.js";
import { type CborValue, encodeCbor } from "./codec.js";
import { deviceNumber, generation, hardwareId, model } from "./common.js";
import { COSE_ALGORITHMS } from "./cose.js";
import type { Algorithm } from "./crypto.js";
import { ProtocolError, type ProtocolErrorCode } from "./errors.js";
import { optional, type Type, type ValueOf } from "./schema.js";
import { choice, text } from "./types.js";

/** Facts that have an order, so that a range of them can be asked for. */
const INTEGER_FACTS = {
  number: optional(1, deviceNumber, "its number in the fleet"),
  generation: optional(2, generation, "of its LDevID; not known before the first"),
  station: optional(3, deviceNumber, "number of the station where it was born"),
};

/** What can be asked about a device: its name in text, its number on the wire, its type. */
export const FACTS = {
  ...INTEGER_FACTS,
  model: optional(4, model, "product name, as born"),
  firmware: optional(5, text(32), "what it runs; known to the device, not yet provable to the fleet"),
  hardwareId: optional(6, hardwareId, "what the hardware calls itself"),
  algorithm: optional(7, choice<Algorithm>(COSE_ALGORITHMS), "of its IDevID key; COSE algorithm number"),
};

/** What is known about one device. A fact that is absent is not known. */
export type Facts = ValueOf<typeof FACTS>;
export type FactName = keyof typeof FACTS;
type IntegerFact = keyof typeof INTEGER_FACTS;
export type FactValue = NonNullable<Facts[FactName]>;

/** The fact is one of these values: ascending by their encodings, none twice. Text is compared as it is. */
type InSet = {
  readonly [F in FactName]: {
    readonly op: "in";
    readonly fact: F;
    readonly values: readonly NonNullable<Facts[F]>[];
  };
}[FactName];

export type Predicate =
  | { readonly op: "everything" }
  | InSet
  | { readonly op: "range"; readonly fact: IntegerFact; readonly min: number; readonly max: number } // both included
  | { readonly op: "and" | "or"; readonly operands: readonly Predicate[] }
  | { readonly op: "not"; readonly operand: Predicate };

/** Deepest nesting; a predicate without operands is 1 deep. It leaves room for 4 levels of CBOR around it. */
export const MAX_PREDICATE_DEPTH = 4;
/** Of the whole predicate, each operator, set and range counted as one. */
export const MAX_PREDICATE_NODES = 32;
export const MAX_SET_VALUES = 16;
/** Of one `and` or `or`. Both have at least two: with one they would say what the operand says. */
export const MAX_OPERANDS = 8;

/** Kleene's strong logic of three values. */
export type Verdict = "no" | "unknown" | "yes";

/** What `facts` say about `predicate`. More facts can turn `unknown` into an answer, never one into another. */
export function matches(predicate: Predicate, facts: Facts): Verdict {
  switch (predicate.op) {
    case "everything":
      return "yes";
    case "in": {
      const fact = facts[predicate.fact];
      if (fact === undefined) return "unknown";
      const values: readonly FactValue[] = predicate.values;
      return verdict(values.some((value) => isSame(value, fact)));
    }
    case "range": {
      const fact = facts[predicate.fact];
      if (fact === undefined) return "unknown";
      return verdict(predicate.min <= fact && fact <= predicate.max);
    }
    case "and": {
      const verdicts = predicate.operands.map((operand) => matches(operand, facts));
      return verdicts.includes("no") ? "no" : verdicts.includes("unknown") ? "unknown" : "yes";
    }
    case "or": {
      const verdicts = predicate.operands.map((operand) => matches(operand, facts));
      return verdicts.includes("yes") ? "yes" : verdicts.includes("unknown") ? "unknown" : "no";
    }
    case "not":
      return NEGATED[matches(predicate.operand, facts)];
  }
}

/** True unless the device is known not to match. */
export function applies(predicate: Predicate, facts: Facts): boolean {
  return matches(predicate, facts) !== "no";
}

const NEGATED: Readonly<Record<Verdict, Verdict>> = { no: "yes", unknown: "unknown", yes: "no" };

function verdict(holds: boolean): Verdict {
  return holds ? "yes" : "no";
}

function isSame(a: FactValue, b: FactValue): boolean {
  return a instanceof Uint8Array ? b instanceof Uint8Array && equalBytes(a, b) : a === b;
}

/** `[operation, …]`; what follows, and how many. CDDL: `predicate`. */
const OPERATIONS = { everything: 0, in: 1, range: 2, and: 3, or: 4, not: 5 } as const;
type Operation = keyof typeof OPERATIONS;
const FOLLOWED_BY: Readonly<Record<Operation, readonly [min: number, max: number]>> = {
  everything: [0, 0],
  in: [2, 1 + MAX_SET_VALUES], // fact, values
  range: [3, 3], // fact, min, max
  and: [2, MAX_OPERANDS],
  or: [2, MAX_OPERANDS],
  not: [1, 1],
};
const operation = choice(OPERATIONS);
const factName = choice(keysOf(FACTS));
const integerFact = choice(keysOf(INTEGER_FACTS));

/** A predicate as part of a message: CBOR arrays, at most `MAX_PREDICATE_DEPTH` levels of them. */
export const predicate: Type<Predicate> = {
  label: "predicate",
  toCbor: encoded,
  fromCbor(value, path) {
    const read = decoded(value, path, 1);
    const nodes = nodesIn(read);
    if (nodes > MAX_PREDICATE_NODES)
      return refuse(path, `has ${nodes} nodes; ${MAX_PREDICATE_NODES} are allowed`, "too-large");
    return read;
  },
};

/** The order of values in a set: bytewise, of their encodings (as map keys, RFC 8949 §4.2.1). */
export function compareValues(fact: FactName, a: FactValue, b: FactValue): number {
  const type = factType(fact);
  const [x, y] = [encodeCbor(type.toCbor(a)), encodeCbor(type.toCbor(b))];
  const at = x.findIndex((byte, i) => byte !== y[i]); // no item of CBOR is the beginning of another
  return at < 0 ? 0 : x[at]! - y[at]!;
}

export function factType(fact: FactName): Type<FactValue> {
  return FACTS[fact].type as Type<FactValue>;
}

function encoded(value: Predicate): CborValue {
  const head = OPERATIONS[value.op];
  switch (value.op) {
    case "everything":
      return [head];
    case "in":
      return [head, FACTS[value.fact].key, ...value.values.map((item) => factType(value.fact).toCbor(item))];
    case "range":
      return [head, FACTS[value.fact].key, value.min, value.max];
    case "and":
    case "or":
      return [head, ...value.operands.map(encoded)];
    case "not":
      return [head, encoded(value.operand)];
  }
}

function decoded(value: CborValue, path: string, depth: number): Predicate {
  if (depth > MAX_PREDICATE_DEPTH)
    return refuse(path, `is deeper than ${MAX_PREDICATE_DEPTH} levels`, "too-large");
  if (!Array.isArray(value)) return refuse(path, "is not an array");
  const [head, ...rest] = value as readonly CborValue[];
  if (head === undefined) return refuse(path, "is empty", "out-of-range");
  const op = operation.fromCbor(head, `${path}[0]`);
  const [min, max] = FOLLOWED_BY[op];
  if (rest.length < min || rest.length > max)
    return refuse(path, `has ${rest.length} items after "${op}", not ${min}..${max}`, "out-of-range");
  const operand = (item: CborValue, i: number) => decoded(item, `${path}[${i + 1}]`, depth + 1);
  switch (op) {
    case "everything":
      return { op };
    case "in":
      return decodedSet(rest, path);
    case "range":
      return decodedRange(rest, path);
    case "and":
    case "or":
      return { op, operands: rest.map(operand) };
    case "not":
      return { op, operand: operand(rest[0]!, 0) };
  }
}

function decodedSet([name, ...items]: readonly CborValue[], path: string): Predicate {
  const fact = factName.fromCbor(name!, `${path}[1]`);
  const values = items.map((item, i) => factType(fact).fromCbor(item, `${path}[${i + 2}]`));
  const unsorted = values.findIndex((value, i) => i > 0 && compareValues(fact, values[i - 1]!, value) >= 0);
  if (unsorted > 0) return refuse(`${path}[${unsorted + 2}]`, "does not come after the value before it");
  return { op: "in", fact, values } as InSet;
}

function decodedRange(items: readonly CborValue[], path: string): Predicate {
  const fact = integerFact.fromCbor(items[0]!, `${path}[1]`);
  const { type } = INTEGER_FACTS[fact];
  const [min, max] = [type.fromCbor(items[1]!, `${path}[2]`), type.fromCbor(items[2]!, `${path}[3]`)];
  if (min > max) return refuse(path, "is a range that ends before it begins", "out-of-range");
  return { op: "range", fact, min, max };
}

function nodesIn(value: Predicate): number {
  switch (value.op) {
    case "and":
    case "or":
      return value.operands.reduce((sum, operand) => sum + nodesIn(operand), 1);
    case "not":
      return 1 + nodesIn(value.operand);
    default:
      return 1;
  }
}

function keysOf<T extends string>(facts: Readonly<Record<T, { readonly key: number }>>): Record<T, number> {
  const entries = Object.entries<{ readonly key: number }>(facts);
  return Object.fromEntries(entries.map(([name, { key }]) => [name, key])) as Record<T, number>;
}

function refuse(path: string, why: string, code: ProtocolErrorCode = "malformed"): never {
  throw new ProtocolError(code, `${path} ${why}`);
}
