/**
 * The declarations and protocol/daymark.cddl say the same, bound by bound: whatever one accepts the other
 * accepts too. Values come from both sides, so that a bound that is changed on either goes red.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encode, rfc8949EncodeOptions } from "cborg";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../protocol/errors.js";
import { TYP_BASE } from "../../protocol/cose.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { field, message, type Message } from "../../protocol/schema.js";
import { array, bytes, text, uint } from "../../protocol/types.js";
import { decodeForCddl, parseCddl, validate } from "../cddl/cddl.js";
import type { Node } from "../cddl/parse.js";
import { type Deviation, deviations, type RawValue, sample } from "../vectors/deviations.js";

const TEXT = readFileSync(join(import.meta.dirname, "../../protocol/daymark.cddl"), "utf8");
const CDDL = parseCddl(TEXT);
const MESSAGES: readonly Message<unknown>[] = [...SIGNED_MESSAGES, ...PLAIN_MESSAGES];

/** Types that CDDL text defines by itself (RFC 8610 appendix D), as far as a message might be called so. */
const PRELUDE =
  /^(any|u?int|nint|[bt]str|bytes|text|tdate|time|number|big\w+|integer|unsigned|uri|float\w*|true|false|bool|nil|null|undefined)$/;

function rule(name: string): Node {
  const node = CDDL.get(name);
  if (!node) throw new RangeError(`protocol/daymark.cddl has no rule ${name}`);
  return node;
}

function members(name: string) {
  const node = rule(name);
  if (node.kind !== "map") throw new RangeError(`${name} is no map`);
  return node.members.flatMap(({ key, min }) =>
    key.kind === "literal" ? [{ key: Number(key.value), optional: min === 0 }] : [],
  );
}

function cbor(value: RawValue): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}

/** What our decoder says: undefined, or its code. */
function refusal(decode: () => unknown): string | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

/** Where decoder, CDDL and expectation are not of one mind. */
function disagreements(message: Message<unknown>, cases: readonly Deviation[]) {
  return cases.flatMap(({ name: what, value, want }) => {
    const payload = cbor(value);
    const schema = validate(CDDL, message.name, decodeForCddl(payload));
    const code = refusal(() => message.decode(payload));
    return code === want && (schema === undefined) === (want === undefined)
      ? []
      : [{ what, want, code, schema }];
  });
}

/** A field's declared type, read as CDDL: labels are in its notation, and name the rules of nested maps. */
function declared(label: string): Node {
  return parseCddl(`${TEXT}\ndeclared-type = ${label}`).get("declared-type")!;
}

describe.each(MESSAGES.map((message) => [message.name, message] as const))("%s", (_name, message) => {
  test("has the keys of its CDDL, and the same of them may be absent", () => {
    const fields = Object.values(message.fields).map(({ key, optional }) => ({ key, optional }));
    expect(fields.toSorted((a, b) => a.key - b.key)).toEqual(members(message.name));
  });

  test("accepts what its CDDL accepts, at each bound that the CDDL states", () => {
    const node = rule(message.name);
    const cases = deviations(CDDL, node, sample(CDDL, node));
    expect(cases.some(({ want }) => want === undefined)).toBe(true);
    expect(disagreements(message, cases)).toEqual([]);
  });

  test("accepts what its CDDL accepts, at each bound that it declares", () => {
    const whole = sample(CDDL, rule(message.name)) as ReadonlyMap<number, RawValue>;
    const cases = Object.values(message.fields).flatMap(({ key, type }) => {
      const node = declared(type.label);
      return deviations(CDDL, node, sample(CDDL, node), String(key)).map((deviation) => ({
        ...deviation,
        value: new Map([...whole, [key, deviation.value]]),
      }));
    });
    expect(disagreements(message, cases)).toEqual([]);
  });
});

describe("the comparison can fail", () => {
  const declaration = (size: number) =>
    message(3, "voucher", { hardwareId: field(1, bytes({ min: 1, max: size }), "") });
  const cases = deviations(CDDL, rule("hardware-id"), new Uint8Array(1)).map((deviation) => ({
    ...deviation,
    value: new Map([[1, deviation.value]]),
  }));
  const found = (size: number) => {
    const cddl = parseCddl("voucher = { 1: bstr .size (1..64) }");
    return cases.filter(
      ({ value }) =>
        (refusal(() => declaration(size).decode(cbor(value))) === undefined) !==
        (validate(cddl, "voucher", value) === undefined),
    );
  };
  test.each([
    [64, 0],
    [63, 1],
    [65, 1],
  ])("a bound of %i against 64 gives %i difference", (size, differences) => {
    expect(found(size)).toHaveLength(differences);
  });
});

test("carriers name each message with its number", () => {
  const sign1 = (typ: number, payload: string) =>
    `#6.18([bstr .cbor { 1: alg, 4: kid, 16: ${typ} }, others, bstr .cbor ${payload}, signature])`;
  const carriers = `${SIGNED_MESSAGES.map(({ type, name }) => sign1(TYP_BASE + type, name)).join(" / ")}`;
  const frames = PLAIN_MESSAGES.map(({ type, name }) => `[${type}, ${name}]`).join(" / ");
  const want = parseCddl(`${TEXT}\nwant-envelope = ${carriers}\nwant-frame = ${frames}`);
  expect(alternatives("envelope")).toEqual(alternatives("want-envelope"));
  expect(alternatives("frame")).toEqual(alternatives("want-frame"));

  /** As a set: the order of alternatives means nothing. Line numbers neither. */
  function alternatives(name: string): ReadonlySet<string> {
    const node = want.get(name);
    const types = node?.kind === "choice" ? node.types : [];
    const flat = (type: Node) =>
      JSON.stringify(type, (key, value: unknown) =>
        key === "line" ? undefined : typeof value === "bigint" ? Number(value) : value,
      );
    return new Set(types.map(flat));
  }
});

test("numbers and names are taken once, and no rule has a name of the CDDL prelude", () => {
  const numbers = MESSAGES.map(({ type }) => type);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(new Set(MESSAGES.map(({ name }) => name)).size).toBe(MESSAGES.length);
  expect([...CDDL.keys()].filter((name) => PRELUDE.test(name))).toEqual([]);
});

test("every field says what it means", () => {
  const silent = MESSAGES.flatMap(({ name, fields }) =>
    Object.entries(fields).flatMap(([key, { doc }]) => (doc === "" ? [`${name}.${key}`] : [])),
  );
  expect(silent).toEqual([]);
});

describe("a value that breaks its own bounds is never encoded", () => {
  const Note = message(99, "note", {
    id: field(1, uint(9), ""),
    mark: field(2, bytes(2), ""),
    words: field(3, array(text(3), { min: 1, max: 2 }), ""),
  });
  const good = { id: 1, mark: new Uint8Array(2), words: ["a"] };
  test.each([
    ["a number above", { id: 10 }, "out-of-range"],
    ["a fraction", { id: 1.5 }, "out-of-range"],
    ["not a number", { id: Number.NaN }, "out-of-range"],
    ["too few bytes", { mark: new Uint8Array(1) }, "out-of-range"],
    ["too many bytes in an item", { words: ["éé"] }, "out-of-range"],
    ["too few items", { words: [] }, "out-of-range"],
    ["half a surrogate pair", { words: ["\ud800"] }, "malformed"],
  ])("%s", (_name, change, code) => {
    expect(refusal(() => Note.encode(good))).toBeUndefined();
    expect(refusal(() => Note.encode({ ...good, ...change }))).toBe(code);
  });
});
