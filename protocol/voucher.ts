/**
 * The voucher: who owns a device (RFC 8366, FDO). A chain: the factory's link names the first owner, and
 * each owner's link the next one. A device obeys whom the newest names, and takes no older link again.
 */
import { signedBy } from "./authority.js";
import { hardwareId, seconds, sha256 } from "./common.js";
import { level } from "./level.js";
import { field, message, optional, type TypeOf } from "./schema.js";
import { uint } from "./types.js";

/** Owners of one device in its life; a device remembers what it held for each. */
export const MAX_TRANSFERS = 15;

const link = message(8, "voucher", {
  hardwareId: field(1, hardwareId, "the hardware it is about"),
  deviceKey: field(2, sha256, "SHA-256 of the IDevID public key bytes"),
  index: field(3, uint(MAX_TRANSFERS), "place in the chain; the factory's link is 0"),
  previous: optional(4, sha256, "SHA-256 of the payload of the link before; absent in link 0"),
  owner: field(5, sha256, "SHA-256 of the payload of the owner's Authority version 1"),
  level: field(6, level, "standing handed over: the new owner begins with no less"),
  issuedAt: field(7, seconds, "Unix time"),
});
export type Voucher = TypeOf<typeof link>;

/**
 * Factory to device and owner: this hardware belongs to the fleet with this Authority.
 * CDDL: `voucher`, type 8, index 0. Signed by `factory`.
 */
export const Voucher = signedBy("factory", link);

/** Owner to device and next owner: the same, index 1 and up. Signed by `transfer` of the owner who gives. */
export const Transfer = signedBy("transfer", link);
