/**
 * Birth at the factory, with no network: station and device exchange these over any link. The device
 * makes its key and proves that it holds it; the station answers with all that the device will ever
 * need to reach its fleet; the device confirms that it is stored.
 */
import {
  certificateChain,
  deviceNumber,
  documents,
  envelope,
  hardwareId,
  model,
  nonce,
  publicKey,
  seconds,
  sha256,
} from "./common.js";
import type { Algorithm } from "./crypto.js";
import { COSE_ALGORITHMS } from "./cose.js";
import { field, message, optional, type TypeOf } from "./schema.js";
import { bytes, choice, uint } from "./types.js";

/** Device to station: I have no identity yet. CDDL: `birth-hello`, frame 40. */
export const BirthHello = message(40, "birth-hello", {
  hardwareId: field(1, hardwareId, "what the hardware calls itself"),
  model: field(2, model, "product name"),
  algorithm: field(3, choice<Algorithm>(COSE_ALGORITHMS), "the algorithm of the key it will make"),
});
export type BirthHello = TypeOf<typeof BirthHello>;

/** Station to device: sign this with the key you make. CDDL: `birth-challenge`, frame 41. */
export const BirthChallenge = message(41, "birth-challenge", {
  nonce: field(1, nonce, "fresh, used once"),
  fleetId: field(2, bytes(16), "the fleet it will belong to"),
});
export type BirthChallenge = TypeOf<typeof BirthChallenge>;

/** Device to station: my new key, and proof that I hold it. CDDL: `birth-request`, type 42, signed by that key. */
export const BirthRequest = message(42, "birth-request", {
  nonce: field(1, nonce, "of the challenge"),
  hardwareId: field(2, hardwareId, "as in the hello"),
  model: field(3, model, "as in the hello"),
  publicKey: field(4, publicKey, "made on the device; the private half never leaves it"),
});
export type BirthRequest = TypeOf<typeof BirthRequest>;

/** Station to device: your identity. CDDL: `birth-grant`, frame 43. */
export const BirthGrant = message(43, "birth-grant", {
  idevid: field(1, certificateChain, "IDevID and station certificate, DER"),
  authority: field(2, envelope, "Authority of the fleet that owns it, version 1"),
  voucher: field(3, envelope, "who owns it"),
  record: field(4, envelope, "its birth record"),
  links: optional(5, documents, "Authority versions after the first, oldest first; absent: there are none"),
});
export type BirthGrant = TypeOf<typeof BirthGrant>;

/** Device to station: it is on my disk. CDDL: `birth-stored`, type 44, signed by the IDevID key. */
export const BirthStored = message(44, "birth-stored", {
  subject: field(1, deviceNumber, "the number it was given"),
  hardwareId: field(2, hardwareId, "as in the hello"),
  record: field(3, sha256, "SHA-256 of the birth record's envelope"),
});
export type BirthStored = TypeOf<typeof BirthStored>;

/**
 * Station to fleet: this device was born here. Chained by hash, so that none can be taken out.
 * CDDL: `birth-record`, type 16. Signed by the station's certificate key.
 */
export const BirthRecord = message(16, "birth-record", {
  subject: field(1, deviceNumber, "its number in the fleet"),
  hardwareId: field(2, hardwareId, "what its standing is bound to"),
  model: field(3, model, "product name"),
  publicKey: field(4, publicKey, "of its IDevID"),
  idevid: field(5, sha256, "SHA-256 of the IDevID certificate, DER"),
  index: field(6, uint(), "place in the station's chain, from 0"),
  previous: optional(7, sha256, "SHA-256 of the previous record's envelope; absent in the first"),
  bornAt: field(8, seconds, "station's clock, Unix time"),
});
export type BirthRecord = TypeOf<typeof BirthRecord>;
