/**
 * Values that differ from a good one in one place, from the CDDL: each bound met and passed, each member
 * taken away, each type swapped, each key that is not listed. With each stands what a reader must say.
 */
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { COSE_ALGORITHMS } from "../../protocol/cose.js";
import type { ProtocolErrorCode } from "../../protocol/errors.js";
import { FIRST_EXTENSION_KEY } from "../../protocol/schema.js";
import type { Cddl } from "../cddl/cddl.js";
import type { Node } from "../cddl/parse.js";
import { testSigner } from "../x509/helpers.js";

/** What cborg encodes: integers beyond 2^53 as bigint, maps as Map. */
export type RawValue = unknown;

export interface Deviation {
  /** Where, and what: `3.7: 5 is above`. */
  readonly name: string;
  readonly value: RawValue;
  /** Absent: it still fits. */
  readonly want?: ProtocolErrorCode;
}

type Of<Kind extends Node["kind"]> = Extract<Node, { kind: Kind }>;
type RawMap = ReadonlyMap<RawValue, RawValue>;

/** A value that fits: the least of everything, optional members left out. */
export function sample(cddl: Cddl, node: Node): RawValue {
  switch (node.kind) {
    case "name":
      return node.name === "any" ? 0 : sample(cddl, ruleOf(cddl, node));
    case "literal":
      return typeof node.value === "bigint" ? Number(node.value) : node.value;
    case "range":
      return Number(node.low);
    case "choice":
      return sample(cddl, node.types[0]!);
    case "control":
      return string(node, sizeOf(node).low);
    case "array":
      return node.items.flatMap(({ min, type }) => Array.from({ length: min }, () => sample(cddl, type)));
    case "map":
      return new Map(
        node.members.filter(({ min }) => min > 0).map(({ key, type }) => [keyOf(key), sample(cddl, type)]),
      );
    case "tag":
      throw new RangeError("a message holds no tag");
  }
}

/** @param value - fits `node`. */
export function deviations(cddl: Cddl, node: Node, value: RawValue, path = ""): readonly Deviation[] {
  const at = (name: string) => (path === "" ? name : `${path}: ${name}`);
  switch (node.kind) {
    case "name":
      if (node.name === "any") return [];
      // Names itself, and has an order that CDDL cannot say: its vectors are written by hand.
      if (node.name === "predicate") return otherTypes("an array", at);
      return deviations(cddl, ruleOf(cddl, node), value, path);
    case "literal":
    case "range":
      return [...integers([node], at), ...otherTypes("an integer", at)];
    case "choice": {
      if (node.types.every(isInteger)) return [...integers(node.types, at), ...otherTypes("an integer", at)];
      // The alternative that `value` is of comes first: what the others have in common with it is its own.
      const types = node.types.toSorted((a, b) => Number(fits(b, value)) - Number(fits(a, value)));
      const each = types.flatMap((type) =>
        deviations(cddl, type, fits(type, value) ? value : sample(cddl, type), path),
      );
      return each.filter(({ name }, i) => each.findIndex((other) => other.name === name) === i);
    }
    case "control":
      return [...sizes(node, at), ...otherTypes(isText(node) ? "a text" : "a byte string", at)];
    case "array":
      return [...arrays(cddl, node, value as readonly RawValue[], path), ...otherTypes("an array", at)];
    case "map":
      return [...maps(cddl, node, value as RawMap, path), ...otherTypes("a map", at)];
    case "tag":
      throw new RangeError("a message holds no tag");
  }
}

const OTHER_TYPES = {
  "an integer": 1,
  "a text": "1",
  "a byte string": Uint8Array.of(1),
  "an array": [],
  "a map": new Map(),
  true: true,
} as const;

function otherTypes(own: keyof typeof OTHER_TYPES, at: (name: string) => string): readonly Deviation[] {
  return Object.entries(OTHER_TYPES)
    .filter(([type]) => type !== own)
    .map(([type, value]) => ({ name: at(`is ${type}`), value, want: "malformed" }));
}

/** Both ends of each alternative, and one beyond. */
function integers(types: readonly Node[], at: (name: string) => string): readonly Deviation[] {
  const ends = types.filter(isInteger).map((type) => endsOf(type));
  const candidates = ends.flatMap(([low, high]) => [low - 1n, low, high, high + 1n]);
  return [...new Set(candidates)].map((value) => {
    const name = at(String(value));
    if (ends.some(([low, high]) => low <= value && value <= high)) return { name, value: plain(value) };
    const beyond = value > BigInt(Number.MAX_SAFE_INTEGER);
    return { name, value: plain(value), want: beyond ? "malformed" : "out-of-range" };
  });
}

function sizes(node: Of<"control">, at: (name: string) => string): readonly Deviation[] {
  const { low, high } = sizeOf(node);
  const around = [low - 1, low, high, high + 1].filter((size) => size >= 0);
  const plainOnes = [...new Set(around)].map((size) => {
    const fine = { name: at(`${size} bytes`), value: string(node, size) };
    return size < low || size > high ? { ...fine, want: "out-of-range" as const } : fine;
  });
  if (!isText(node)) return plainOnes;
  const value = "é".repeat(Math.floor(high / 2) + 1); // fewer characters than `high`, more bytes
  return [...plainOnes, { name: at(`${value.length} characters of 2 bytes`), value, want: "out-of-range" }];
}

function arrays(
  cddl: Cddl,
  { items }: Of<"array">,
  value: readonly RawValue[],
  path: string,
): readonly Deviation[] {
  const [least, most] = [sum(items.map(({ min }) => min)), sum(items.map(({ max }) => max))];
  const last = items.at(-1)!.type;
  const counts = [...new Set([least - 1, least, most, most + 1])].filter((count) => count >= 0);
  const counted = counts.map((count) => {
    const fine = {
      name: path === "" ? `${count} items` : `${path}: ${count} items`,
      value: Array.from({ length: count }, (_, i) => value[i] ?? sample(cddl, last)),
    };
    return count < least || count > most ? { ...fine, want: "out-of-range" as const } : fine;
  });
  const inside = items.flatMap(({ type }, i) => {
    const full = value.length > i ? value : [...value, sample(cddl, type)];
    return deviations(cddl, type, full[i], `${path}[${i}]`).map((deviation) => ({
      ...deviation,
      value: full.with(i, deviation.value),
    }));
  });
  return [...counted, ...inside];
}

function maps(cddl: Cddl, { members }: Of<"map">, value: RawMap, path: string): readonly Deviation[] {
  const listed = members.filter(({ key }) => key.kind === "literal");
  const within = (name: string) => (path === "" ? name : `${path}: ${name}`);
  const inside = listed.flatMap(({ key, type, min }): readonly Deviation[] => {
    const name = keyOf(key);
    const present = value.has(name) ? value.get(name) : sample(cddl, type);
    const own = deviations(cddl, type, present, path === "" ? `${name}` : `${path}.${name}`);
    const absent = new Map([...value].filter(([other]) => other !== name));
    return [
      { name: within(`no key ${name}`), value: absent, ...(min > 0 && { want: "malformed" as const }) },
      ...own.map((deviation) => ({ ...deviation, value: withEntry(value, name, deviation.value) })),
    ];
  });
  const known = new Set(listed.map(({ key }) => keyOf(key)));
  const unknown = [-1, ...Array.from({ length: FIRST_EXTENSION_KEY }, (_, key) => key)]
    .filter((key) => !known.has(key))
    .map((key) => ({
      name: within(`key ${key} too`),
      value: withEntry(value, key, 0),
      want: "unknown-key" as const,
    }));
  const extensions = [FIRST_EXTENSION_KEY, Number.MAX_SAFE_INTEGER].map((key) => ({
    name: within(`extension ${key}`),
    value: withEntry(value, key, new Map([[1, "later"]])),
  }));
  return [
    ...inside,
    ...unknown,
    ...extensions,
    { name: within("a text as key too"), value: withEntry(value, "a", 0), want: "malformed" },
  ];
}

const POINTS = Object.fromEntries(
  Object.keys(COSE_ALGORITHMS).map((name) => {
    const { bytes } = testSigner(name as keyof typeof COSE_ALGORITHMS, "sample", nobleCrypto).publicKey;
    return [bytes.length, bytes];
  }),
);

/** Byte strings as long as a public key are one, so that CDDL and decoder can agree on them. */
function string(node: Of<"control">, size: number): RawValue {
  return isText(node) ? "a".repeat(size) : (POINTS[size] ?? new Uint8Array(size));
}

function isText({ type }: Of<"control">): boolean {
  return type.kind === "name" && type.name === "tstr";
}

function sizeOf({ control, argument }: Of<"control">): { low: number; high: number } {
  if (control !== "size" || !isInteger(argument)) throw new RangeError(`no values for .${control}`);
  const [low, high] = endsOf(argument).map(Number) as [number, number];
  return { low, high };
}

function isInteger(node: Node): node is Of<"range"> | (Of<"literal"> & { value: bigint }) {
  return node.kind === "range" || (node.kind === "literal" && typeof node.value === "bigint");
}

function endsOf(node: Of<"range"> | (Of<"literal"> & { value: bigint })): [low: bigint, high: bigint] {
  return node.kind === "range" ? [node.low, node.high] : [node.value, node.value];
}

/** Which alternative of maps a value is of: the first member tells (RFC 8610 §3.5.4 cuts there too). */
function fits(node: Node, value: RawValue): boolean {
  if (node.kind !== "map" || !(value instanceof Map)) return false;
  const [first] = node.members;
  return first?.type.kind === "literal" && value.get(keyOf(first.key)) === Number(first.type.value);
}

function withEntry(map: RawMap, key: RawValue, value: RawValue): RawMap {
  return new Map([...map, [key, value]]);
}

function keyOf(key: Node): number {
  if (key.kind === "literal") return Number(key.value);
  throw new RangeError("only a literal key has a value");
}

function ruleOf(cddl: Cddl, { name }: Of<"name">): Node {
  const rule = cddl.get(name);
  if (!rule) throw new RangeError(`there is no rule ${name}`);
  return rule;
}

function plain(value: bigint): number | bigint {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? value : Number(value);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
