/**
 * Keys and signatures that both Crypto adapters must refuse, though some library or other accepts them:
 * points of low order, points off the curve, other encodings of a point, numbers outside their range.
 */
import * as node from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { describe, expect, test } from "vitest";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { concatBytes, fromHex, toHex, utf8 } from "../../protocol/bytes.js";
import type { Algorithm, PublicKey } from "../../protocol/crypto.js";
import { isValidPublicKey } from "../../protocol/keys.js";

const ACCEPTED = { node: true, noble: true };
const REFUSED = { node: false, noble: false };
function verdicts(key: PublicKey, message: Uint8Array, signature: Uint8Array) {
  return {
    node: nodeCrypto.verify(key, message, signature),
    noble: nobleCrypto.verify(key, message, signature),
  };
}

const message = utf8("daymark");
const es256 = { algorithm: "ES256", secret: new Uint8Array(32).fill(7) } as const;
const eddsa = { algorithm: "Ed25519", secret: new Uint8Array(32).fill(7) } as const;
const zeros = (size: number) => "00".repeat(size);
const flipLastBit = (bytes: Uint8Array) => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
/** L of RFC 8032 §5.1, little-endian, as S would be encoded. */
const ED25519_ORDER = fromHex(ed25519.Point.CURVE().n.toString(16).padStart(64, "0")).reverse();

/** RFC 8032 §5.1.2: every 32-byte string that decodes to one of the eight points of small order. */
const lowOrderKeys: [name: string, hex: string][] = [
  ["order 1", `01${zeros(31)}`],
  ["order 2", `ec${"ff".repeat(30)}7f`],
  ["order 4", zeros(32)],
  ["order 4, negative", `${zeros(31)}80`],
  ["order 8, a", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"],
  ["order 8, a negative", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"],
  ["order 8, b", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"],
  ["order 8, b negative", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"],
  ["order 1, sign of zero", `01${zeros(30)}80`],
  ["order 2, sign of zero", `ec${"ff".repeat(31)}`],
  ["order 4, y = p", `ed${"ff".repeat(30)}7f`],
  ["order 4, y = p, negative", `ed${"ff".repeat(31)}`],
  ["order 1, y = p + 1", `ee${"ff".repeat(30)}7f`],
  ["order 1, y = p + 1, sign of zero", `ee${"ff".repeat(31)}`],
];

describe("Ed25519 keys of low order", () => {
  /** S = 0 and R in the small subgroup: for some messages that is a "signature" nobody made. */
  const forgeries = lowOrderKeys
    .slice(0, 8)
    .map(([, r]) => fromHex(r + zeros(32)))
    .flatMap((signature) => Array.from({ length: 8 }, (_, i) => ({ signature, text: Uint8Array.of(i) })));
  const rawlyAccepted = (hex: string) => {
    const x = Buffer.from(hex, "hex").toString("base64url");
    const key = node.createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return forgeries.filter(({ signature, text }) => node.verify(null, text, key, signature)).length;
  };

  test.each(lowOrderKeys)("%s is refused by both", (_name, hex) => {
    expect(ed25519.Point.fromHex(hex, true).isSmallOrder()).toBe(true);
    const key: PublicKey = { algorithm: "Ed25519", bytes: fromHex(hex) };
    expect(isValidPublicKey(key)).toBe(false);
    for (const { signature, text } of forgeries) expect(verdicts(key, text, signature)).toEqual(REFUSED);
  });

  test("node:crypto alone would accept forgeries under them", () => {
    for (const [name, hex] of lowOrderKeys.slice(0, 8)) expect(rawlyAccepted(hex), name).toBeGreaterThan(0);
  });
});

/**
 * A signer may hide a point of order 8 in its key or in R. RFC 8032 §5.1.7 lets a verifier multiply such a
 * part away, as noble does, or see it, as OpenSSL does; so one signature would hold for one of them only.
 */
describe("Ed25519 points with a torsion part", () => {
  const { Point } = ed25519;
  const torsion = Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
  const littleEndian = (bytes: Uint8Array) => BigInt(`0x${toHex(bytes.slice().reverse())}`);
  const toBytes = (scalar: bigint) => fromHex(scalar.toString(16).padStart(64, "0")).reverse();

  /** RFC 8032 §5.1.6 with chosen scalars; `hidden` says where the point of order 8 is added. */
  function signed(a: bigint, hidden: { inKey: boolean; inR: boolean }) {
    const nonce = a + 1n;
    const key = hidden.inKey ? Point.BASE.multiply(a).add(torsion) : Point.BASE.multiply(a);
    const r = hidden.inR ? Point.BASE.multiply(nonce).add(torsion) : Point.BASE.multiply(nonce);
    const digest = sha512(concatBytes(r.toBytes(), key.toBytes(), message));
    const s = (nonce + littleEndian(digest) * a) % Point.CURVE().n;
    const signature = concatBytes(r.toBytes(), toBytes(s));
    return verdicts({ algorithm: "Ed25519", bytes: key.toBytes() }, message, signature);
  }

  test.each([
    ["nowhere", { inKey: false, inR: false }, ACCEPTED],
    ["in the key", { inKey: true, inR: false }, REFUSED],
    ["in R", { inKey: false, inR: true }, REFUSED],
    ["in both", { inKey: true, inR: true }, REFUSED],
  ])("hidden %s: both adapters agree", (_name, hidden, want) => {
    for (let a = 2n; a < 26n; a++) expect(signed(a, hidden)).toEqual(want);
  });
});

describe("keys that are no points", () => {
  const point = p256.getPublicKey(es256.secret, false);
  const compressed = p256.getPublicKey(es256.secret, true);
  const x = toHex(point.subarray(1, 33));
  const keys: [name: string, algorithm: Algorithm, bytes: Uint8Array][] = [
    ["P-256 off the curve", "ES256", flipLastBit(point)],
    ["P-256 compressed", "ES256", compressed],
    ["P-256 compressed, padded", "ES256", concatBytes(compressed, new Uint8Array(32))],
    ["P-256 hybrid form", "ES256", concatBytes(Uint8Array.of(6 + (point[64]! & 1)), point.subarray(1))],
    ["P-256 infinity", "ES256", new Uint8Array(1)],
    ["P-256 zero coordinates", "ES256", fromHex(`04${zeros(64)}`)],
    ["P-256 x over the field", "ES256", fromHex(`04${"ff".repeat(32)}${x}`)],
    ["P-256 a byte short", "ES256", point.subarray(0, 64)],
    ["P-256 a byte long", "ES256", concatBytes(point, new Uint8Array(1))],
    ["P-256 empty", "ES256", new Uint8Array()],
    ["Ed25519 off the curve", "Ed25519", fromHex(`02${zeros(31)}`)],
    ["Ed25519 y over the field", "Ed25519", fromHex(`f0${"ff".repeat(30)}7f`)],
    ["Ed25519 a byte short", "Ed25519", new Uint8Array(31)],
    ["Ed25519 a byte long", "Ed25519", concatBytes(nobleCrypto.publicKey(eddsa).bytes, new Uint8Array(1))],
    ["Ed25519 empty", "Ed25519", new Uint8Array()],
  ];
  test.each(keys)("%s is refused by both", (_name, algorithm, bytes) => {
    const signature = nobleCrypto.sign(algorithm === "ES256" ? es256 : eddsa, message);
    expect(isValidPublicKey({ algorithm, bytes })).toBe(false);
    expect(verdicts({ algorithm, bytes }, message, signature)).toEqual(REFUSED);
  });

  test("a key offered under the other algorithm is refused, and spoils nothing for its own", () => {
    for (const private_ of [es256, eddsa]) {
      const key = nobleCrypto.publicKey({ ...private_, secret: new Uint8Array(32).fill(9) });
      const signature = nobleCrypto.sign({ ...private_, secret: new Uint8Array(32).fill(9) }, message);
      const misnamed: PublicKey = { ...key, algorithm: key.algorithm === "ES256" ? "Ed25519" : "ES256" };
      expect(verdicts(misnamed, message, signature)).toEqual(REFUSED);
      expect(verdicts(key, message, signature)).toEqual(ACCEPTED);
      expect(verdicts(misnamed, message, signature)).toEqual(REFUSED);
    }
  });
});

describe("signatures out of form", () => {
  const order = p256.Point.CURVE().n.toString(16);
  const good = toHex(nobleCrypto.sign(es256, message));
  const [r, s] = [good.slice(0, 64), good.slice(64)];
  const der = node.sign("sha256", message, privateKeyObject(es256));
  const eddsaGood = nobleCrypto.sign(eddsa, message);
  const signatures: [name: string, algorithm: Algorithm, signature: Uint8Array][] = [
    ["ES256 r = 0", "ES256", fromHex(zeros(32) + s)],
    ["ES256 s = 0", "ES256", fromHex(r + zeros(32))],
    ["ES256 r = n", "ES256", fromHex(order + s)],
    ["ES256 s = n", "ES256", fromHex(r + order)],
    ["ES256 all ones", "ES256", fromHex("ff".repeat(64))],
    ["ES256 in DER", "ES256", new Uint8Array(der)],
    ["ES256 empty", "ES256", new Uint8Array()],
    ["ES256 a byte short", "ES256", fromHex(good.slice(2))],
    ["ES256 a byte long", "ES256", fromHex(`${good}00`)],
    ["Ed25519 S = L", "Ed25519", concatBytes(eddsaGood.subarray(0, 32), ED25519_ORDER)],
    ["Ed25519 all ones", "Ed25519", fromHex("ff".repeat(64))],
    ["Ed25519 R not a point", "Ed25519", concatBytes(fromHex(`02${zeros(31)}`), eddsaGood.subarray(32))],
    ["Ed25519 empty", "Ed25519", new Uint8Array()],
    ["Ed25519 a byte short", "Ed25519", eddsaGood.subarray(0, 63)],
    ["Ed25519 a byte long", "Ed25519", concatBytes(eddsaGood, new Uint8Array(1))],
  ];
  test.each(signatures)("%s is refused by both", (_name, algorithm, signature) => {
    const key = nobleCrypto.publicKey(algorithm === "ES256" ? es256 : eddsa);
    expect(verdicts(key, message, signature)).toEqual(REFUSED);
  });
});
