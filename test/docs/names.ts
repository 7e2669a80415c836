/**
 * A payload with the names of its fields at every depth. Declarations show the names of a message's own fields
 * only; those further in follow from this: a map is encoded, and read, in the order in which it was declared.
 */
import type { CborMap, CborValue } from "../../protocol/codec.js";
import type { Predicate } from "../../protocol/predicate.js";
import { printPredicate } from "../../protocol/predicate-text.js";
import type { Fields, Message } from "../../protocol/schema.js";
import { parseCddl } from "../cddl/cddl.js";
import { readDocument } from "./markdown.js";

export type Named =
  | { readonly kind: "map"; readonly members: readonly Member[] }
  | { readonly kind: "array"; readonly items: readonly Named[] }
  /** `says`: what it is in words; absent: what its bytes show. */
  | { readonly kind: "leaf"; readonly cbor: CborValue; readonly says?: string };

/** In the order of the wire. */
interface Member {
  readonly key: number;
  readonly name: string;
  readonly value: Named;
}

type Values = Readonly<Record<string, unknown>>;

/** @param payload - of the message, good. */
export function namedPayload(
  { fields, decode }: Pick<Message<unknown>, "fields" | "decode">,
  payload: Uint8Array,
) {
  return namedMap(encodedFields(fields, decode(payload) as Values), decode(payload) as Values);
}

/** Keys and values in the order of the declaration. */
function encodedFields(fields: Fields, value: Values): CborMap {
  const present = Object.entries(fields).filter(([name]) => value[name] !== undefined);
  return new Map(present.map(([name, { key, type }]) => [key, type.toCbor(value[name])]));
}

function namedMap(cbor: CborMap, value: Values): Named & { readonly kind: "map" } {
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  const members = [...cbor].map(([key, item], i): Member => {
    const name = names[i];
    if (name === undefined) throw new RangeError(`key ${key} has no name`);
    return { key, name, value: named(item, value[name]) };
  });
  return { kind: "map", members: members.sort((a, b) => a.key - b.key) }; // no message has negative keys
}

function named(cbor: CborValue, value: unknown): Named {
  if (cbor instanceof Map) return namedMap(cbor as CborMap, value as Values);
  if (Array.isArray(cbor)) {
    const items = cbor as readonly CborValue[];
    if (Array.isArray(value)) return { kind: "array", items: items.map((item, i) => named(item, value[i])) };
    return { kind: "leaf", cbor, says: printPredicate(value as Predicate) };
  }
  return typeof cbor === "number" && typeof value === "string" // a word for a number
    ? { kind: "leaf", cbor, says: value }
    : { kind: "leaf", cbor };
}

/** Rule of the CDDL → its keys and their names, for the maps inside of messages. */
type Parts = ReadonlyMap<string, ReadonlyMap<number, string>>;

/** @param payloads - of messages by their name: together they have every optional field. */
export function partsOf(payloads: readonly (readonly [rule: string, payload: Named])[]): Parts {
  const cddl = parseCddl(readDocument("protocol/daymark.cddl"));
  const parts = new Map<string, Map<number, string>>();
  type Node = NonNullable<ReturnType<typeof cddl.get>>;

  function visit(node: Node, value: Named, rule: string | undefined): void {
    if (node.kind === "name") {
      const target = cddl.get(node.name);
      if (target) visit(target, value, node.name);
    } else if (node.kind === "choice") {
      // Alternatives that are maps have the same keys here.
      const map = node.types.find(({ kind }) => kind === "map");
      if (map) visit(map, value, rule);
    } else if (node.kind === "map" && value.kind === "map") {
      if (rule !== undefined) learn(rule, value.members);
      for (const { key, value: inner } of value.members) {
        const member = node.members.find(
          (each) => each.key.kind === "literal" && Number(each.key.value) === key,
        );
        if (member) visit(member.type, inner, undefined);
      }
    } else if (node.kind === "array" && value.kind === "array") {
      const [first] = node.items;
      if (first) for (const item of value.items) visit(first.type, item, undefined);
    }
  }

  function learn(rule: string, members: readonly Member[]): void {
    const known = parts.get(rule) ?? new Map<number, string>();
    for (const { key, name } of members) known.set(key, name);
    parts.set(rule, known);
  }

  for (const [rule, payload] of payloads) {
    const node = cddl.get(rule);
    if (!node) throw new RangeError(`protocol/daymark.cddl has no rule ${rule}`);
    visit(node, payload, undefined);
  }
  return parts;
}
