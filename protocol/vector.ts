/**
 * The vector: the newest versions that somebody holds. A device sends its own with a hash for each
 * document; a lease names the one that the device must have reached for the lease to count.
 */
import { hash } from "./common.js";
import { atLeast, level } from "./level.js";
import { field, map, optional, type Type, type ValueOf } from "./schema.js";
import { uint } from "./types.js";
import { compareVersions, NO_VERSION, version, type Version } from "./version.js";

const heldVersion = map(
  { version: field(1, version, "the version"), hash: field(2, hash, "of its payload") },
  "held",
);

const heldFields = {
  authority: field(
    1,
    map(
      { version: field(1, uint(), "the version"), hash: field(2, hash, "of its payload") },
      "held-authority",
    ),
    "Authority",
  ),
  ledger: optional(2, heldVersion, "Beacon: [term, epoch]"),
  directive: optional(5, heldVersion, "newest directive"),
  release: optional(6, heldVersion, "newest release, in force or waiting for its lease"),
  level: field(7, level, "standing: what the documents add up to, freshness left aside"),
};
/** What a device holds. Keys 3 and 4 are kept for the two advisory lists. */
export const heldVector: Type<ValueOf<typeof heldFields>> = map(heldFields, "held-vector");
export type HeldVector = ValueOf<typeof heldFields>;

const requiredFields = {
  authority: field(1, uint(), "Authority version"),
  ledger: field(2, version, "[term, epoch]"),
  directive: field(5, version, "[term, seq]"),
  release: field(6, version, "[term, through]; the release that this lease names"),
  level: field(7, level, "the standing the device must be at, or above"),
};
/** What a device must hold. Versions of which there is none yet are [0, 0]. */
export const requiredVector: Type<ValueOf<typeof requiredFields>> = map(requiredFields, "required-vector");
export type RequiredVector = ValueOf<typeof requiredFields>;

/** True when nothing that `required` names is missing from `held`. The release must be that very one. */
export function reaches(held: HeldVector, required: RequiredVector): boolean {
  return (
    held.authority.version >= required.authority &&
    notBehind(held.ledger?.version, required.ledger) &&
    notBehind(held.directive?.version, required.directive) &&
    compareVersions(held.release?.version ?? NO_VERSION, required.release) === 0 &&
    atLeast(held.level, required.level)
  );
}

function notBehind(held: Version | undefined, required: Version): boolean {
  return compareVersions(held ?? NO_VERSION, required) >= 0;
}
