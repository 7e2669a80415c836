/**
 * New terms above a time that the log has lost. Nobody knows what was said in it; whatever it was, nothing of it is
 * named by a lease any more, and no version of it is used again. Levels that devices have from it stay until a
 * release; what the log knows is said again in the new term.
 */
import type { Authority, Trust } from "../../protocol/authority.js";
import type { Signer } from "../../protocol/crypto.js";
import type { CeremonyContext } from "../ceremony.js";
import { draftNext, TERM_KINDS } from "../ceremony-next.js";
import { encodeDraft, signAuthority } from "../ceremony-signing.js";
import { FleetError } from "../errors.js";
import { type FleetEvent, toBase64Url } from "../events.js";
import { keysInUse, type ServiceKeys, type SomeKeys } from "../fleet-keys.js";
import { FLEET_SUBJECT } from "../subjects.js";
import { nextAuthority } from "../succession.js";
import type { ClosedLog, LogState } from "./closed-log.js";
import { fenceLifted, type Mending } from "./lift.js";

/** The next Authority, in which nothing changes but that all terms begin anew; signed by one root key. */
export function linkWithNewTerms(trust: Trust, root: Signer, context: CeremonyContext): Uint8Array {
  const same = { roles: {}, cas: {}, keep: "factory", replaceRoot: false } as const;
  const draft = draftNext(trust, { ...same, terms: TERM_KINDS, timeBase: context.now }, context);
  return signAuthority(encodeDraft(draft), root, trust, context.crypto);
}

/**
 * Ends the fence, or what would raise it: link and end are one record, so that neither is ever there alone.
 * @param keys - of the service, in use and waiting: it has to be able to go on under the link.
 * @returns the version of the Authority that is in force now.
 * @throws FleetError "bad-request" for a link that keeps a term, "conflict" and ProtocolError as for any link.
 */
export async function beginNewTerms(
  log: ClosedLog,
  { folded, ends }: LogState,
  link: Uint8Array,
  keys: { readonly current: ServiceKeys; readonly staged: SomeKeys },
  mending: Mending,
  { crypto }: Pick<CeremonyContext, "crypto">,
): Promise<number> {
  const { chain } = folded;
  const [before, next] = [chain.at(-1)?.authority.value, nextAuthority(link, chain, crypto)];
  if (!before || !next)
    throw new FleetError("bad-request", "this Authority is in force already: draft the next");
  const { value } = next.authority;
  assertAllTermsNew(before, value);
  const authorities = [...chain, next].map(({ authority }) => authority.value);
  keysInUse(authorities, keys.current, keys.staged); // or the service could not go on under it
  const lifted = fenceLifted("new-terms", mending, folded);
  const { version } = value;
  const begun = { type: "authority-issued", version, newDirectives: true, newTime: true } as const;
  const events: readonly FleetEvent[] = [
    { ...begun, signed: toBase64Url(link), at: lifted.at, actor: lifted.actor },
    lifted,
  ];
  await log.append(FLEET_SUBJECT, events, ends.get(FLEET_SUBJECT) ?? 0);
  return version;
}

function assertAllTermsNew(before: Authority, after: Authority): void {
  const kept = TERM_KINDS.filter((kind) => after.terms[kind] === before.terms[kind]);
  if (kept.length === 0) return;
  const flags = TERM_KINDS.map((kind) => `--term ${kind}`).join(" ");
  throw new FleetError(
    "bad-request",
    `this Authority keeps the term of ${kept.join(", ")}, in which things were said that the log has lost: ` +
      `draft it anew with ${flags}`,
  );
}
