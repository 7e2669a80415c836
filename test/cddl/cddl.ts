/**
 * Holds bytes against CDDL rules, so that the hand-written protocol/daymark.cddl and the codec cannot
 * drift apart. Bytes are read by cborg, a decoder that shares no code with ours.
 */
import { decode, encode, rfc8949EncodeOptions, Tagged } from "cborg";
import type { Cddl, Node } from "./parse.js";
import { integer, PRELUDE } from "./prelude.js";

export { type Cddl, parseCddl } from "./parse.js";

/** The only tag on our wire: COSE_Sign1, RFC 9052 §2. */
const SIGN1_TAG = 18;

/**
 * Integers become number or bigint, byte strings Uint8Array, maps Map, tag 18 cborg's `Tagged`.
 * @throws Error when the bytes are not one CBOR item in deterministic form (RFC 8949 §4.2.1).
 */
export function decodeForCddl(bytes: Uint8Array): unknown {
  const value: unknown = decode(bytes, {
    strict: true,
    useMaps: true,
    rejectDuplicateMapKeys: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowInfinity: false,
    allowNaN: false,
    tags: Tagged.preserve(SIGN1_TAG),
  });
  // cborg checks neither the order of keys nor UTF-8, and reads 1.0 as 1: writing it again shows all three.
  if (Buffer.compare(encode(value, rfc8949EncodeOptions), bytes) !== 0)
    throw new Error("not the deterministic encoding of what it holds");
  return value;
}

/**
 * Undefined when `value`, as `decodeForCddl` gives it, matches the rule, else where and why not.
 * A map entry belongs to the first member whose key fits (the cut of RFC 8610 §3.5.4); array items are
 * taken greedily, in order.
 * @throws RangeError when there is no such rule.
 */
export function validate(cddl: Cddl, ruleName: string, value: unknown): string | undefined {
  const rule = cddl.get(ruleName);
  if (!rule) throw new RangeError(`there is no rule ${ruleName}`);
  return mismatch(cddl, rule, value, ruleName);
}

function mismatch(cddl: Cddl, node: Node, value: unknown, path: string): string | undefined {
  const refused = () => `${path}: ${shown(value)} is not ${label(node)}`;
  switch (node.kind) {
    case "name": {
      const rule = cddl.get(node.name);
      if (rule) return mismatch(cddl, rule, value, path);
      return PRELUDE.get(node.name)?.(value) ? undefined : refused();
    }
    case "literal":
      return (typeof node.value === "bigint" ? integer(value) : value) === node.value ? undefined : refused();
    case "range":
      return within(integer(value), node.low, node.high) ? undefined : refused();
    case "choice":
      return node.types.some((type) => !mismatch(cddl, type, value, path)) ? undefined : refused();
    case "tag":
      return value instanceof Tagged && BigInt(value.tag) === node.tag
        ? mismatch(cddl, node.type, value.value, path)
        : refused();
    case "map":
      return value instanceof Map ? mapMismatch(cddl, node.members, value, path) : refused();
    case "array":
      return Array.isArray(value) ? arrayMismatch(cddl, node.items, value, path) : refused();
    case "control":
      return mismatch(cddl, node.type, value, path) ?? controlMismatch(cddl, node, value, path);
  }
}

type Of<Kind extends Node["kind"]> = Extract<Node, { kind: Kind }>;

function mapMismatch(
  cddl: Cddl,
  members: Of<"map">["members"],
  value: ReadonlyMap<unknown, unknown>,
  path: string,
): string | undefined {
  const times = new Map(members.map((member) => [member, 0]));
  for (const [key, item] of value) {
    const member = members.find((candidate) => !mismatch(cddl, candidate.key, key, path));
    if (!member) return `${path}: no member has the key ${shown(key)}`;
    const problem = mismatch(cddl, member.type, item, `${path}.${shown(key)}`);
    if (problem) return problem;
    times.set(member, (times.get(member) ?? 0) + 1);
  }
  for (const [{ key, min, max }, count] of times)
    if (count < min || count > max) return `${path}: key ${label(key)} stands ${count} times`;
  return undefined;
}

function arrayMismatch(
  cddl: Cddl,
  items: Of<"array">["items"],
  value: readonly unknown[],
  path: string,
): string | undefined {
  let at = 0;
  for (const { min, max, type } of items) {
    for (let count = 0; count < max; count += 1, at += 1) {
      const problem =
        at < value.length
          ? mismatch(cddl, type, value[at], `${path}[${at}]`)
          : `${path}: ${label(type)} is missing at [${at}]`;
      if (problem && count < min) return problem;
      if (problem) break;
    }
  }
  return at === value.length ? undefined : `${path}: ${shown(value[at])} at [${at}] is not expected`;
}

function controlMismatch(cddl: Cddl, node: Of<"control">, value: unknown, path: string): string | undefined {
  if (node.control === "cbor") return cborMismatch(cddl, node.argument, value, path);
  const [low, high] = bounds(cddl, node.argument);
  const number = integer(value);
  const holds = {
    size: () =>
      number === undefined ? within(sizeBytes(value), low, high) : within(number, 0n, 256n ** high - 1n),
    le: () => number !== undefined && number <= high,
    lt: () => number !== undefined && number < high,
    ge: () => number !== undefined && number >= low,
  };
  return holds[node.control]() ? undefined : `${path}: ${shown(value)} is not ${label(node)}`;
}

function cborMismatch(cddl: Cddl, inner: Node, value: unknown, path: string): string | undefined {
  if (!(value instanceof Uint8Array)) return `${path}: ${shown(value)} is not a byte string`;
  try {
    return mismatch(cddl, inner, decodeForCddl(value), `${path}<cbor>`);
  } catch (error) {
    return `${path}: the bytes are no CBOR: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** RFC 8610 §3.8.1: bytes of a byte string, UTF-8 bytes of a text. */
function sizeBytes(value: unknown): bigint | undefined {
  if (value instanceof Uint8Array) return BigInt(value.length);
  return typeof value === "string" ? BigInt(Buffer.byteLength(value)) : undefined;
}

/** `N` stands for `N..N`. @throws RangeError when the argument of a control is neither, nor a rule for one. */
function bounds(cddl: Cddl, argument: Node): [low: bigint, high: bigint] {
  const named = argument.kind === "name" ? (cddl.get(argument.name) ?? argument) : argument;
  if (named.kind === "range") return [named.low, named.high];
  if (named.kind === "literal" && typeof named.value === "bigint") return [named.value, named.value];
  throw new RangeError(`a control takes a number or a range, not ${label(argument)}`);
}

function within(value: bigint | undefined, low: bigint, high: bigint): boolean {
  return value !== undefined && low <= value && value <= high;
}

function label(node: Node): string {
  switch (node.kind) {
    case "name":
      return node.name;
    case "literal":
      return typeof node.value === "string" ? JSON.stringify(node.value) : String(node.value);
    case "range":
      return `${node.low}..${node.high}`;
    case "choice":
      return node.types.map(label).join(" / ");
    case "tag":
      return `#6.${node.tag}(${label(node.type)})`;
    case "map":
      return "a map";
    case "array":
      return "an array";
    case "control":
      return `${label(node.type)} .${node.control} ${label(node.argument)}`;
  }
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Map) return `a map of ${value.size}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Tagged) return `tag ${value.tag}`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
