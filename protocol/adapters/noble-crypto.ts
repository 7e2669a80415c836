/** `Crypto` on @noble/curves: no native code, repeatable signatures (RFC 6979, RFC 8032). */
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Crypto } from "../crypto.js";
import { isValidPublicKey, SIGNATURE_BYTES } from "../keys.js";

export const nobleCrypto: Crypto = {
  sha256: (data) => sha256(data),
  generate(algorithm, entropy) {
    if (algorithm === "Ed25519") return { algorithm, secret: entropy(32) };
    for (;;) {
      const secret = entropy(32); // outside [1, n) once in 2^32 draws
      if (p256.utils.isValidSecretKey(secret)) return { algorithm, secret };
    }
  },
  publicKey: ({ algorithm, secret }) => ({
    algorithm,
    bytes: algorithm === "ES256" ? p256.getPublicKey(secret, false) : ed25519.getPublicKey(secret),
  }),
  sign: ({ algorithm, secret }, message) =>
    algorithm === "ES256" ? p256.sign(message, secret) : ed25519.sign(message, secret),
  verify(key, message, signature) {
    if (signature.length !== SIGNATURE_BYTES || !isValidPublicKey(key)) return false;
    try {
      return key.algorithm === "ES256"
        ? p256.verify(signature, message, key.bytes, { lowS: false }) // TPMs sign with either S
        : ed25519.Point.fromBytes(signature.subarray(0, 32)).isTorsionFree() && // or OpenSSL would say no
            ed25519.verify(signature, message, key.bytes, { zip215: false }); // RFC 8032, as OpenSSL
    } catch {
      return false;
    }
  },
};
