/**
 * The envelope: a tagged COSE_Sign1 (RFC 9052 §4.2) around one message. Its protected header says who
 * signed (`kid`), with what (`alg`) and what it is (`typ`, RFC 9596); the fleet id is mixed into the
 * signature as external data. So nothing moves between fleets or message types, whatever carries it.
 */
import { concatBytes, equalBytes, utf8 } from "./bytes.js";
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "./codec.js";
import type { Algorithm, Crypto, PublicKey, Signer } from "./crypto.js";
import { ProtocolError } from "./errors.js";
import type { Message } from "./schema.js";
import { SIGNATURE_BYTES } from "./keys.js";

const TAG_SIGN1 = 0xd2; // tag 18, one byte (RFC 9052 §2)
const HEADER = { alg: 1, kid: 4, typ: 16 } as const;
/** RFC 9053 §2.1 and §2.2. */
export const COSE_ALGORITHMS = { ES256: -7, Ed25519: -8 } as const satisfies Record<Algorithm, number>;
/** First of the media type numbers that RFC 7252 §12.3 leaves for experiments. */
export const TYP_BASE = 65_000;
const KID_BYTES = 8;
/** Bytes of payload hash that stand for a document in a vector. */
export const HASH_BYTES = 8;

/** A signed message whose signature, signer and type were checked. Only `openEnvelope` makes one. */
export interface Opened<T> {
  readonly value: T;
  /** The envelope exactly as received. */
  readonly bytes: Uint8Array;
  /** First 8 bytes of the SHA-256 of the payload as received: tells two documents of one version apart. */
  readonly hash: Uint8Array;
  readonly signer: PublicKey;
}

/** The parts of an envelope, before anything about them is trusted. */
export interface EnvelopeParts {
  readonly algorithm: Algorithm;
  readonly kid: Uint8Array;
  /** The message type: `typ` less 65000. */
  readonly type: number;
  readonly protectedHeader: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Names a key: the first 8 bytes of the SHA-256 of its bytes. */
export function keyId(key: PublicKey, crypto: Crypto): Uint8Array {
  return crypto.sha256(key.bytes).slice(0, KID_BYTES);
}

/** True when these bytes claim to be an envelope; a plain frame starts otherwise. */
export function looksSigned(bytes: Uint8Array): boolean {
  return bytes[0] === TAG_SIGN1;
}

/** Signs a message. @param fleetId - 16 bytes. @throws ProtocolError when the value breaks its own bounds. */
export function sealEnvelope<T>(
  message: Message<T>,
  value: T,
  signer: Signer,
  fleetId: Uint8Array,
  crypto: Crypto,
): Uint8Array {
  const unsigned = prepareEnvelope(message, value, signer.publicKey, fleetId, crypto);
  return unsigned.finish(signer.sign(unsigned.toBeSigned));
}

/** The same in two halves, for keys whose signature comes later (TPM, secure element). */
export function prepareEnvelope<T>(
  message: Message<T>,
  value: T,
  key: PublicKey,
  fleetId: Uint8Array,
  crypto: Crypto,
): { readonly toBeSigned: Uint8Array; finish(signature: Uint8Array): Uint8Array } {
  const payload = message.encode(value);
  const protectedHeader = encodeCbor(
    new Map<number, CborValue>([
      [HEADER.alg, COSE_ALGORITHMS[key.algorithm]],
      [HEADER.kid, keyId(key, crypto)],
      [HEADER.typ, TYP_BASE + message.type],
    ]),
  );
  return {
    toBeSigned: signedBytes(protectedHeader, payload, fleetId),
    finish: (signature) =>
      concatBytes(Uint8Array.of(TAG_SIGN1), encodeCbor([protectedHeader, new Map(), payload, signature])),
  };
}

/** Takes an envelope apart. @throws ProtocolError "malformed", "too-large" or "unknown-type". */
export function parseEnvelope(bytes: Uint8Array): EnvelopeParts {
  if (!looksSigned(bytes))
    throw new ProtocolError("malformed", "not a COSE_Sign1 envelope (tag 18 is missing)");
  const item = decodeCbor(bytes.subarray(1));
  if (!Array.isArray(item) || item.length !== 4)
    throw new ProtocolError("malformed", "COSE_Sign1 has four parts");
  const [protectedHeader, unprotectedHeader, payload, signature] = item as CborValue[];
  if (!(protectedHeader instanceof Uint8Array) || !(payload instanceof Uint8Array)) {
    throw new ProtocolError("malformed", "COSE_Sign1: header and payload are byte strings");
  }
  if (!(unprotectedHeader instanceof Map) || unprotectedHeader.size !== 0) {
    throw new ProtocolError("malformed", "COSE_Sign1: the unprotected header is an empty map");
  }
  if (!(signature instanceof Uint8Array) || signature.length !== SIGNATURE_BYTES) {
    throw new ProtocolError("malformed", `COSE_Sign1: a signature has ${SIGNATURE_BYTES} bytes`);
  }
  return { ...parseProtectedHeader(protectedHeader), protectedHeader, payload, signature };
}

function parseProtectedHeader(bytes: Uint8Array): Pick<EnvelopeParts, "algorithm" | "kid" | "type"> {
  const header = decodeCbor(bytes);
  if (!(header instanceof Map) || header.size !== 3) {
    throw new ProtocolError("malformed", "the protected header holds alg, kid and typ, and nothing else");
  }
  const [alg, kid, typ] = [HEADER.alg, HEADER.kid, HEADER.typ].map((key) => (header as CborMap).get(key));
  const algorithm = (Object.keys(COSE_ALGORITHMS) as Algorithm[]).find(
    (name) => COSE_ALGORITHMS[name] === alg,
  );
  if (!algorithm) throw new ProtocolError("malformed", "alg is neither ES256 (-7) nor EdDSA (-8)");
  if (!(kid instanceof Uint8Array) || kid.length !== KID_BYTES) {
    throw new ProtocolError("malformed", `kid has ${KID_BYTES} bytes`);
  }
  if (typeof typ !== "number" || typ <= TYP_BASE || typ > 65_535) {
    throw new ProtocolError("unknown-type", "typ does not name a Daymark message");
  }
  return { algorithm, kid, type: typ - TYP_BASE };
}

/**
 * Verifies an envelope and returns what was signed. The key is found among those that hold the role;
 * the algorithm is the key's own, and an envelope that names another one is refused.
 * @param keys - the keys that may sign this message.
 * @throws ProtocolError: see its codes.
 * @see RFC 9052 §4.4 (Sig_structure)
 */
export function openEnvelope<T>(
  message: Message<T>,
  bytes: Uint8Array,
  keys: readonly PublicKey[],
  fleetId: Uint8Array,
  crypto: Crypto,
): Opened<T> {
  const parts = parseEnvelope(bytes);
  if (parts.type !== message.type) {
    throw new ProtocolError("unknown-type", `type ${parts.type} came where ${message.name} was expected`);
  }
  const signer = verifyParts(parts, keys, fleetId, crypto, message.name);
  return { value: message.decode(parts.payload), bytes, hash: payloadHash(parts, crypto), signer };
}

/** Checks signer and signature alone. @returns the key that signed. @throws ProtocolError */
export function verifyParts(
  parts: EnvelopeParts,
  keys: readonly PublicKey[],
  fleetId: Uint8Array,
  crypto: Crypto,
  name: string,
): PublicKey {
  const signer = keys.find((key) => equalBytes(keyId(key, crypto), parts.kid));
  if (!signer) throw new ProtocolError("wrong-key", `${name}: the key that signed this may not sign it`);
  if (signer.algorithm !== parts.algorithm) {
    throw new ProtocolError("wrong-key", `${name}: alg is not the algorithm of the key`);
  }
  const toBeSigned = signedBytes(parts.protectedHeader, parts.payload, fleetId);
  if (!crypto.verify(signer, toBeSigned, parts.signature)) {
    throw new ProtocolError("bad-signature", `${name}: the signature does not verify`);
  }
  return signer;
}

export function payloadHash(parts: EnvelopeParts, crypto: Crypto): Uint8Array {
  return crypto.sha256(parts.payload).slice(0, HASH_BYTES);
}

/** RFC 9052 §4.4; the external data binds protocol version and fleet, never carrier or topic. */
function signedBytes(protectedHeader: Uint8Array, payload: Uint8Array, fleetId: Uint8Array): Uint8Array {
  const externalData = concatBytes(utf8("daymark/1"), fleetId);
  return encodeCbor(["Signature1", protectedHeader, externalData, payload]);
}
