/**
 * The guards that this code stands on, and the test that defends each. `npm run test:guards` takes one
 * guard away at a time, in a copy of the source, and demands that its test goes red: a guard that no test
 * misses is not defended. Add a row with every guard; keep the patch as small as the guard.
 */
export interface Guard {
  /** What is lost when the patch is applied, in a few words; unique. */
  readonly name: string;
  /** The principle of DESIGN §2 that the guard serves, such as `P3`, where there is one. */
  readonly principle?: string;
  /** Path from the root of the package. */
  readonly file: string;
  /** Text that stands exactly once in `file`. */
  readonly find: string;
  /** What stands there instead. It must still load: the test has to fail, not the compiler. */
  readonly replace: string;
  /** `name`: part of the full title ("describe title test title"), taken literally. */
  readonly test: { readonly file: string; readonly name: string };
}

const CRYPTO = "test/protocol/crypto.test.ts";
const CRYPTO_REFUSALS = "test/protocol/crypto-refusals.test.ts";

export const guards: readonly Guard[] = [
  {
    name: "noble accepts high S, as TPMs sign",
    file: "protocol/adapters/noble-crypto.ts",
    find: "{ lowS: false }",
    replace: "{ lowS: true }",
    test: { file: CRYPTO, name: "ES256, seeded S mirrored" },
  },
  {
    name: "Ed25519 keys of small order are refused",
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
