/** The Beacon: the signed head of the ledger, retained on the bus, so that a device sees what it misses. */
import { signedBy } from "./authority.js";
import { seconds, sha256 } from "./common.js";
import { field, message, type TypeOf } from "./schema.js";
import { uint } from "./types.js";
import { version } from "./version.js";

/**
 * Fleet to all: how many numbers are denied at this epoch, and the digest that proves the list.
 * CDDL: `beacon`, type 2. Signed by `ledger`.
 */
export const Beacon = signedBy(
  "ledger",
  message(2, "beacon", {
    version: field(1, version, "[term, epoch]"),
    denied: field(2, uint(0xffff_ffff), "how many numbers are denied"),
    digest: field(3, sha256, "of the denied set and the lowest generations"),
    authority: field(4, uint(), "newest Authority version"),
    advisories: field(5, version, "newest advisory list; [0, 0]: none"),
    removals: field(7, version, "newest advisory removal; [0, 0]: none"),
    issuedAt: field(6, seconds, "fleet time"),
  }),
);
export type Beacon = TypeOf<typeof Beacon>;
