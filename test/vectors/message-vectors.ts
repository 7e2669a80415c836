/** One file of vectors for each message: the examples, and what differs from the fullest in one place. */
import { encode, rfc8949EncodeOptions } from "cborg";
import { fromHex, toHex } from "../../protocol/bytes.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import type { ProtocolErrorCode } from "../../protocol/errors.js";
import type { Message } from "../../protocol/schema.js";
import { type Cddl, decodeForCddl } from "../cddl/cddl.js";
import { type Deviation, deviations } from "./deviations.js";
import { diag } from "./diag.js";
import { examples } from "./examples.js";
import { type Json, toJson, type Vector } from "./json.js";

export const MESSAGES: readonly Message<unknown>[] = [...SIGNED_MESSAGES, ...PLAIN_MESSAGES];

export function messageVectors(cddl: Cddl, message: Message<unknown>): readonly Vector[] {
  const named: readonly (readonly [string, unknown])[] = Object.entries(
    examples[message.name as keyof typeof examples],
  );
  const good = named.map(([name, value]) => vector(name, message.encode(value), toJson(value)));
  const [basis, value] =
    ["full", "usual"].flatMap((word) => named.filter(([name]) => name === word))[0] ?? named[0]!;
  const rule = cddl.get(message.name);
  if (!rule) throw new RangeError(`protocol/daymark.cddl has no rule ${message.name}`);
  const different = deviations(cddl, rule, decodeForCddl(message.encode(value)))
    .filter(shown)
    .filter(({ name }) => LONG_ONES.has(message.name) || !isLong(name));
  const rest = different.flatMap(({ name, value: changed, want }): readonly Vector[] => {
    const bytes = encode(changed, rfc8949EncodeOptions);
    const title = `${basis}, but ${name}`;
    if (want) return [vector(title, bytes, { error: want })];
    return / ?extension /.test(name) ? [{ ...vector(title, bytes, toJson(value)), oneWay: true }] : [];
  });
  const keys = message.name === "birth-request" ? badKeys(message.encode(value)) : [];
  const predicates = message.name === "advisory-list" ? badPredicates() : [];
  return [...good, ...rest, ...keys, ...predicates];
}

/** Points that CDDL takes and no reader may (SEC 1 §3.2.2, RFC 8032 §5.1.3); one message stands for all. */
function badKeys(payload: Uint8Array): readonly Vector[] {
  const zeros = "00".repeat(31);
  const bad: readonly (readonly [name: string, alg: number, point: string])[] = [
    ["a P-256 point off its curve", -7, `04${zeros}01${zeros}01`],
    ["a P-256 point that is zero", -7, `04${zeros}00${zeros}00`],
    ["a P-256 point with a hybrid prefix", -7, `06${P256_GENERATOR}`],
    ["a P-256 coordinate above the prime", -7, `04${"ff".repeat(64)}`],
    ["an Ed25519 point of order 1", -8, `01${zeros}`],
    ["an Ed25519 point of order 2", -8, `ec${"ff".repeat(30)}7f`],
    ["an Ed25519 point of order 4", -8, `00${zeros}`],
    ["an Ed25519 point off its curve", -8, `02${zeros}`],
    ["an Ed25519 point that is not canonical", -8, `ee${"ff".repeat(30)}7f`],
  ];
  const request = decodeForCddl(payload) as ReadonlyMap<number, unknown>;
  return bad.map(([name, alg, point]) => {
    const key = new Map<number, unknown>([
      [1, alg],
      [2, fromHex(point)],
    ]);
    const bytes = encode(new Map([...request, [4, key]]), rfc8949EncodeOptions);
    return vector(`public key: ${name}`, bytes, { error: "out-of-range" });
  });
}

/** An advisory list with this in the place of a predicate. */
function badPredicates(): readonly Vector[] {
  const range = [2, 1, 5, 9];
  const deep = [5, [5, [5, [5, [0]]]]];
  const wide = [3, ...Array.from({ length: 8 }, () => [4, range, range, range, range])];
  const bad: readonly (readonly [name: string, predicate: unknown, error: ProtocolErrorCode])[] = [
    ["nothing", [], "out-of-range"],
    ["an operation that there is not", [6], "out-of-range"],
    ["everything, and more", [0, 0], "out-of-range"],
    ["a set without values", [1, 4], "out-of-range"],
    ["a set of 17 values", [1, 1, ...Array.from({ length: 17 }, (_, i) => i + 1)], "out-of-range"],
    ["a fact that there is not", [1, 8, 1], "out-of-range"],
    ["a model that is a number", [1, 4, 7], "malformed"],
    ["a range of models", [2, 4, 1, 2], "out-of-range"],
    ["a range without end", [2, 1, 5], "out-of-range"],
    ["number 0", [2, 1, 0, 9], "out-of-range"],
    ["and, of one", [3, range], "out-of-range"],
    ["or, of nine", [4, ...Array.from({ length: 9 }, () => range)], "out-of-range"],
    ["not, of two", [5, range, range], "out-of-range"],
    ["beyond CDDL: a range that ends before it begins", [2, 1, 9, 5], "out-of-range"],
    ["beyond CDDL: a set out of order", [1, 1, 9, 5], "malformed"],
    ["beyond CDDL: a value twice", [1, 1, 5, 5], "malformed"],
    ["beyond CDDL: longer text first", [1, 4, "aa", "b"], "malformed"],
    ["beyond CDDL: 5 deep", deep, "too-large"],
    ["beyond CDDL: 41 nodes", wide, "too-large"],
  ];
  return bad.map(([name, predicate, error]) => {
    const entry = new Map<number, unknown>([
      [1, 1],
      [2, predicate],
      [3, 3],
      [4, ""],
    ]);
    const list = new Map<number, unknown>([
      [1, [1, 1]],
      [2, [entry]],
      [3, 0],
    ]);
    return vector(`predicate: ${name}`, encode(list, rfc8949EncodeOptions), { error });
  });
}

/** x and y of G (SEC 2 §2.4.2). */
const P256_GENERATOR =
  "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
  "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

/** Byte strings of many kilobytes are shown where they are the point; schema.test.ts tries the rest. */
const LONG_ONES: ReadonlySet<string> = new Set(["birth-grant", "ledger-part"]);
const LONG_BYTES = 4_096;

function isLong(name: string): boolean {
  return Number(/: (\d+) bytes$/.exec(name)?.[1] ?? 0) > LONG_BYTES;
}

/** Of many wrong types and unknown keys, one of each kind stands for all; schema.test.ts tries the rest. */
function shown({ name }: Deviation): boolean {
  const wrongType = /\bis (an? |true)/.test(name);
  if (wrongType) return name.endsWith("is true");
  const unknownKey = /\bkey (-?\d+) too$/.exec(name);
  return unknownKey ? ["-1", "63"].includes(unknownKey[1]!) : true;
}

function vector(name: string, bytes: Uint8Array, want: Json): Vector {
  return { name, hex: toHex(bytes), diag: diag(bytes), want };
}
