/** The two algorithms in X.509 clothes: identifiers, SubjectPublicKeyInfo, signature values. */
import { concatBytes, equalBytes } from "../bytes.js";
import type { Algorithm, PublicKey } from "../crypto.js";
import { ProtocolError } from "../errors.js";
import { isValidPublicKey, SIGNATURE_BYTES } from "../keys.js";
import { der, DerReader, oid, TAG, unsignedInteger } from "./der.js";

const ALGORITHMS = ["ES256", "Ed25519"] as const;

/** ecdsa-with-SHA256 (RFC 5758 §3.2) and id-Ed25519 (RFC 8410 §3), both without parameters. */
const SIGNATURE_ALGORITHM: Record<Algorithm, Uint8Array> = {
  ES256: der(TAG.sequence, oid("1.2.840.10045.4.3.2")),
  Ed25519: der(TAG.sequence, oid("1.3.101.112")),
};

/** id-ecPublicKey on the named curve P-256 (RFC 5480 §2.1.1) and id-Ed25519 (RFC 8410 §3). */
const KEY_ALGORITHM: Record<Algorithm, Uint8Array> = {
  ES256: der(TAG.sequence, oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")),
  Ed25519: SIGNATURE_ALGORITHM.Ed25519,
};

const NO_UNUSED_BITS = Uint8Array.of(0);
const SCALAR_BYTES = SIGNATURE_BYTES / 2;

/** A BIT STRING of whole octets (X.690 §8.6). */
export function bitString(bytes: Uint8Array): Uint8Array {
  return der(TAG.bitString, NO_UNUSED_BITS, bytes);
}

/** Loose about unused bits: whoever decodes a certificate compares it with its re-encoding. */
export function readBitString(reader: DerReader): Uint8Array {
  return reader.take(TAG.bitString).subarray(1);
}

export function signatureAlgorithm(algorithm: Algorithm): Uint8Array {
  return SIGNATURE_ALGORITHM[algorithm];
}

export function readSignatureAlgorithm(reader: DerReader): Algorithm {
  return algorithmIn(SIGNATURE_ALGORITHM, reader);
}

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). The caller has seen a signature by this key, so it is a valid one. */
export function subjectPublicKeyInfo(key: PublicKey): Uint8Array {
  return der(TAG.sequence, KEY_ALGORITHM[key.algorithm], bitString(key.bytes));
}

/** @throws ProtocolError also for a key that is no valid point of its curve, or an Ed25519 key of low order. */
export function readSubjectPublicKeyInfo(reader: DerReader): PublicKey {
  const info = reader.enter(TAG.sequence);
  const key = { algorithm: algorithmIn(KEY_ALGORITHM, info), bytes: readBitString(info) };
  if (!isValidPublicKey(key)) throw new ProtocolError("malformed", "a public key that must not be used");
  return key;
}

/** Raw r ‖ s to what the certificate holds: for ES256 a SEQUENCE of two INTEGERs (RFC 5480 appendix A). */
export function signatureValue(algorithm: Algorithm, signature: Uint8Array): Uint8Array {
  if (algorithm === "Ed25519") return signature;
  const r = signature.subarray(0, SCALAR_BYTES);
  const s = signature.subarray(SCALAR_BYTES);
  return der(TAG.sequence, unsignedInteger(r), unsignedInteger(s));
}

/** The reverse. Any S is taken, low or high, since TPMs give either. */
export function readSignatureValue(algorithm: Algorithm, value: Uint8Array): Uint8Array {
  if (algorithm === "Ed25519") return value;
  const pair = new DerReader(value).enter(TAG.sequence);
  const scalars = [pair.unsigned(), pair.unsigned()].map((magnitude) => {
    if (magnitude.length > SCALAR_BYTES) throw new ProtocolError("malformed", "a signature of another curve");
    return concatBytes(new Uint8Array(SCALAR_BYTES - magnitude.length), magnitude);
  });
  return concatBytes(...scalars);
}

function algorithmIn(identifiers: Record<Algorithm, Uint8Array>, reader: DerReader): Algorithm {
  const found = reader.element(TAG.sequence);
  const algorithm = ALGORITHMS.find((candidate) => equalBytes(identifiers[candidate], found));
  if (!algorithm) throw new ProtocolError("malformed", "an algorithm other than ES256 and Ed25519");
  return algorithm;
}
