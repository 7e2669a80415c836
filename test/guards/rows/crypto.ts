/** Guards of the Crypto adapters. */
import type { Guard } from "../guard.js";

const CRYPTO = "test/protocol/crypto.test.ts";
const CRYPTO_REFUSALS = "test/protocol/crypto-refusals.test.ts";

export const cryptoGuards: readonly Guard[] = [
  {
    name: "noble accepts high S, as TPMs sign",
    principle: "P1",
    file: "protocol/adapters/noble-crypto.ts",
    find: "{ lowS: false }",
    replace: "{ lowS: true }",
    test: { file: CRYPTO, name: "ES256, seeded S mirrored" },
  },
  {
    name: "Ed25519 keys of small order are refused",
    principle: "P1",
    file: "protocol/keys.ts",
    find: "!point.isSmallOrder() && point.isTorsionFree()",
    replace: "point.isTorsionFree()",
    test: { file: CRYPTO_REFUSALS, name: "Ed25519 keys of low order order 1 is refused by both" },
  },
  {
    name: "Ed25519 keys with a torsion part are refused",
    file: "protocol/keys.ts",
    find: "!point.isSmallOrder() && point.isTorsionFree()",
    replace: "!point.isSmallOrder()",
    test: { file: CRYPTO_REFUSALS, name: "hidden in the key" },
  },
  {
    name: "Ed25519 signatures whose R has a torsion part are refused by noble too",
    file: "protocol/adapters/noble-crypto.ts",
    find: "ed25519.Point.fromBytes(signature.subarray(0, 32)).isTorsionFree() &&",
    replace: "",
    test: { file: CRYPTO_REFUSALS, name: "hidden in R" },
  },
  {
    name: "imported keys are cached under their algorithm",
    file: "protocol/adapters/node-crypto.ts",
    find: "`${key.algorithm} ${toHex(key.bytes)}`",
    replace: "toHex(key.bytes)",
    test: { file: CRYPTO_REFUSALS, name: "spoils nothing for its own" },
  },
  {
    name: "node:crypto sees only keys that are valid points",
    file: "protocol/adapters/node-crypto.ts",
    find: "isValidPublicKey(key) ?",
    replace: "key.bytes.length > 0 ?",
    test: { file: CRYPTO_REFUSALS, name: "Ed25519 keys of low order order 1 is refused by both" },
  },
];
