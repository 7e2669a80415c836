/**
 * The vector: the newest versions that somebody holds. A device sends its own with a hash for each
 * document; a lease names the one that the device must have reached for the lease to count.
 */
import { actCount, hash } from "./common.js";
import { atLeast, level } from "./level.js";
import { field, map, optional, type Type, type ValueOf } from "./schema.js";
import { uint } from "./types.js";
import { compareVersions, NO_VERSION, version, type Version } from "./version.js";

const heldVersion = map(
  { version: field(1, version, "the version"), hash: field(2, hash, "of its payload") },
  "held",
);

const actFields = {
  rekey: optional(1, actCount, "new keys certified"),
  reboot: optional(2, actCount, "restarts asked for and done"),
  attest: optional(3, actCount, "times it showed what it runs"),
  wipe: optional(4, actCount, "times it was wiped"),
};
/** How often each one-shot act was done in the present term of directives; absent: never. */
export const actsDone: Type<ValueOf<typeof actFields>> = map(actFields, "acts-done");
export type ActsDone = ValueOf<typeof actFields>;
export type ActName = keyof ActsDone;

const heldFields = {
  authority: field(
    1,
    map(
      { version: field(1, uint(), "the version"), hash: field(2, hash, "of its payload") },
      "held-authority",
    ),
    "Authority",
  ),
  ledger: optional(2, heldVersion, "Beacon whose denied set is stored: [term, epoch]"),
  advisories: optional(3, heldVersion, "newest advisory list"),
  removals: optional(4, heldVersion, "newest advisory removal, in force or waiting for its lease"),
  directive: optional(5, heldVersion, "newest directive"),
  release: optional(6, heldVersion, "newest release, in force or waiting for its lease"),
  level: field(7, level, "standing: what the documents add up to, freshness left aside"),
  done: optional(8, actsDone, "one-shot acts done"),
};
/** What a device holds. */
export const heldVector: Type<ValueOf<typeof heldFields>> = map(heldFields, "held-vector");
export type HeldVector = ValueOf<typeof heldFields>;

const requiredFields = {
  authority: field(1, uint(), "Authority version"),
  ledger: field(2, version, "[term, epoch]"),
  advisories: field(3, version, "advisory list"),
  removals: field(4, version, "advisory removal; the one that this lease names"),
  directive: field(5, version, "[term, seq]"),
  release: field(6, version, "[term, through]; the release that this lease names"),
  level: field(7, level, "the standing the device must be at, or above"),
};
/** What a device must hold. Versions of which there is none yet are [0, 0]. */
export const requiredVector: Type<ValueOf<typeof requiredFields>> = map(requiredFields, "required-vector");
export type RequiredVector = ValueOf<typeof requiredFields>;

/** True when nothing that `required` names is missing from `held`. Release and removal must be the very ones. */
export function reaches(held: HeldVector, required: RequiredVector): boolean {
  return (
    held.authority.version >= required.authority &&
    notBehind(held.ledger?.version, required.ledger) &&
    notBehind(held.advisories?.version, required.advisories) &&
    notBehind(held.directive?.version, required.directive) &&
    same(held.removals?.version, required.removals) &&
    same(held.release?.version, required.release) &&
    atLeast(held.level, required.level)
  );
}

/** What lowers a level counts only when the lease names that very one (P13). */
function same(held: Version | undefined, required: Version): boolean {
  return compareVersions(held ?? NO_VERSION, required) === 0;
}

function notBehind(held: Version | undefined, required: Version): boolean {
  return compareVersions(held ?? NO_VERSION, required) >= 0;
}
