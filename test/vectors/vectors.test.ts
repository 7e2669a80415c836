/** Every committed vector, through our code; good ones both ways, and all of them against the CDDL. */
import { describe, expect, test } from "vitest";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Trust } from "../../protocol/authority.js";
import { openFirstAuthority, openNextAuthority } from "../../protocol/authority-chain.js";
import { splitBundle } from "../../protocol/bundle.js";
import { fromHex, toHex } from "../../protocol/bytes.js";
import { decodeCbor, encodeCbor } from "../../protocol/codec.js";
import type { Crypto } from "../../protocol/crypto.js";
import { openEnvelope, sealEnvelope } from "../../protocol/envelope.js";
import { ProtocolError } from "../../protocol/errors.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import type { Message } from "../../protocol/schema.js";
import { decodeForCddl, validate } from "../cddl/cddl.js";
import { readDaymarkCddl, vectorFiles } from "./generate.js";
import {
  cborFromJson,
  cborToJson,
  type EnvelopeVector,
  type FrameVector,
  fromJson,
  isError,
  toJson,
  type Vector,
} from "./json.js";
import { MESSAGES } from "./message-vectors.js";
import { readVectors, VECTOR_FILES, vectorText } from "./read.js";

const CDDL = readDaymarkCddl();

/** What our code says: the value, or its code. */
function outcome(run: () => unknown, json: (value: never) => unknown = toJson): unknown {
  try {
    return json(run() as never);
  } catch (error) {
    if (error instanceof ProtocolError) return { error: error.code };
    throw error;
  }
}

function messageOf(name: string): Message<unknown> {
  const found = MESSAGES.find((message) => message.name === name);
  if (!found) throw new RangeError(`there is no message ${name}`);
  return found;
}

/** True when the CDDL accepts the bytes as `rule`. */
function fitsCddl(rule: string, bytes: Uint8Array): boolean {
  let value: unknown;
  try {
    value = decodeForCddl(bytes);
  } catch {
    return false;
  }
  return validate(CDDL, rule, value) === undefined;
}

/** Rows for `test.each`, which puts the name into the title. */
const rows = <T extends { readonly name: string }>(all: readonly T[]) =>
  all.map((one) => [one.name, one] as const);
const bothWays = ({ want, oneWay }: Vector) => !isError(want) && !oneWay;

test("the generator writes what is committed, byte for byte", () => {
  const files = vectorFiles();
  expect(VECTOR_FILES.toSorted()).toEqual([...files.keys()].toSorted());
  for (const [name, text] of files) expect(vectorText(name) === text, `${name}: npm run vectors`).toBe(true);
});

test.each(VECTOR_FILES)("%s has names of their own, and more bad vectors than good ones", (name) => {
  const vectors = readVectors(name);
  const bad = vectors.filter(({ want }) => isError(want)).length;
  expect(bad).toBeGreaterThan(vectors.length - bad);
  expect(new Set(vectors.map((vector) => vector.name)).size).toBe(vectors.length);
});

describe("strict.json", () => {
  test.each(rows(readVectors("strict.json")))("%s", (_name, { hex, want }) => {
    expect(outcome(() => decodeCbor(fromHex(hex)), cborToJson)).toEqual(want);
  });
  test("good ones encode to the same bytes", () => {
    for (const { name, hex, want } of readVectors("strict.json").filter(bothWays))
      expect(toHex(encodeCbor(cborFromJson(want))), name).toBe(hex);
  });
});

describe.each(rows(MESSAGES))("vectors of %s:", (_name, message) => {
  const vectors = readVectors(`${message.name}.json`);
  test("decodes to the value or the code that stands there", () => {
    for (const { name, hex, want } of vectors)
      expect(
        outcome(() => message.decode(fromHex(hex))),
        name,
      ).toEqual(want);
  });
  test("encodes to the same bytes", () => {
    for (const { name, hex, want } of vectors.filter(bothWays))
      expect(toHex(message.encode(fromJson(want as never))), name).toBe(hex);
  });
  test("is good where protocol/daymark.cddl says so", () => {
    const points = (name: string) => /^public key: |beyond CDDL: /.test(name); // it knows no curves, no order
    for (const { name, hex, want } of vectors)
      expect(fitsCddl(message.name, fromHex(hex)), name).toBe(!isError(want) || points(name));
  });
});

describe("frame.json", () => {
  const vectors = readVectors<FrameVector>("frame.json");
  test.each(rows(vectors))("%s", (_title, { hex, message, want }) => {
    expect(outcome(() => decodeFrame(messageOf(message), fromHex(hex)))).toEqual(want);
  });
  test("good ones encode to the same bytes, and fit protocol/daymark.cddl", () => {
    for (const { name, hex, message, want } of vectors.filter(bothWays)) {
      expect(toHex(encodeFrame(messageOf(message), fromJson(want as never))), name).toBe(hex);
      expect(fitsCddl("frame", fromHex(hex)), name).toBe(true);
    }
  });
  test("no bad one fits, unless it is another message's frame", () => {
    const fitting = vectors.filter(({ hex, want }) => isError(want) && fitsCddl("frame", fromHex(hex)));
    expect(fitting.map(({ want }) => want)).toEqual(fitting.map(() => ({ error: "unknown-type" })));
  });
});

describe.each([
  ["node", nodeCrypto],
  ["noble", nobleCrypto],
] as const)("envelope.json and quorum.json with %s", (_name, crypto: Crypto) => {
  const vectors = ["envelope.json", "quorum.json"].flatMap((file) => readVectors<EnvelopeVector>(file));
  const keysOf = ({ keys }: EnvelopeVector) =>
    keys.map(({ algorithm, publicKey }) => ({ algorithm, bytes: fromHex(publicKey.hex) }));

  test.each(rows(vectors))("%s", (_title, vector) => {
    const { hex, message, fleetId, want, threshold = 1 } = vector;
    const by = { keys: keysOf(vector), threshold };
    const opened = () =>
      openEnvelope(messageOf(message), fromHex(hex), by, fromHex(fleetId.hex), crypto).value;
    expect(outcome(opened)).toEqual(want);
  });
});

test.each(rows(readVectors("authority-chain.json")))("authority-chain.json: %s", (_title, { hex, want }) => {
  const newest = () => {
    const [first, ...links] = splitBundle(fromHex(hex)) as [Uint8Array, ...Uint8Array[]];
    const open = (trust: Trust, link: Uint8Array) => openNextAuthority(link, trust, nodeCrypto);
    return { version: links.reduce(open, openFirstAuthority(first, nodeCrypto)).authority.value.version };
  };
  expect(outcome(newest)).toEqual(want);
});

describe("envelope.json, sealed again", () => {
  const vectors = readVectors<EnvelopeVector>("envelope.json");
  test.each(rows(vectors.filter(({ signer }) => signer)))(
    "%s",
    (_title, { hex, message, fleetId, want, signer }) => {
      const key = { algorithm: signer!.algorithm, secret: fromHex(signer!.secret.hex) };
      const holder = {
        publicKey: nobleCrypto.publicKey(key),
        sign: (bytes: Uint8Array) => nobleCrypto.sign(key, bytes),
      };
      const fleet = fromHex(fleetId.hex);
      const sealed = sealEnvelope(messageOf(message), fromJson(want as never), holder, fleet, nobleCrypto);
      expect(toHex(sealed)).toBe(hex);
    },
  );
  test("those that only key or signature speak against fit protocol/daymark.cddl, and no other bad one", () => {
    for (const { name, hex, want } of vectors.filter(({ message }) => message === "directive"))
      expect(fitsCddl("envelope", fromHex(hex)), name).toBe(
        !isError(want) || ["wrong-key", "bad-signature"].includes(want.error),
      );
  });
  test("what fits of several signatures is refused for its keys, its number of them, or one that stands twice", () => {
    for (const { name, hex, want } of readVectors<EnvelopeVector>("quorum.json")) {
      const beyond = ["wrong-key", "bad-signature", "quorum-missing"];
      const fits =
        !isError(want) || beyond.includes(want.error) || /twice|one's header|another type/.test(name);
      expect(fitsCddl("envelope", fromHex(hex)), name).toBe(fits);
    }
  });
});
