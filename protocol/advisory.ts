/**
 * Advisories: rules that set a level for every device they match, also for those that nobody can name yet.
 * The list can only raise. An entry ends when the release quorum removes its id, and even then not before
 * a lease names that removal (P13).
 */
import { signedBy } from "./authority.js";
import { seconds } from "./common.js";
import { holdLevel } from "./level.js";
import { predicate } from "./predicate.js";
import { field, map, message, type TypeOf } from "./schema.js";
import { array, text, uint } from "./types.js";
import { version } from "./version.js";

/** Entries of one list. Ids are never used again within a term. */
export const MAX_ADVISORIES = 64;
const advisoryId = uint(0xffff_ffff, 1);

const advisory = map(
  {
    id: field(1, advisoryId, "names the entry for ever"),
    match: field(2, predicate, "which devices: one that cannot tell is meant"),
    level: field(3, holdLevel, "the level that they hold themselves at, or above"),
    reason: field(4, text(64), "why, in the operator's words"),
  },
  "advisory",
);

/**
 * Fleet to all: devices that match hold themselves at these levels. Within a term a newer list has all
 * entries of an older one that no removal names.
 * CDDL: `advisory-list`, type 5. Signed by `hold`.
 */
export const AdvisoryList = signedBy(
  "hold",
  message(5, "advisory-list", {
    version: field(1, version, "[term, n]"),
    entries: field(2, array(advisory, { max: MAX_ADVISORIES }), "ascending by id"),
    issuedAt: field(3, seconds, "fleet time"),
  }),
);
export type AdvisoryList = TypeOf<typeof AdvisoryList>;
export type Advisory = AdvisoryList["entries"][number];

/**
 * Fleet to all: these entries no longer count, once a lease names this removal. It says all that were
 * removed in its term, so that missing earlier ones loses nothing (P2).
 * CDDL: `advisory-removal`, type 6. Signed by `release`.
 */
export const AdvisoryRemoval = signedBy(
  "release",
  message(6, "advisory-removal", {
    version: field(1, version, "[term, n]"),
    ids: field(2, array(advisoryId, { min: 1, max: 256 }), "ascending"),
    issuedAt: field(3, seconds, "fleet time"),
  }),
);
export type AdvisoryRemoval = TypeOf<typeof AdvisoryRemoval>;
