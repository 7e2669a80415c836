/**
 * A value in diagnostic notation (RFC 8949 §8) over several lines, with the names of fields and of numbers
 * as comments, and with what byte strings hold (RFC 8610 appendix G). Nothing is cut: the lines stand for
 * exactly the bytes that were read.
 */
import { toHex } from "./bytes.js";
import type { CborMap, CborValue } from "./codec.js";
import { ProtocolError } from "./errors.js";
import { orRefusal } from "./refusal.js";
import { FIRST_EXTENSION_KEY, type Fields } from "./schema.js";

export type Lines = readonly string[];

/** Shows what is in a byte string, where that is known. */
export type Embedded = (bytes: Uint8Array) => Lines | undefined;

/** Longer arrays and maps are written one member to a line. */
const LINE_CHARACTERS = 100;
/** Of longer byte strings a comment tells the size. */
const COUNTED_BYTES = 32;

/**
 * A decoded value beside its own encoding: the same shape, with names in the one and keys in the other.
 * Both have their members in the order of the declaration (`map` in schema.ts).
 */
interface Named {
  readonly value: unknown;
  readonly cbor: CborValue;
}

/** The payload of a message. A field that its type refuses is shown without the names inside it. */
export function notationOf(payload: CborValue, fields: Fields, embedded: Embedded): Lines {
  if (!(payload instanceof Map)) return lines(payload, undefined, embedded);
  const byKey = new Map(Object.entries(fields).map(([name, field]) => [field.key, { name, ...field }]));
  const members = [...(payload as CborMap)].map(([key, item]) => {
    const field = byKey.get(key);
    return member(key, item, field?.name, field && named(field, item), embedded);
  });
  return block("{ ", members, " }");
}

/** A map whose values have these names, in its own order, and these words where they are numbers. */
export function notationOfHeader(header: CborMap, words: Readonly<Record<string, unknown>>): Lines {
  return lines(header, { value: words, cbor: header }, () => undefined);
}

/** A byte string that holds what `inside` shows. */
export function embedding(inside: Lines): Lines {
  return prefixed("<< ", [...inside.slice(0, -1), `${inside.at(-1)} >>`]);
}

export function notationOfBytes(bytes: Uint8Array): Lines {
  const counted = bytes.length > COUNTED_BYTES ? ` / ${bytes.length} bytes /` : "";
  return [`h'${toHex(bytes)}'${counted}`];
}

export function prefixed(prefix: string, [first, ...rest]: Lines): Lines {
  return [`${prefix}${first}`, ...rest];
}

/** Members between brackets: on one line when they fit. */
export function block(open: string, members: readonly Lines[], close: string): Lines {
  if (members.length === 0) return [open.trim() + close.trim()];
  if (members.every(({ length }) => length === 1)) {
    const line = `${open}${members.flat().join(", ")}${close}`;
    if (line.length <= LINE_CHARACTERS) return [line];
  }
  const inner = members.flatMap((member, i) => {
    const end = i < members.length - 1 ? "," : "";
    return [...member.slice(0, -1), `${member.at(-1)}${end}`].map((text) => `  ${text}`);
  });
  return [open.trim(), ...inner, close.trim()];
}

function lines(value: CborValue, names: Named | undefined, embedded: Embedded): Lines {
  if (typeof value === "string") return [quoted(value)];
  if (typeof value === "number" || typeof value === "boolean")
    return [typeof names?.value === "string" ? `${value} / ${names.value} /` : String(value)];
  if (value instanceof Uint8Array) {
    const inside = embedded(value);
    return inside ? embedding(inside) : notationOfBytes(value);
  }
  if (Array.isArray(value)) {
    const items = value as readonly CborValue[];
    const members = items.map((item, i) => lines(item, within(names, i), embedded));
    return block("[", members, "]");
  }
  const known = keysOf(names);
  const members = [...(value as CborMap)].map(([key, item]) =>
    member(key, item, known.get(key), within(names, key), embedded),
  );
  return block("{ ", members, " }");
}

function member(
  key: number,
  item: CborValue,
  name: string | undefined,
  names: Named | undefined,
  embedded: Embedded,
): Lines {
  const shown = name ?? (key >= FIRST_EXTENSION_KEY ? "extension" : undefined);
  return prefixed(`${shown === undefined ? "" : `/ ${shown} / `}${key}: `, lines(item, names, embedded));
}

/** Undefined when the type refuses the value. */
function named(
  { name, type }: { readonly name: string; readonly type: Fields[string]["type"] },
  item: CborValue,
): Named | undefined {
  const value = orRefusal(() => type.fromCbor(item, name));
  return value instanceof ProtocolError ? undefined : { value, cbor: type.toCbor(value) };
}

/** The names of a map's keys. */
function keysOf(names: Named | undefined): ReadonlyMap<number, string> {
  const { value, cbor } = names ?? {};
  if (!(cbor instanceof Map) || typeof value !== "object" || value === null) return new Map();
  const words = Object.keys(value);
  const keys = [...(cbor as CborMap).keys()];
  return new Map(words.length === keys.length ? keys.map((key, i) => [key, words[i] ?? ""]) : []);
}

/** The names inside a member of an array or a map. */
function within(names: Named | undefined, key: number): Named | undefined {
  const { value, cbor } = names ?? {};
  const item = Array.isArray(cbor) ? (cbor as readonly CborValue[])[key] : undefined;
  if (item !== undefined) return Array.isArray(value) ? { value: value[key], cbor: item } : undefined;
  const name = keysOf(names).get(key);
  const inMap = cbor instanceof Map ? (cbor as CborMap).get(key) : undefined;
  if (name === undefined || inMap === undefined) return undefined;
  return { value: (value as Readonly<Record<string, unknown>>)[name], cbor: inMap };
}

/** As JSON, in which characters that are not seen or steer a terminal are escaped too. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, i) => {
      const unit = character.charCodeAt(i).toString(16).padStart(4, "0");
      return `\\u${unit}`;
    }).join(""),
  );
}
