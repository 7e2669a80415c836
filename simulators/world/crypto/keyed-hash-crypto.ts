/**
 * Stands in for signatures where whole populations are simulated: a "signature" is a hash over the public key and the
 * message, so it holds nobody back. It can be chosen here and nowhere else.
 */
import { createHash } from "node:crypto";
import { equalBytes } from "../../../protocol/bytes.js";
import type { Algorithm, Crypto } from "../../../protocol/crypto.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { SIGNATURE_BYTES } from "../../../protocol/keys.js";

export const keyedHashCrypto: Crypto = {
  sha256: (data) => nodeCrypto.sha256(data),
  generate: (algorithm, entropy) => nodeCrypto.generate(algorithm, entropy),
  /** A point of the curve, as certificates and their readers want it. */
  publicKey: (key) => nodeCrypto.publicKey(key),
  sign: (key, message) => tag(key.algorithm, nodeCrypto.publicKey(key).bytes, message),
  verify: ({ algorithm, bytes }, message, signature) => equalBytes(tag(algorithm, bytes, message), signature),
};

function tag(algorithm: Algorithm, key: Uint8Array, message: Uint8Array): Uint8Array {
  const digest = createHash("sha512").update(algorithm).update(key).update(message).digest();
  return new Uint8Array(digest.subarray(0, SIGNATURE_BYTES));
}
