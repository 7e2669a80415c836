/**
 * Holds the two Crypto adapters together: whatever one signs the other accepts, and however it is then
 * altered, both give the same verdict. 10,000 seeded cases; `crypto-refusals.test.ts` has the tables of
 * keys and signatures that libraries are known to differ on.
 */
import * as node from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { nodeCrypto, privateKeyFromPem, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { concatBytes, fromHex, toHex, utf8 } from "../../protocol/bytes.js";
import type { Algorithm, PublicKey } from "../../protocol/crypto.js";

const ALGORITHMS: readonly Algorithm[] = ["ES256", "Ed25519"];
/** Ten tests below (five alterations, two algorithms) of this many cases each. */
const CASES_PER_TABLE = 1000;
const SEED = 20190601;

/** Enough keys to vary, few enough that making them does not outweigh signing with them. */
const KEYS = 50;

const messages = fc.uint8Array({ minLength: 1, maxLength: 100 });

/** What the two adapters say; tests demand both. */
function verdicts(key: PublicKey, message: Uint8Array, signature: Uint8Array) {
  return {
    node: nodeCrypto.verify(key, message, signature),
    noble: nobleCrypto.verify(key, message, signature),
  };
}
const ACCEPTED = { node: true, noble: true };
const REFUSED = { node: false, noble: false };

interface Offer {
  readonly key: PublicKey;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
}

/** A second genuine ES256 signature: (r, n − s) holds whenever (r, s) does. */
function mirrorS(signature: Uint8Array): Uint8Array {
  const { r, s } = p256.Signature.fromBytes(signature);
  return new p256.Signature(r, p256.Point.CURVE().n - s).toBytes();
}

/** S + L in place of S: the same number modulo the order, which RFC 8032 §5.1.7 refuses. */
function addOrderToS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`) + ed25519.Point.CURVE().n;
  return concatBytes(signature.subarray(0, 32), fromHex(s.toString(16).padStart(64, "0")).reverse());
}

const alterations: [
  name: string,
  alter: (offer: Offer, bit: number, other: PublicKey) => Offer,
  want: object,
][] = [
  ["as signed", (offer) => offer, ACCEPTED],
  [
    "a bit of the signature flipped",
    (offer, bit) => ({ ...offer, signature: flipBit(offer.signature, bit % 512) }),
    REFUSED,
  ],
  [
    "a bit of the message flipped",
    (offer, bit) => ({ ...offer, message: flipBit(offer.message, bit % (offer.message.length * 8)) }),
    REFUSED,
  ],
  ["another key", (offer, _bit, key) => ({ ...offer, key }), REFUSED],
];

describe.each(ALGORITHMS)("%s, seeded", (algorithm) => {
  const twin: (typeof alterations)[number] =
    algorithm === "ES256"
      ? ["S mirrored", (offer) => ({ ...offer, signature: mirrorS(offer.signature) }), ACCEPTED]
      : [
          "S raised by the group order",
          (offer) => ({ ...offer, signature: addOrderToS(offer.signature) }),
          REFUSED,
        ];

  const privateKeys = Array.from({ length: KEYS }, (_, i) =>
    nobleCrypto.generate(algorithm, () => nobleCrypto.sha256(utf8(`${SEED} ${i}`))),
  );
  const publicKeys = privateKeys.map((key) => nobleCrypto.publicKey(key));
  const key = (i: number) => publicKeys[i % KEYS]!;

  test("both adapters derive the same public keys", () => {
    expect(privateKeys.map((key) => nodeCrypto.publicKey(key))).toEqual(publicKeys);
  });

  test.each([...alterations, twin])("%s: both adapters agree", (_name, alter, want) => {
    fc.assert(
      fc.property(fc.nat(KEYS - 1), messages, fc.nat(), fc.boolean(), (i, message, bit, nodeSigns) => {
        const signature = (nodeSigns ? nodeCrypto : nobleCrypto).sign(privateKeys[i]!, message);
        const offer = alter({ key: key(i), message, signature }, bit, key(i + 1 + (bit % (KEYS - 1))));
        expect(verdicts(offer.key, offer.message, offer.signature)).toEqual(want);
      }),
      { seed: SEED, numRuns: CASES_PER_TABLE },
    );
  });
});

const message = utf8("daymark");
const es256 = { algorithm: "ES256", secret: new Uint8Array(32).fill(7) } as const;
const eddsa = { algorithm: "Ed25519", secret: new Uint8Array(32).fill(7) } as const;

describe("what is repeatable", () => {
  test("equal entropy gives equal keys, and a scalar out of range is drawn again", () => {
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      const draws = [new Uint8Array(32).fill(0xff), new Uint8Array(32), new Uint8Array(32).fill(7)];
      expect(crypto.generate("ES256", () => draws.shift()!)).toEqual(es256);
      expect(crypto.generate("Ed25519", () => eddsa.secret)).toEqual(eddsa);
    }
  });

  test("Ed25519 signatures are equal in both; ES256 repeats in noble (RFC 6979)", () => {
    expect(nodeCrypto.sign(eddsa, message)).toEqual(nobleCrypto.sign(eddsa, message));
    expect(nobleCrypto.sign(es256, message)).toEqual(nobleCrypto.sign(es256, message));
  });

  test("SHA-256 is equal in both", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        expect(nodeCrypto.sha256(data)).toEqual(nobleCrypto.sha256(data));
      }),
      { seed: SEED },
    );
  });
});

describe("private keys in PEM files", () => {
  test.each([es256, eddsa])("$algorithm comes back as it was", (key) => {
    const pem = privateKeyObject(key).export({ type: "pkcs8", format: "pem" }) as string;
    expect(privateKeyFromPem(pem)).toEqual(key);
  });

  test("another kind of key is refused", () => {
    const { privateKey } = node.generateKeyPairSync("ec", {
      namedCurve: "secp384r1",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    expect(() => privateKeyFromPem(privateKey)).toThrow(TypeError);
  });
});
