/**
 * Our decoder before a judge that shares no code with it: cborg, as strict as it can be, and on its tokens
 * the rules of the profile as the head of protocol/daymark.cddl states them, written down a second time.
 */
import { decode, type DecodeOptions, encode, rfc8949EncodeOptions, type Token, Tokenizer, Type } from "cborg";
import { equalBytes } from "../../protocol/bytes.js";
import { type CborValue, decodeCbor, encodeCbor } from "../../protocol/codec.js";
import { ProtocolError } from "../../protocol/errors.js";

export interface Verdict {
  /** What our decoder says. */
  readonly accepted: boolean;
  /** Where the two differ, if they do. */
  readonly problem?: string;
}

/** @throws whatever our decoder throws that is not a ProtocolError. */
export function judge(bytes: Uint8Array): Verdict {
  const mine = ours(bytes);
  const allowed = allowedValue(bytes);
  const accepted = mine !== undefined;
  if (!accepted) return allowed === undefined ? { accepted } : { accepted, problem: "refused, but allowed" };
  if (allowed === undefined) return { accepted, problem: "accepted, but forbidden" };
  if (!sameValue(mine, allowed)) return { accepted, problem: "read as another value" };
  return equalBytes(encodeCbor(mine), bytes) ? { accepted } : { accepted, problem: "written as other bytes" };
}

function ours(bytes: Uint8Array): CborValue | undefined {
  try {
    return decodeCbor(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

const PROFILE = { maxBytes: 65_536, maxDepth: 8 } as const;
const STRICTEST: DecodeOptions = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  retainStringBytes: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
};
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** cborg turns 1.0 into 1, drops a byte order mark and mends bad UTF-8: its tokens still show all three. */
class ProfileTokenizer extends Tokenizer {
  override next(): Token {
    const token = super.next();
    if (Type.equals(token.type, Type.float) || Type.equals(token.type, Type.null))
      throw new Error("neither an integer nor a truth value");
    if (token.byteValue) token.value = UTF8.decode(token.byteValue);
    return token;
  }
}

/** The value, or undefined for bytes that the profile forbids. */
function allowedValue(bytes: Uint8Array): unknown {
  if (bytes.length > PROFILE.maxBytes) return undefined;
  try {
    const value: unknown = decode(bytes, { ...STRICTEST, tokenizer: new ProfileTokenizer(bytes, STRICTEST) });
    return inProfile(value, 0) ? value : undefined;
  } catch {
    return undefined;
  }
}

function inProfile(value: unknown, depth: number): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value); // larger ones are bigint
  if (typeof value === "boolean" || typeof value === "string" || value instanceof Uint8Array) return true;
  if (depth === PROFILE.maxDepth) return false;
  if (Array.isArray(value)) return value.every((item) => inProfile(item, depth + 1));
  return value instanceof Map && ascending([...value.keys()]) && allInProfile(value.values(), depth + 1);
}

function allInProfile(values: Iterable<unknown>, depth: number): boolean {
  for (const value of values) if (!inProfile(value, depth)) return false;
  return true;
}

/** Integers, in the bytewise order of what they are encoded as (RFC 8949 §4.2.1). */
function ascending(keys: readonly unknown[]): boolean {
  if (!keys.every(Number.isSafeInteger)) return false;
  const encoded = keys.map((key) => encode(key, rfc8949EncodeOptions));
  return encoded.every((key, i) => i === 0 || Buffer.compare(encoded[i - 1]!, key) < 0);
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equalBytes(a, b);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && sameValue(item, b.get(key)));
  return Object.is(a, b);
}
