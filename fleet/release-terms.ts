/**
 * What release keys have signed ends with them. Where the new keys are elsewhere, nobody signs the old releases
 * and removals again, and who missed one could not verify it any more: a lease that asks for it would never
 * count. In a new term none of them is asked for, and levels stay. Pure.
 */
import { type Authority, roleIn } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import type { SignedBy } from "../protocol/envelope.js";
import type { AuthorityChanges, TermKind } from "./ceremony-next.js";

/** Of the documents that release keys sign. */
const RELEASE_TERMS = ["directive", "advisory"] as const satisfies readonly TermKind[];

/** The same changes, and these terms raised where release keys are replaced. */
export function withReleaseTerms(changes: AuthorityChanges, known: Authority): AuthorityChanges {
  const { release } = changes.roles;
  if (!release || !endsReleases(roleIn(known, "release"), release)) return changes;
  return { ...changes, terms: [...new Set([...changes.terms, ...RELEASE_TERMS])] };
}

/** The terms that `after` keeps although it replaces release keys. */
export function keptReleaseTerms(before: Authority, after: Authority): readonly TermKind[] {
  if (!endsReleases(roleIn(before, "release"), roleIn(after, "release"))) return [];
  return RELEASE_TERMS.filter((kind) => after.terms[kind] === before.terms[kind]);
}

/** True when signatures that were good and enough for the role may be so no longer. */
function endsReleases(before: SignedBy, after: SignedBy): boolean {
  const stays = ({ bytes }: SignedBy["keys"][number]) =>
    after.keys.some((other) => equalBytes(other.bytes, bytes));
  return after.threshold > before.threshold || !before.keys.every(stays);
}
