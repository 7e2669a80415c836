/**
 * Changes what is inside a message and signs it again with the keys of those who had signed it: as someone
 * would who has a key and means harm. Without that, nothing behind a signature would ever be reached.
 */
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "../../../protocol/codec.js";
import { EnrollRequest, keyProof, RenewRequest, ReturnRequest } from "../../../protocol/certify.js";
import {
  encodeEnvelope,
  looksSigned,
  parseEnvelope,
  protectedHeaderOf,
  signedBytes,
} from "../../../protocol/cose.js";
import { ProtocolError } from "../../../protocol/errors.js";
import { orRefusal } from "../../../protocol/refusal.js";
import { type Draw } from "../draw.js";
import { mutateCbor } from "../mutate-cbor.js";
import { type KeyRing, repeatable } from "./keys.js";

const CERTIFY_TYPES = [EnrollRequest, RenewRequest, ReturnRequest].map(({ type }) => type);
/** Fields of a request for a certificate: see protocol/certify.ts. */
const CERTIFY = { subject: 1, nonce: 2, publicKey: 3, proof: 4 } as const;
/** Message types that there are, and some that there are not. */
const TYPES = 64;
/** How deep envelopes within envelopes are changed: an enroll request holds a voucher and a record. */
const DEEPEST = 2;

export interface Forger {
  readonly ring: KeyRing;
  readonly fleetId: Uint8Array;
}

/** @param bytes - an envelope or a frame. @returns the same bytes when the change cannot be written down. */
export function mutateInside(bytes: Uint8Array, draw: Draw, forger: Forger, depth = 0): Uint8Array {
  const within = (inner: Uint8Array): Uint8Array | undefined =>
    depth < DEEPEST && looksSigned(inner) ? mutateInside(inner, draw, forger, depth + 1) : undefined;
  const changed = orRefusal(() =>
    looksSigned(bytes)
      ? resealed(bytes, (payload) => mutateCbor(payload, draw, within), draw, forger)
      : encodeCbor(mutateCbor(decodeCbor(bytes), draw, within)),
  );
  return changed instanceof ProtocolError ? bytes : changed;
}

function resealed(
  bytes: Uint8Array,
  change: (payload: CborValue) => CborValue,
  draw: Draw,
  { ring, fleetId }: Forger,
): Uint8Array {
  const parts = parseEnvelope(bytes);
  const type = draw(24) === 0 ? 1 + draw(TYPES) : parts.type;
  const value = change(decodeCbor(parts.payload));
  const proven = CERTIFY_TYPES.includes(type) && draw(4) > 0 ? withProof(value, ring, fleetId) : value;
  const payload = encodeCbor(proven);
  const signatures = parts.signatures.map((before) => {
    const signer = ring.named(before.kid);
    if (!signer) return before;
    const protectedHeader = protectedHeaderOf(signer.publicKey, type, repeatable);
    return { protectedHeader, signature: signer.sign(signedBytes(protectedHeader, payload, fleetId)) };
  });
  return encodeEnvelope(payload, signatures);
}

/** The proof that fits the request as it stands now, where the new key is one of ours. */
function withProof(value: CborValue, ring: KeyRing, fleetId: Uint8Array): CborValue {
  if (!(value instanceof Map)) return value;
  const request = value as CborMap;
  const [subject, nonce, key] = [CERTIFY.subject, CERTIFY.nonce, CERTIFY.publicKey].map((at) =>
    request.get(at),
  );
  const bytes =
    key instanceof Map ? [...(key as CborMap).values()].find((item) => item instanceof Uint8Array) : key;
  const signer = bytes instanceof Uint8Array ? ring.of({ bytes }) : undefined;
  if (!signer || !(nonce instanceof Uint8Array) || !isNumber32(subject)) return value;
  const proof = signer.sign(keyProof(fleetId, subject, nonce, signer.publicKey));
  return new Map(request).set(CERTIFY.proof, proof);
}

function isNumber32(value: CborValue | undefined): value is number {
  return typeof value === "number" && value >= 0 && value <= 0xffff_ffff;
}
