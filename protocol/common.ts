/** Value types that several messages share: one meaning, one bound, one name in the CDDL. */
import type { Algorithm, PublicKey } from "./crypto.js";
import { COSE_ALGORITHMS } from "./cose.js";
import { HASH_BYTES } from "./envelope.js";
import { isValidPublicKey, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "./keys.js";
import { ProtocolError } from "./errors.js";
import { field, map, type Type } from "./schema.js";
import { array, bytes, choice, text, uint } from "./types.js";

/** A holder's permanent number within its fleet; 0 is nobody. */
export const deviceNumber = uint(0xffff_ffff, 1);
export const generation = uint(0xffff_ffff);
/**
 * How often a one-shot act must have been done since the term of directives began. A count, so that missing
 * any number of directives asks for nothing twice (P2).
 */
export const actCount = uint(0xffff_ffff, 1);
/** Unix time in seconds. */
export const seconds = uint();
export const nonce = bytes(16);
export const signature = bytes(SIGNATURE_BYTES);
export const hash = bytes(HASH_BYTES);
export const sha256 = bytes(32);
export const hardwareId = bytes({ min: 1, max: 64 });
export const model = text(32);
export const certificate = bytes({ min: 1, max: 1024 });
/** Leaf first. */
export const certificateChain = array(certificate, { min: 1, max: 3 });
/** One envelope; the largest possible Authority fits. */
export const envelope = bytes({ min: 1, max: 24_576 });
export const documents = array(envelope, { max: 16 });

const keyParts = map(
  {
    algorithm: field(1, choice<Algorithm>(COSE_ALGORITHMS), "COSE algorithm number"),
    bytes: field(2, bytes({ min: 32, max: 65 }), "P-256: uncompressed point; Ed25519: RFC 8032 encoding"),
  },
  "public-key",
);

/** A public key that is a valid point of its curve; others are refused here, once. */
export const publicKey: Type<PublicKey> = {
  label: "public-key",
  toCbor: (value) => keyParts.toCbor(value),
  fromCbor(value, path) {
    const key = keyParts.fromCbor(value, path);
    if (key.bytes.length !== PUBLIC_KEY_BYTES[key.algorithm] || !isValidPublicKey(key)) {
      throw new ProtocolError("out-of-range", `${path} is not a valid ${key.algorithm} public key`);
    }
    return key;
  },
};
