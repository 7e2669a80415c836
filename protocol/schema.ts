/**
 * Declare a message once: key, bound, codec, TypeScript type and meaning stand in one line, and
 * encoding, strict decoding and the tables of docs/protocol.md come from it.
 */
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "./codec.js";
import { ProtocolError } from "./errors.js";

/** How one value stands in CBOR. `label` is its type in CDDL notation, for tables and error texts. */
export interface Type<T> {
  readonly label: string;
  toCbor(value: T): CborValue;
  /** @throws ProtocolError "malformed" (another CBOR type) or "out-of-range". `path` names the field. */
  fromCbor(value: CborValue, path: string): T;
}

export interface Field<T, Optional extends boolean> {
  readonly key: number;
  readonly type: Type<T>;
  readonly doc: string;
  readonly optional: Optional;
}
export type Fields = Readonly<Record<string, Field<unknown, boolean>>>;

type FieldValue<F> = F extends Field<infer T, boolean> ? T : never;
export type ValueOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Field<unknown, true> ? never : K]: FieldValue<F[K]>;
} & {
  readonly [K in keyof F as F[K] extends Field<unknown, true> ? K : never]?: FieldValue<F[K]> | undefined;
};

/** A message type. Numbers are never reused; `65000 + type` is its COSE `typ` when signed. */
export interface Message<T, Name extends string = string> {
  readonly type: number;
  readonly name: Name;
  readonly fields: Fields;
  encode(value: T): Uint8Array;
  /** @throws ProtocolError "malformed", "too-large", "unknown-key" or "out-of-range" */
  decode(bytes: Uint8Array): T;
}
export type TypeOf<M> = M extends Message<infer T> ? T : never;

export function message<const Name extends string, F extends Fields>(
  type: number,
  name: Name,
  fields: F,
): Message<ValueOf<F>, Name> {
  const payload = map(fields, name);
  return {
    type,
    name,
    fields,
    encode: (value) => encodeCbor(payload.toCbor(value)),
    decode: (bytes) => payload.fromCbor(decodeCbor(bytes), name),
  };
}

export function field<T>(key: number, type: Type<T>, doc: string): Field<T, false> {
  return { key, type, doc, optional: false };
}

/** A field that may be absent. */
export function optional<T>(key: number, type: Type<T>, doc: string): Field<T, true> {
  return { key, type, doc, optional: true };
}

/** Keys from here on are extensions: a reader that does not know them skips them (DESIGN: documents). */
export const FIRST_EXTENSION_KEY = 64;

/** A map with integer keys. Unknown keys below 64 are refused; from 64 on they are skipped. */
export function map<F extends Fields>(fields: F, label: string): Type<ValueOf<F>> {
  const names = Object.entries(fields).map(([name, entry]) => ({ name, ...entry }));
  const known = new Set(names.map(({ key }) => key));
  return {
    label,
    toCbor(value) {
      const out = new Map<number, CborValue>();
      for (const { name, key, type, optional } of names) {
        const item = (value as Record<string, unknown>)[name];
        if (item === undefined && optional) continue;
        const encoded = type.toCbor(item);
        type.fromCbor(encoded, `${label}.${name}`); // never send what we would refuse
        out.set(key, encoded);
      }
      return out;
    },
    fromCbor(value, path) {
      const entries = expectMap(value, path);
      for (const key of entries.keys()) {
        if (!known.has(key) && key < FIRST_EXTENSION_KEY) {
          throw new ProtocolError("unknown-key", `${path}: key ${key} is not known to this version`);
        }
      }
      const out: Record<string, unknown> = {};
      for (const { name, key, type, optional } of names) {
        const item = entries.get(key);
        if (item !== undefined) out[name] = type.fromCbor(item, `${path}.${name}`);
        else if (!optional) throw new ProtocolError("malformed", `${path}: ${name} (key ${key}) is missing`);
      }
      return out as ValueOf<F>;
    },
  };
}

function expectMap(value: CborValue, path: string): CborMap {
  if (value instanceof Map) return value as CborMap;
  throw new ProtocolError("malformed", `${path} is not a map`);
}
