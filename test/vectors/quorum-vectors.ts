/** Envelopes that several keys sign, good and bad: a release whose role asks for two of three. */
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { toHex, utf8, concatBytes } from "../../protocol/bytes.js";
import type { PrivateKey } from "../../protocol/crypto.js";
import type { ProtocolErrorCode } from "../../protocol/errors.js";
import { Release } from "../../protocol/release.js";
import { testKey } from "../x509/helpers.js";
import { diag } from "./diag.js";
import { examples, filled } from "./examples.js";
import { cbor, kidOf, tagged } from "./forge.js";
import { type EnvelopeVector, toJson } from "./json.js";

const FLEET = filled("fleet", 16);
const VALUE = examples.release["full"]!;
const PAYLOAD = Release.encode(VALUE);
const TYP = 65_004;
const CO_SIGNATURES = -65_537;
const [keyA, keyB, keyC, stranger] = (["ES256", "Ed25519", "ES256", "ES256"] as const).map((algorithm, i) =>
  testKey(algorithm, `vectors release ${i}`, nobleCrypto),
) as [PrivateKey, PrivateKey, PrivateKey, PrivateKey];

/** Protected header and signature of one who signs, as a COSE_Sign1 of its own would hold them (RFC 9052 §4.4). */
function signature(key: PrivateKey, { typ = TYP, payload = PAYLOAD, fleet = FLEET } = {}) {
  const alg = key.algorithm === "ES256" ? -7 : -8;
  const header = cbor(
    new Map<number, unknown>([
      [1, alg],
      [4, kidOf(key)],
      [16, typ],
    ]),
  );
  const signed = cbor(["Signature1", header, concatBytes(utf8("daymark/1"), fleet), payload]);
  return [header, nobleCrypto.sign(key, signed)] as const;
}

/** @param others - what stands in the unprotected header; undefined: nothing. */
function envelope(first: PrivateKey, others?: unknown): Uint8Array {
  const [header, signed] = signature(first);
  const unprotected = new Map(others === undefined ? [] : [[CO_SIGNATURES, others]]);
  return tagged([header, unprotected, PAYLOAD, signed]);
}

export function quorumVectors(): readonly EnvelopeVector[] {
  return [
    ...good().map(([name, bytes, threshold]) => vector(name, bytes, toJson(VALUE), threshold)),
    ...bad().map(([name, bytes, error, threshold]) => vector(name, bytes, { error }, threshold)),
  ];
}

function good(): readonly (readonly [string, Uint8Array, number?])[] {
  return [
    ["two of three", envelope(keyA, [signature(keyB)])],
    ["the same two, the other first", envelope(keyB, [signature(keyA)])],
    ["all three, though two are enough", envelope(keyC, [signature(keyA), signature(keyB)])],
    ["three of three", envelope(keyA, [signature(keyB), signature(keyC)]), 3],
    ["one of three", envelope(keyC), 1],
  ];
}

type Bad = readonly [name: string, bytes: Uint8Array, error: ProtocolErrorCode, threshold?: number];

function bad(): readonly Bad[] {
  const [header, signed] = signature(keyB);
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => signature(testKey("Ed25519", `crowd ${i}`, nobleCrypto)));
  const unprotected = (map: Map<unknown, unknown>) => {
    const [own, by] = signature(keyA);
    return tagged([own, map, PAYLOAD, by]);
  };
  return [
    ["one where two are needed", envelope(keyA), "quorum-missing"],
    ["two where three are needed", envelope(keyA, [signature(keyB)]), "quorum-missing", 3],
    ["the same key twice", envelope(keyA, [signature(keyA)]), "malformed"],
    ["the same further key twice", envelope(keyA, [signature(keyB), signature(keyB)]), "malformed"],
    ["a stranger beside one who may", envelope(keyA, [signature(stranger)]), "wrong-key"],
    ["a stranger beside enough", envelope(keyA, [signature(keyB), signature(stranger)]), "wrong-key"],
    ["a stranger first", envelope(stranger, [signature(keyA), signature(keyB)]), "wrong-key"],
    ["a further signature of zeros", envelope(keyA, [[header, new Uint8Array(64)]]), "bad-signature"],
    [
      "a further signature over another payload",
      envelope(keyA, [signature(keyB, { payload: cbor(new Map()) })]),
      "bad-signature",
    ],
    [
      "a further signature for another fleet",
      envelope(keyA, [signature(keyB, { fleet: filled("other fleet", 16) })]),
      "bad-signature",
    ],
    [
      "a further signature under the first one's header",
      envelope(keyA, [[signature(keyA)[0], signed]]),
      "malformed",
    ],
    ["a further signature of another type", envelope(keyA, [signature(keyB, { typ: 65_003 })]), "malformed"],
    ["an empty list", envelope(keyA, []), "malformed"],
    ["a list that is a map", envelope(keyA, new Map()), "malformed"],
    ["a further signature of one part", envelope(keyA, [[header]]), "malformed"],
    ["a further signature of three parts", envelope(keyA, [[header, signed, 0]]), "malformed"],
    ["a further signature of 63 bytes", envelope(keyA, [[header, signed.slice(1)]]), "malformed"],
    ["a further header that is a map", envelope(keyA, [[new Map(), signed]]), "malformed"],
    [
      "a further header without kid",
      envelope(keyA, [
        [
          cbor(
            new Map([
              [1, -8],
              [16, TYP],
            ]),
          ),
          signed,
        ],
      ]),
      "malformed",
    ],
    ["16 further signatures", envelope(keyA, many(16)), "too-large"],
    [
      "another label beside them",
      unprotected(
        new Map<unknown, unknown>([
          [4, kidOf(keyA)],
          [CO_SIGNATURES, [signature(keyB)]],
        ]),
      ),
      "malformed",
    ],
    [
      "a countersignature (RFC 9338) instead",
      unprotected(new Map<unknown, unknown>([[11, [header, new Map(), signed]]])),
      "malformed",
    ],
  ];
}

function vector(
  name: string,
  bytes: Uint8Array,
  want: EnvelopeVector["want"],
  threshold = 2,
): EnvelopeVector {
  const keys = [keyA, keyB, keyC].map((key) => ({
    algorithm: key.algorithm,
    publicKey: { hex: toHex(nobleCrypto.publicKey(key).bytes) },
  }));
  const opened = { message: "release", fleetId: { hex: toHex(FLEET) }, threshold, keys };
  return { name, hex: toHex(bytes), diag: diag(bytes), ...opened, want };
}
