/**
 * How a device gets its LDevID: `enroll` the first time, `renew` while the old one is in date, `return`
 * after it ended, `re-enroll` when its keys are to be replaced for good. Four requests, one reply; each is
 * signed end to end, so that no gateway can forge it.
 */
import {
  certificateChain,
  deviceNumber,
  documents,
  envelope,
  nonce,
  publicKey,
  signature,
} from "./common.js";
import { concatBytes, uint32, utf8 } from "./bytes.js";
import type { PublicKey } from "./crypto.js";
import { field, message, type TypeOf } from "./schema.js";

const newKey = {
  subject: field(1, deviceNumber, "who asks"),
  nonce: field(2, nonce, "saved before it is sent; a retry repeats it"),
  publicKey: field(3, publicKey, "the key to be certified"),
  proof: field(4, signature, "by that key, over `keyProof`: it is held by the one who asks"),
};

/** Device to fleet: here is my IDevID and a new key; issue me an LDevID. CDDL: `enroll-request`, type 20, signed by the IDevID key. */
export const EnrollRequest = message(20, "enroll-request", {
  ...newKey,
  idevid: field(5, certificateChain, "IDevID and station certificate"),
  voucher: field(6, envelope, "who owns this device"),
  record: field(7, envelope, "its birth record"),
});
export type EnrollRequest = TypeOf<typeof EnrollRequest>;

/** Device to fleet: my LDevID is past two thirds of its life. CDDL: `renew-request`, type 21, signed by the LDevID key. */
export const RenewRequest = message(21, "renew-request", newKey);
export type RenewRequest = TypeOf<typeof RenewRequest>;

/** Device to fleet: my LDevID ended while I was away. CDDL: `return-request`, type 22, signed by the IDevID key. */
export const ReturnRequest = message(22, "return-request", newKey);
export type ReturnRequest = TypeOf<typeof ReturnRequest>;

/**
 * Device to fleet: from now on this key is mine, and no key of before; an operator gave me a ticket for it.
 * The certificate that answers is for this very key. CDDL: `reenroll-request`, type 25, signed by the new key.
 */
export const ReenrollRequest = message(25, "reenroll-request", {
  subject: field(1, deviceNumber, "who asks"),
  nonce: field(2, nonce, "saved before it is sent; a retry repeats it"),
  publicKey: field(3, publicKey, "the key that takes the place of the IDevID's and of every LDevID's"),
  ticket: field(4, signature, "by the key of the ticket, over `ticketProof`"),
});
export type ReenrollRequest = TypeOf<typeof ReenrollRequest>;

/** Fleet to device: your LDevID, which proves itself. CDDL: `certificate-reply`, frame 30. */
export const CertificateReply = message(30, "certificate-reply", {
  nonce: field(1, nonce, "of the request"),
  ldevid: field(2, certificateChain, "LDevID and its issuer, DER"),
  documents: field(3, documents, "what stands for this device already"),
});
export type CertificateReply = TypeOf<typeof CertificateReply>;

/** What a new key signs to prove that it is held: bound to fleet, device and request. */
export function keyProof(
  fleetId: Uint8Array,
  subject: number,
  requestNonce: Uint8Array,
  key: PublicKey,
): Uint8Array {
  return concatBytes(utf8("daymark/1 key proof"), fleetId, uint32(subject), requestNonce, key.bytes);
}

/**
 * What the key of a ticket signs. A ticket is the seed of an Ed25519 key (32 bytes) that a person carries to
 * the device; the fleet keeps the public half, so nobody on the way, nor a reader of its log, can use it.
 */
export function ticketProof(
  fleetId: Uint8Array,
  subject: number,
  requestNonce: Uint8Array,
  key: PublicKey,
): Uint8Array {
  return concatBytes(utf8("daymark/1 ticket"), fleetId, uint32(subject), requestNonce, key.bytes);
}
