/** What a person is shown of a document: all of it, by name, and nothing that is not there. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { joinBundle } from "../../protocol/bundle.js";
import { concatBytes, fromHex, toHex } from "../../protocol/bytes.js";
import { EnrollRequest } from "../../protocol/certify.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { Directive } from "../../protocol/directive.js";
import { addSignature, sealEnvelope } from "../../protocol/envelope.js";
import { ProtocolError } from "../../protocol/errors.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import { type Description, inspect, inspectItem, MAX_SHOWN_NESTING } from "../../protocol/inspect.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { notationOf } from "../../protocol/notation.js";
import { orRefusal } from "../../protocol/refusal.js";
import { field, map, type Message, message, optional } from "../../protocol/schema.js";
import { array, bytes, uint } from "../../protocol/types.js";
import { examples, filled } from "../vectors/examples.js";
import { type EnvelopeVector, type FrameVector, isError } from "../vectors/json.js";
import { readVectors } from "../vectors/read.js";
import { testSigner } from "../x509/helpers.js";
import { readNotation } from "./read-notation.js";

const SEED = 8949;
const FLEET = filled("fleet", 16);
const KEY = testSigner("ES256", "vectors hold", nobleCrypto);
const OTHER = testSigner("Ed25519", "inspect other", nobleCrypto);
const seal = <T>(signed: Message<T>, value: T) => sealEnvelope(signed, value, KEY, FLEET, nobleCrypto);
const VALUE: Directive = {
  subject: 4711,
  version: [1, 7],
  level: "isolate",
  reason: "reported stolen – dépôt 3",
  lowestGeneration: 1,
  issuedAt: 1_780_000_000,
};
const directive = seal(Directive, VALUE);

const SIGNED: readonly Message<unknown>[] = SIGNED_MESSAGES;
const PLAIN: readonly Message<unknown>[] = PLAIN_MESSAGES;
const examplesOf = ({ name }: Message<unknown>) =>
  Object.entries(examples[name as keyof typeof examples]) as [string, unknown][];
const rows = (messages: readonly Message<unknown>[]) =>
  messages.flatMap((one) => examplesOf(one).map(([title, value]) => [one.name, title, one, value] as const));

const notation = (document: Uint8Array) => inspectItem(document).notation.join("\n");

/** In hex, what the notation stands for; undefined when the document is not taken apart. */
const shownAs = ({ kind, notation: shown }: Description) =>
  kind === "unreadable" ? undefined : toHex(readNotation(shown.join("\n")));

function refusal(read: () => unknown): string | undefined {
  const result = orRefusal(read);
  return result instanceof ProtocolError ? result.code : undefined;
}

/** Every name in a value, also inside its arrays and objects; but a predicate has none on the wire. */
function namesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [];
  if ("op" in value) return [];
  const own = Array.isArray(value) ? [] : Object.keys(value);
  return [...own, ...Object.values(value).flatMap(namesIn)];
}

describe.each([
  ["envelope", rows(SIGNED), seal],
  ["frame", rows(PLAIN), encodeFrame],
] as const)("%s", (kind, all, write) => {
  test.each(all)("%s, %s: all of it is shown", (name, _title, one, value) => {
    const document = write(one, value);
    const described = inspectItem(document);
    expect(described).toMatchObject({ kind, message: name, type: one.type, sizeBytes: document.length });
    expect(described.error).toBeUndefined();
    expect(toHex(readNotation(described.notation.join("\n")))).toBe(toHex(document));
  });

  test.each(all)("%s, %s: every field by its name", (_name, _title, one, value) => {
    const shown = notation(write(one, value));
    for (const key of namesIn(one.decode(one.encode(value)))) expect(shown).toContain(`/ ${key} / `);
  });
});

test("a directive, line by line", () => {
  expect(inspectItem(directive).signatures).toEqual([{ algorithm: "ES256", kid: "d00b0e7a9f31d4ed" }]);
  const [signature] = parseEnvelope(directive).signatures;
  expect(notation(directive)).toBe(`18([
  / protected / << { / alg / 1: -7 / ES256 /, / kid / 4: h'd00b0e7a9f31d4ed', / typ / 16: 65003 / directive / } >>,
  / unprotected / {},
  / directive / << {
    / subject / 1: 4711,
    / version / 2: [1, 7],
    / level / 3: 3 / isolate /,
    / reason / 4: "reported stolen – dépôt 3",
    / lowestGeneration / 5: 1,
    / issuedAt / 6: 1780000000
  } >>,
  / signature / h'${toHex(signature.signature)}' / 64 bytes /
])`);
});

test("names inside a field go with their keys, in whatever order they are declared", () => {
  const inner = map(
    { late: field(2, uint(), ""), early: optional(1, uint(), ""), when: field(70, uint(), "") },
    "inner",
  );
  const outer = { list: field(3, array(inner, { max: 4 }), "") };
  const item = (...entries: [number, number][]) => new Map(entries);
  const items = [item([1, 10], [2, 20], [70, 30], [71, 40]), item([2, 21], [70, 31])];
  expect(notationOf(new Map([[3, items]]), outer, () => undefined)).toEqual([
    "{",
    "  / list / 3: [",
    "    { / early / 1: 10, / late / 2: 20, / when / 70: 30, / extension / 71: 40 },",
    "    { / late / 2: 21, / when / 70: 31 }",
    "  ]",
    "}",
  ]);
});

test("several signatures are all shown", () => {
  const document = addSignature(directive, OTHER, FLEET, nobleCrypto);
  expect(inspectItem(document).signatures.map(({ algorithm }) => algorithm)).toEqual(["ES256", "Ed25519"]);
  expect(notation(document)).toContain("/ alg / 1: -8 / Ed25519 /");
  expect(toHex(readNotation(notation(document)))).toBe(toHex(document));
});

test("envelopes inside are shown, down to a bound; all bytes are there", () => {
  const [, request] = examplesOf(EnrollRequest)[0] as [string, EnrollRequest];
  const wrap = (voucher: Uint8Array) => seal(EnrollRequest, { ...request, voucher });
  let document = directive;
  for (let depth = 1; depth <= MAX_SHOWN_NESTING + 1; depth++) {
    document = wrap(document);
    const shown = notation(document);
    expect(shown.includes("/ reason / 4:")).toBe(depth <= MAX_SHOWN_NESTING);
    expect(shown.split("18([").length - 1).toBe(Math.min(depth, MAX_SHOWN_NESTING) + 1);
    expect(toHex(readNotation(shown))).toBe(toHex(document));
  }
});

test("text is shown without steering a terminal, and without loss", () => {
  const reason = 'a "/" b\u001b[2J\u009b2J\u202e\u{e0001}\u2028\n';
  const document = seal(Directive, { ...VALUE, reason });
  expect(notation(document)).not.toMatch(/[^\n\P{Cc}]|\p{Cf}|\p{Zl}/u);
  expect(toHex(readNotation(notation(document)))).toBe(toHex(document));
});

describe("what a reader refuses", () => {
  const SIGNATURES: readonly unknown[] = ["wrong-key", "bad-signature"];
  const vectors = readVectors<EnvelopeVector>("envelope.json");
  test.each(vectors.map((vector) => [vector.name, vector] as const))("envelope.json, %s", (_name, vector) => {
    const { hex, want, message: as } = vector;
    const described = inspectItem(fromHex(hex));
    const foreseen = isError(want) ? want.error : undefined;
    // What it was to be opened as, and by whom, nobody asks here.
    const aboutOpening = SIGNATURES.includes(foreseen) || (described.message ?? as) !== as;
    expect(aboutOpening || described.error?.code === foreseen).toBe(true);
    expect(shownAs(described) ?? hex).toBe(hex);
  });

  const frames = readVectors<FrameVector>("frame.json");
  test.each(frames.map((vector) => [vector.name, vector] as const))("frame.json, %s", (_name, { hex }) => {
    const { type, error } = inspectItem(fromHex(hex));
    const known = PLAIN.find((one) => one.type === type);
    const code = known ? refusal(() => decodeFrame(known, fromHex(hex))) : "unknown-type";
    expect(error?.code).toBe(type === undefined ? "malformed" : code);
  });

  test("a payload that cannot be read is shown as far as it goes", () => {
    const later = message(Directive.type, "directive", { ...Directive.fields, more: field(12, uint(), "") });
    const newer = inspectItem(seal(later, { ...VALUE, more: 5 } as { more: number }));
    expect(newer).toMatchObject({ message: "directive", error: { code: "unknown-key" } });
    expect(newer.notation).toContain("    12: 5");
    expect(newer.notation).toContain("    / level / 3: 3 / isolate /,");
    const foreign = inspectItem(
      seal(message(499, "foreign", { more: field(1, bytes(1), "") }), { more: Uint8Array.of(7) }),
    );
    expect(foreign).toMatchObject({ kind: "envelope", type: 499, error: { code: "unknown-type" } });
    expect(foreign.notation).toContain("  / payload / << { 1: h'07' } >>,");
  });

  test("what is no document is shown as it is", () => {
    const [map] = inspect(fromHex("a10102"));
    expect(map).toMatchObject({ kind: "unreadable", error: { code: "malformed" }, notation: ["{1: 2}"] });
    expect(inspect(fromHex("d28443"))[0]?.notation).toEqual(["/ not well-formed: truncated at byte 3 /"]);
  });

  test("any change of any byte: shown or refused, never thrown", () => {
    const all = [
      ...rows(SIGNED).map(([, , one, value]) => seal(one, value)),
      ...frames.map(({ hex }) => fromHex(hex)),
    ];
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.constantFrom(...all), changes, (document, altered) => {
        const changed = Uint8Array.from(document);
        for (const [at, byte] of altered) changed[at % changed.length] = byte;
        const described = inspectItem(changed);
        expect(shownAs(described) ?? toHex(changed)).toBe(toHex(changed));
        expect(described.kind !== "unreadable" || described.error !== undefined).toBe(true);
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });
});

test("a bundle is shown item by item; one that is broken, as one", () => {
  const frame = fromHex(readVectors<FrameVector>("frame.json").find(({ want }) => !isError(want))!.hex);
  const bundle = joinBundle([directive, frame, directive]);
  expect(inspect(bundle).map(({ kind }) => kind)).toEqual(["envelope", "frame", "envelope"]);
  const sequence = inspect(bundle).map((one) => one.notation.join("\n"));
  expect(toHex(readNotation(sequence.join(",\n")))).toBe(toHex(bundle));
  const broken = inspect(concatBytes(bundle, fromHex("00")));
  expect(broken).toMatchObject([
    { kind: "unreadable", error: { reason: expect.stringContaining("item 4") } },
  ]);
});
