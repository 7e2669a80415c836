/**
 * The form of an envelope: a tagged COSE_Sign1 (RFC 9052 §4.2), taken apart and put together. Nothing is
 * verified here; envelope.ts does that.
 */
import { concatBytes, equalBytes, utf8 } from "./bytes.js";
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "./codec.js";
import type { Algorithm, Crypto, PublicKey } from "./crypto.js";
import { ProtocolError } from "./errors.js";
import { SIGNATURE_BYTES } from "./keys.js";

const TAG_SIGN1 = 0xd2; // tag 18, one byte (RFC 9052 §2)
const HEADER = { alg: 1, kid: 4, typ: 16 } as const;
/** Unprotected header: further signatures, `[[protected, signature], …]`. Private use (RFC 9052 §1.4). */
const CO_SIGNATURES = -65_537;
/** Of one envelope: an Authority is signed by up to 8 root keys of its own and 8 of the version before. */
const MAX_SIGNATURES = 16;
/** RFC 9053 §2.1 and §2.2. */
export const COSE_ALGORITHMS = { ES256: -7, Ed25519: -8 } as const satisfies Record<Algorithm, number>;
const ALGORITHMS = Object.keys(COSE_ALGORITHMS) as readonly Algorithm[];
/** First of the media type numbers that RFC 7252 §12.3 leaves for experiments. */
export const TYP_BASE = 65_000;
const KID_BYTES = 8;
/** One signature, before it is trusted. */
export interface SignatureParts {
  readonly algorithm: Algorithm;
  readonly kid: Uint8Array;
  readonly protectedHeader: Uint8Array;
  readonly signature: Uint8Array;
}

/** The parts of an envelope, before anything about them is trusted. */
export interface EnvelopeParts {
  /** The message type: `typ` less 65000, the same in every protected header. */
  readonly type: number;
  readonly payload: Uint8Array;
  /** At least one; no key signs twice. */
  readonly signatures: readonly [SignatureParts, ...SignatureParts[]];
}

/** Of keys in use: the same few sign, and are looked for, again and again. */
const keyIds = new WeakMap<PublicKey, Uint8Array>();

/** Names a key: the first 8 bytes of the SHA-256 of its bytes. */
export function keyId(key: PublicKey, crypto: Crypto): Uint8Array {
  let id = keyIds.get(key);
  if (!id) keyIds.set(key, (id = crypto.sha256(key.bytes).slice(0, KID_BYTES)));
  return id;
}

/** True when these bytes claim to be an envelope; a plain frame starts otherwise. */
export function looksSigned(bytes: Uint8Array): boolean {
  return bytes[0] === TAG_SIGN1;
}

/** Takes an envelope apart. @throws ProtocolError "malformed", "too-large" or "unknown-type". */
export function parseEnvelope(bytes: Uint8Array): EnvelopeParts {
  if (!looksSigned(bytes))
    throw new ProtocolError("malformed", "not a COSE_Sign1 envelope (tag 18 is missing)");
  const item = decodeCbor(bytes.subarray(1));
  if (!Array.isArray(item) || item.length !== 4)
    throw new ProtocolError("malformed", "COSE_Sign1 has four parts");
  const [protectedHeader, unprotectedHeader, payload, signature] = item as CborValue[];
  if (!(payload instanceof Uint8Array))
    throw new ProtocolError("malformed", "COSE_Sign1: the payload is a byte string");
  const first = parseSignature(protectedHeader, signature);
  const others = parseCoSignatures(unprotectedHeader);
  const all = [first, ...others] as const;
  if (others.some(({ type }) => type !== first.type))
    throw new ProtocolError("malformed", "the signatures of one envelope name different types");
  if (all.some(({ kid }, i) => all.findIndex((other) => equalBytes(other.kid, kid)) !== i))
    throw new ProtocolError("malformed", "a key signs an envelope once");
  return { type: first.type, payload, signatures: all };
}

/** Nothing, or the further signatures, in the unprotected header. */
function parseCoSignatures(header: CborValue | undefined): readonly ReturnType<typeof parseSignature>[] {
  if (header instanceof Map && header.size === 0) return [];
  const list = header instanceof Map && header.size === 1 ? header.get(CO_SIGNATURES) : undefined;
  if (!Array.isArray(list) || list.length === 0)
    throw new ProtocolError("malformed", "the unprotected header holds further signatures or nothing");
  if (list.length >= MAX_SIGNATURES)
    throw new ProtocolError("too-large", `an envelope has at most ${MAX_SIGNATURES} signatures`);
  return (list as CborValue[]).map((entry) => {
    if (!Array.isArray(entry) || entry.length !== 2)
      throw new ProtocolError("malformed", "a further signature is a protected header and 64 bytes");
    return parseSignature(...(entry as [CborValue, CborValue]));
  });
}

function parseSignature(
  protectedHeader: CborValue | undefined,
  signature: CborValue | undefined,
): SignatureParts & { readonly type: number } {
  if (!(protectedHeader instanceof Uint8Array))
    throw new ProtocolError("malformed", "COSE_Sign1: the protected header is a byte string");
  if (!(signature instanceof Uint8Array) || signature.length !== SIGNATURE_BYTES)
    throw new ProtocolError("malformed", `COSE_Sign1: a signature has ${SIGNATURE_BYTES} bytes`);
  const header = decodeCbor(protectedHeader);
  if (!(header instanceof Map) || header.size !== 3) {
    throw new ProtocolError("malformed", "the protected header holds alg, kid and typ, and nothing else");
  }
  const [alg, kid, typ] = [HEADER.alg, HEADER.kid, HEADER.typ].map((key) => (header as CborMap).get(key));
  const algorithm = ALGORITHMS.find((name) => COSE_ALGORITHMS[name] === alg);
  if (!algorithm) throw new ProtocolError("malformed", "alg is neither ES256 (-7) nor EdDSA (-8)");
  if (!(kid instanceof Uint8Array) || kid.length !== KID_BYTES) {
    throw new ProtocolError("malformed", `kid has ${KID_BYTES} bytes`);
  }
  if (typeof typ !== "number" || typ <= TYP_BASE || typ > 65_535) {
    throw new ProtocolError("unknown-type", "typ does not name a Daymark message");
  }
  return { algorithm, kid, type: typ - TYP_BASE, protectedHeader, signature };
}

export function protectedHeaderOf(key: PublicKey, type: number, crypto: Crypto): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [HEADER.alg, COSE_ALGORITHMS[key.algorithm]],
      [HEADER.kid, keyId(key, crypto)],
      [HEADER.typ, TYP_BASE + type],
    ]),
  );
}

export function encodeEnvelope(
  payload: Uint8Array,
  signatures: readonly Pick<SignatureParts, "protectedHeader" | "signature">[],
): Uint8Array {
  const [first, ...others] = signatures.map(({ protectedHeader, signature }) => [protectedHeader, signature]);
  const unprotected = new Map<number, CborValue>(others.length > 0 ? [[CO_SIGNATURES, others]] : []);
  const [protectedHeader, signature] = first as [Uint8Array, Uint8Array];
  return concatBytes(
    Uint8Array.of(TAG_SIGN1),
    encodeCbor([protectedHeader, unprotected, payload, signature]),
  );
}

/** RFC 9052 §4.4; the external data binds protocol version and fleet, never carrier or topic. */
export function signedBytes(
  protectedHeader: Uint8Array,
  payload: Uint8Array,
  fleetId: Uint8Array,
): Uint8Array {
  const externalData = concatBytes(utf8("daymark/1"), fleetId);
  return encodeCbor(["Signature1", protectedHeader, externalData, payload]);
}
