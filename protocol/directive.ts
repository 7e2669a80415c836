/** The directive: what the fleet demands of one device, as a level. Only the newest matters (P2). */
import { signedBy } from "./authority.js";
import { actCount, deviceNumber, generation, seconds } from "./common.js";
import { holdLevel } from "./level.js";
import { field, message, optional, type TypeOf } from "./schema.js";
import { text } from "./types.js";
import { version } from "./version.js";

/**
 * Fleet to one device: hold yourself at this level, the highest asked for since the last release.
 * Raises at any time, by any carrier; never lowers (P13).
 * CDDL: `directive`, type 3. Signed by `hold`.
 */
export const Directive = signedBy(
  "hold",
  message(3, "directive", {
    subject: field(1, deviceNumber, "the device it holds"),
    version: field(2, version, "[term, seq]; seq counts directives and releases of this device together"),
    level: field(3, holdLevel, "the highest level since the last release"),
    reason: field(4, text(64), "why, in the operator's words"),
    lowestGeneration: field(5, generation, "certificates of lower generations no longer count"),
    issuedAt: field(6, seconds, "fleet time"),
    rekey: optional(7, actCount, "get a certificate for a new key, until you have done so this often"),
    reboot: optional(8, actCount, "restart, until you have done so this often"),
    attest: optional(9, actCount, "show what you run, until you have done so this often"),
  }),
);
export type Directive = TypeOf<typeof Directive>;
