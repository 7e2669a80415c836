/** What an opened envelope tells, and the two halves of sealing; each refusal is in test/vectors/envelope.json. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { concatBytes, fromHex, toHex } from "../../protocol/bytes.js";
import { decodeCbor } from "../../protocol/codec.js";
import { Directive } from "../../protocol/directive.js";
import { keyId, looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { openEnvelope, payloadHash, prepareEnvelope, sealEnvelope } from "../../protocol/envelope.js";
import { ProtocolError } from "../../protocol/errors.js";
import { encodeFrame } from "../../protocol/frame.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { field, message, type Message } from "../../protocol/schema.js";
import { MAX_CBOR_BYTES } from "../../protocol/strict.js";
import { bytes } from "../../protocol/types.js";
import { decodeForCddl, validate } from "../cddl/cddl.js";
import { readDaymarkCddl } from "../vectors/generate.js";
import { examples, filled } from "../vectors/examples.js";
import { testSigner } from "../x509/helpers.js";

const SEED = 20190601;
const FLEET = filled("fleet", 16);
const CDDL = readDaymarkCddl();
const directive = examples.directive["usual"]!;

describe.each(["ES256", "Ed25519"] as const)("%s", (algorithm) => {
  const signer = testSigner(algorithm, "hold", nobleCrypto);
  const others = [testSigner("ES256", "a", nobleCrypto), testSigner("Ed25519", "b", nobleCrypto)];
  const keys = [...others.map(({ publicKey }) => publicKey), signer.publicKey];
  const sealed = sealEnvelope(Directive, directive, signer, FLEET, nobleCrypto);

  test("tells the value, the bytes as received, the hash of the payload and who signed", () => {
    const opened = openEnvelope(Directive, sealed, keys, FLEET, nodeCrypto);
    const payload = Directive.encode(directive);
    expect(opened.value).toEqual(directive);
    expect(opened.bytes).toBe(sealed);
    expect(toHex(opened.hash)).toBe(toHex(nodeCrypto.sha256(payload)).slice(0, 16));
    expect(opened.signers).toEqual([signer.publicKey]);
  });

  test("what is signed is the Sig_structure of the CDDL", () => {
    const { toBeSigned } = prepareEnvelope(Directive, directive, signer.publicKey, FLEET, nobleCrypto);
    expect(validate(CDDL, "to-be-signed", decodeForCddl(toBeSigned))).toBeUndefined();
    const [context, header, externalData, payload] = decodeCbor(toBeSigned) as Uint8Array[];
    expect(context).toBe("Signature1");
    expect(toHex(header!)).toBe(toHex(parseEnvelope(sealed).signatures[0].protectedHeader));
    expect(new TextDecoder().decode(externalData!.subarray(0, 9))).toBe("daymark/1");
    expect(toHex(externalData!.subarray(9))).toBe(toHex(FLEET));
    expect(toHex(payload!)).toBe(toHex(Directive.encode(directive)));
  });

  test("a signature that comes later, from a TPM, gives the same envelope", () => {
    const unsigned = prepareEnvelope(Directive, directive, signer.publicKey, FLEET, nobleCrypto);
    expect(toHex(unsigned.finish(signer.sign(unsigned.toBeSigned)))).toBe(toHex(sealed));
  });

  test("every message that is signed makes an envelope of the CDDL, and opens again", () => {
    for (const document of SIGNED_MESSAGES as readonly Message<unknown>[])
      for (const [name, value] of Object.entries(examples[document.name as keyof typeof examples])) {
        const envelope = sealEnvelope(document, value, signer, FLEET, nobleCrypto);
        expect(
          validate(CDDL, "envelope", decodeForCddl(envelope)),
          `${document.name}, ${name}`,
        ).toBeUndefined();
        expect(openEnvelope(document, envelope, keys, FLEET, nodeCrypto).value).toEqual(value);
      }
  });

  test("P1: bytes that were altered are refused with a ProtocolError, whatever it is", () => {
    const property = fc.property(
      fc.nat(sealed.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      (at, change, cut) => {
        const byte = Uint8Array.of(sealed[at]! ^ change);
        const altered = concatBytes(
          sealed.subarray(0, at),
          byte,
          cut ? new Uint8Array() : sealed.subarray(at + 1),
        );
        expect(() => openEnvelope(Directive, altered, keys, FLEET, nodeCrypto)).toThrow(ProtocolError);
      },
    );
    fc.assert(property, { seed: SEED, numRuns: 3_000 });
  });
});

test("no key at all: nobody may sign it", () => {
  const sealed = sealEnvelope(Directive, directive, testSigner("ES256", "hold"), FLEET, nodeCrypto);
  expect(() => openEnvelope(Directive, sealed, [], FLEET, nodeCrypto)).toThrow(
    expect.objectContaining({ code: "wrong-key" }),
  );
});

test("a value that breaks its own bounds is not sealed", () => {
  const signer = testSigner("ES256", "hold");
  const wrong = { ...directive, subject: 0 };
  expect(() => sealEnvelope(Directive, wrong, signer, FLEET, nodeCrypto)).toThrow(
    expect.objectContaining({ code: "out-of-range" }),
  );
});

test("P11: an envelope of more than 65,536 bytes and its tag is neither sealed nor taken apart", () => {
  const Blob = message(98, "blob", { content: field(1, bytes({ max: MAX_CBOR_BYTES }), "anything") });
  const signer = testSigner("Ed25519", "hold", nobleCrypto);
  const seal = (size: number) =>
    sealEnvelope(Blob, { content: new Uint8Array(size) }, signer, FLEET, nobleCrypto);
  const overhead = seal(1000).length - 1000;
  const largest = seal(MAX_CBOR_BYTES + 1 - overhead);
  expect(largest).toHaveLength(MAX_CBOR_BYTES + 1);
  expect(parseEnvelope(largest).type).toBe(98);
  expect(() => seal(MAX_CBOR_BYTES + 2 - overhead)).toThrow(expect.objectContaining({ code: "too-large" }));
  const longer = concatBytes(largest, Uint8Array.of(0));
  expect(() => parseEnvelope(longer)).toThrow(expect.objectContaining({ code: "too-large" }));
});

test("kid is the start of the hash of the key's bytes", () => {
  const { publicKey } = testSigner("ES256", "hold", nobleCrypto);
  expect(toHex(keyId(publicKey, nobleCrypto))).toBe(toHex(nobleCrypto.sha256(publicKey.bytes)).slice(0, 16));
});

test("the hash is over the payload alone: two signatures of one document have one hash", () => {
  const hashes = ["hold", "hold 2"].map((label) => {
    const sealed = sealEnvelope(Directive, directive, testSigner("ES256", label), FLEET, nodeCrypto);
    return toHex(payloadHash(parseEnvelope(sealed), nodeCrypto));
  });
  expect(new Set(hashes).size).toBe(1);
});

test("a frame never looks signed", () => {
  for (const plain of PLAIN_MESSAGES as readonly Message<unknown>[])
    for (const value of Object.values(examples[plain.name as keyof typeof examples]))
      expect(looksSigned(encodeFrame(plain, value))).toBe(false);
  expect(looksSigned(new Uint8Array())).toBe(false);
  expect(looksSigned(fromHex("d2"))).toBe(true);
});

test("the comparison with the CDDL can fail: another payload under a typ does not fit", () => {
  const asRelease = message(4, "release", Directive.fields) as Message<unknown>;
  const sealed = sealEnvelope(asRelease, directive, testSigner("ES256", "release"), FLEET, nodeCrypto);
  expect(validate(CDDL, "envelope", decodeForCddl(sealed))).toMatch(/^envelope: /);
});
