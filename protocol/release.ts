/** The release: the only document that can lower a level, and only beside a lease that names it (P13). */
import { freshnessRules, signedBy } from "./authority.js";
import { actCount, deviceNumber, seconds } from "./common.js";
import { level } from "./level.js";
import { field, message, optional, type TypeOf } from "./schema.js";
import { array, uint } from "./types.js";
import { version } from "./version.js";

/**
 * Fleet to one device: every directive up to `through` is lifted; this level is left.
 * `revoked` as the level left is final: it raises at once and nothing lowers it.
 * CDDL: `release`, type 4. Signed by `release`.
 */
export const Release = signedBy(
  "release",
  message(4, "release", {
    subject: field(1, deviceNumber, "the device it frees"),
    version: field(2, version, "[term, through]; `through` is a seq of its own, above all that it lifts"),
    level: field(3, level, "the level that is left"),
    clearedAlarms: optional(4, array(uint(), { min: 1, max: 16 }), "ids of the alarms it clears"),
    wipe: optional(5, actCount, "erase what the application and the fleet left, until done this often"),
    issuedAt: field(6, seconds, "fleet time"),
    freshness: optional(
      7,
      freshnessRules,
      "this device's own table, as long as no later release is in force",
    ),
  }),
);
export type Release = TypeOf<typeof Release>;
