/** The voucher: who owns a device (RFC 8366, FDO). One link here; transfers append further ones. */
import { signedBy } from "./authority.js";
import { hardwareId, seconds, sha256 } from "./common.js";
import { level } from "./level.js";
import { field, message, type TypeOf } from "./schema.js";
import { uint } from "./types.js";

/**
 * Factory to device and owner: this hardware belongs to the fleet with this Authority.
 * CDDL: `voucher`, type 8. Signed by `factory`.
 */
export const Voucher = signedBy(
  "factory",
  message(8, "voucher", {
    hardwareId: field(1, hardwareId, "the hardware it is about"),
    deviceKey: field(2, sha256, "SHA-256 of the IDevID public key bytes"),
    index: field(3, uint(0), "place in the chain; the factory's link is 0"),
    owner: field(5, sha256, "SHA-256 of the payload of the owner's Authority version 1"),
    level: field(6, level, "standing handed over"),
    issuedAt: field(7, seconds, "Unix time"),
  }),
);
export type Voucher = TypeOf<typeof Voucher>;
