/** How a vector stands in JSON: see test/vectors/README.md. */
import { fromHex, toHex } from "../../protocol/bytes.js";
import type { CborValue } from "../../protocol/codec.js";
import type { Algorithm } from "../../protocol/crypto.js";
import type { ProtocolErrorCode } from "../../protocol/errors.js";

export type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

export interface Vector {
  /** Unique in its file. */
  readonly name: string;
  readonly hex: string;
  /** The same bytes in diagnostic notation. */
  readonly diag: string;
  /** The decoded value, or what a reader says. */
  readonly want: Json | { readonly error: ProtocolErrorCode };
  /** Decodes to `want`, which encodes to other bytes: there are extensions in it. */
  readonly oneWay?: true;
}

/** Read as this message, though the frame may hold another. */
export interface FrameVector extends Vector {
  readonly message: string;
}

export interface EnvelopeVector extends Vector {
  /** Opened as this message. */
  readonly message: string;
  readonly fleetId: { readonly hex: string };
  /** How many of the keys must have signed; absent: one. */
  readonly threshold?: number;
  /** The keys that may sign it. */
  readonly keys: readonly { readonly algorithm: Algorithm; readonly publicKey: { readonly hex: string } }[];
  /** In good ones: the private half of the key that signed, made for these vectors. */
  readonly signer?: { readonly algorithm: Algorithm; readonly secret: { readonly hex: string } };
}

export function isError(want: Vector["want"]): want is { readonly error: ProtocolErrorCode } {
  return typeof want === "object" && "error" in want;
}

/** A message's value: byte strings become `{ "hex": … }`. Fields that are undefined are left out. */
export function toJson(value: unknown): Json {
  if (value instanceof Uint8Array) return { hex: toHex(value) };
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(entries.map(([name, item]) => [name, toJson(item)]));
  }
  return value as Json;
}

export function fromJson(json: Json): unknown {
  if (typeof json !== "object") return json;
  if (isArray(json)) return json.map(fromJson);
  if (typeof json["hex"] === "string") return fromHex(json["hex"]);
  return Object.fromEntries(Object.entries(json).map(([name, item]) => [name, fromJson(item)]));
}

/** A bare CBOR value: maps become `{ "map": [[key, value], …] }`. */
export function cborToJson(value: CborValue): Json {
  if (value instanceof Map) return { map: [...value].map(([key, item]) => [key, cborToJson(item)]) };
  if (Array.isArray(value)) return value.map(cborToJson);
  return toJson(value);
}

export function cborFromJson(json: Json): CborValue {
  if (isArray(json)) return json.map(cborFromJson);
  if (typeof json === "object" && "map" in json) {
    return new Map((json["map"] as [number, Json][]).map(([key, item]) => [key, cborFromJson(item)]));
  }
  return fromJson(json) as CborValue;
}

/** One member to a line, so that a change shows as the member it is. */
export function vectorFile(vectors: readonly Vector[]): string {
  const lines = vectors.map((vector) =>
    Object.entries(vector)
      .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      .join(",\n"),
  );
  return `[\n${lines.map((members) => `  {\n${members}\n  }`).join(",\n")}\n]\n`;
}

function isArray(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}
