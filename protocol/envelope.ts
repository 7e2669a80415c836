/**
 * The envelope: a tagged COSE_Sign1 (RFC 9052 §4.2) around one message. Its protected header says who
 * signed (`kid`), with what (`alg`) and what it is (`typ`, RFC 9596); the fleet id is mixed into the
 * signature as external data. So nothing moves between fleets or message types, whatever carries it.
 *
 * Where a role needs several people, their signatures stand beside the first one in the unprotected
 * header. Each is what a COSE_Sign1 of its own over the same payload would hold, so they can be made in
 * any order, on machines that never see each other's.
 */
import { equalBytes } from "./bytes.js";
import {
  encodeEnvelope,
  type EnvelopeParts,
  keyId,
  parseEnvelope,
  protectedHeaderOf,
  signedBytes,
} from "./cose.js";
import type { Crypto, PublicKey, Signer } from "./crypto.js";
import { ProtocolError } from "./errors.js";
import type { Message } from "./schema.js";

/** Bytes of payload hash that stand for a document in a vector. */
export const HASH_BYTES = 8;

/** A signed message whose type was checked, and its signatures: now, or before it was stored. */
export interface Opened<T> {
  readonly value: T;
  /** The envelope exactly as received. */
  readonly bytes: Uint8Array;
  /** First 8 bytes of the SHA-256 of the payload as received: tells two documents of one version apart. */
  readonly hash: Uint8Array;
  /** Everyone whose signature was checked just now. */
  readonly signers: readonly PublicKey[];
}

/** Who may sign a message, and how many of them must. */
export interface SignedBy {
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
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
  const protectedHeader = protectedHeaderOf(key, message.type, crypto);
  return {
    toBeSigned: signedBytes(protectedHeader, payload, fleetId),
    finish: (signature) => encodeEnvelope(payload, [{ protectedHeader, signature }]),
  };
}

/**
 * Adds one more signature to an envelope. What is there already is kept, not checked.
 * @throws ProtocolError "malformed" when this key has signed before; "too-large" when there is no room.
 */
export function addSignature(
  bytes: Uint8Array,
  signer: Signer,
  fleetId: Uint8Array,
  crypto: Crypto,
): Uint8Array {
  const { type, payload, signatures } = parseEnvelope(bytes);
  const protectedHeader = protectedHeaderOf(signer.publicKey, type, crypto);
  const signature = signer.sign(signedBytes(protectedHeader, payload, fleetId));
  const signed = encodeEnvelope(payload, [...signatures, { protectedHeader, signature }]);
  parseEnvelope(signed); // never hand on what would be refused
  return signed;
}

/**
 * Verifies an envelope and returns what was signed. The keys are found among those that may sign; the
 * algorithm is the key's own, and an envelope that names another one is refused.
 * @param by - who may sign this message. A bare list of keys asks for one signature.
 * @throws ProtocolError: see its codes.
 * @see RFC 9052 §4.4 (Sig_structure)
 */
export function openEnvelope<T>(
  message: Message<T>,
  bytes: Uint8Array,
  by: SignedBy | readonly PublicKey[],
  fleetId: Uint8Array,
  crypto: Crypto,
): Opened<T> {
  return openParsed(message, bytes, parseEnvelope(bytes), by, fleetId, crypto);
}

/** The same for who has looked into it already. @param parts - of `bytes`. @throws ProtocolError */
export function openParsed<T>(
  message: Message<T>,
  bytes: Uint8Array,
  parts: EnvelopeParts,
  by: SignedBy | readonly PublicKey[],
  fleetId: Uint8Array,
  crypto: Crypto,
): Opened<T> {
  if (parts.type !== message.type) {
    throw new ProtocolError("unknown-type", `type ${parts.type} came where ${message.name} was expected`);
  }
  const signers = verifyParts(parts, by, fleetId, crypto, message.name);
  return { value: message.decode(parts.payload), bytes, hash: payloadHash(parts, crypto), signers };
}

/**
 * Checks signers and signatures alone. Every signature there is must be good and by a key that may sign:
 * a strange one beside enough good ones is refused too, so that nobody can make a document grow.
 * @returns the keys that signed. @throws ProtocolError
 */
export function verifyParts(
  { payload, signatures }: EnvelopeParts,
  by: SignedBy | readonly PublicKey[],
  fleetId: Uint8Array,
  crypto: Crypto,
  name: string,
): readonly PublicKey[] {
  const { keys, threshold } = "threshold" in by ? by : { keys: by, threshold: 1 };
  const signers = signatures.map(({ algorithm, kid, protectedHeader, signature }) => {
    const signer = keys.find((key) => equalBytes(keyId(key, crypto), kid));
    if (!signer) throw new ProtocolError("wrong-key", `${name}: the key that signed this may not sign it`);
    if (signer.algorithm !== algorithm) {
      throw new ProtocolError("wrong-key", `${name}: alg is not the algorithm of the key`);
    }
    if (!crypto.verify(signer, signedBytes(protectedHeader, payload, fleetId), signature)) {
      throw new ProtocolError("bad-signature", `${name}: the signature does not verify`);
    }
    return signer;
  });
  if (signers.length < threshold)
    throw new ProtocolError(
      "quorum-missing",
      `${name} needs ${threshold} signatures; it has ${signers.length}`,
    );
  return signers;
}

/**
 * Opens what this machine itself verified before it stored it. The keys of that time may have been rotated
 * since, so no signature is checked: for a machine's own memory only, never for what came from outside.
 * @throws ProtocolError when what was stored cannot be read.
 */
export function reopenEnvelope<T>(message: Message<T>, bytes: Uint8Array, crypto: Crypto): Opened<T> {
  const parts = parseEnvelope(bytes);
  if (parts.type !== message.type) {
    throw new ProtocolError("unknown-type", `type ${parts.type} stored where ${message.name} was expected`);
  }
  return { value: message.decode(parts.payload), bytes, hash: payloadHash(parts, crypto), signers: [] };
}

export function payloadHash(parts: Pick<EnvelopeParts, "payload">, crypto: Crypto): Uint8Array {
  return crypto.sha256(parts.payload).slice(0, HASH_BYTES);
}
