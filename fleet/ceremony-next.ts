/** A draft of the next Authority: what changes, with the certificates that it takes; nobody has signed it yet. */
import { type Authority, type Role, roleIn, type Trust } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import { parseEnvelope } from "../protocol/cose.js";
import type { PublicKey, Signer } from "../protocol/crypto.js";
import type { SignedBy } from "../protocol/envelope.js";
import { decodeCertificate, issueCertificate, newSerial } from "../protocol/x509/certificate.js";
import { type CaPurpose, verifyTrust } from "../protocol/x509/trust.js";
import { ALL_ROLES, CA_PURPOSES, caName, type CeremonyContext, issueCa, issueRoot } from "./ceremony.js";
import { type FreshnessChanges, freshnessAfter } from "./ceremony-freshness.js";
import { FleetError } from "./errors.js";

export const TERM_KINDS = ["directive", "advisory", "ledger", "time"] as const;
export type TermKind = (typeof TERM_KINDS)[number];

/** Which CAs that are replaced stay listed, so that what they issued still counts. */
export type KeptIssuers = "factory" | "all" | "none";

export interface AuthorityChanges {
  /** The new keys and thresholds of these roles; the others stay as they are. */
  readonly roles: Partial<Record<Role, SignedBy>>;
  /** Terms that grow by one. */
  readonly terms: readonly TermKind[];
  /** With a new term of time: the fleet time at which it begins, Unix seconds. */
  readonly timeBase: number;
  /** The new keys of these CAs. */
  readonly cas: Partial<Record<CaPurpose, PublicKey>>;
  readonly keep: KeptIssuers;
  /** Signs what the changes need of X.509. */
  readonly x509Root?: Signer;
  readonly tables?: FreshnessChanges;
  /** `x509Root` takes the place of the roots there are, and certifies anew every CA that stays. */
  readonly replaceRoot: boolean;
}

/** @throws FleetError "bad-request" for changes that give no Authority that could be used. */
export function draftNext(trust: Trust, changes: AuthorityChanges, context: CeremonyContext): Authority {
  const { value: known, bytes } = trust.authority;
  const { models: _listed, ...same } = known;
  const draft: Authority = {
    ...same,
    ...freshnessAfter(known, changes.tables ?? {}),
    version: known.version + 1,
    roles: ALL_ROLES.map((role) => ({ role, ...(changes.roles[role] ?? keysOf(known, role)) })),
    terms: termsAfter(known, changes),
    ...certificatesAfter(known, changes, context),
    previous: context.crypto.sha256(parseEnvelope(bytes).payload),
  };
  for (const { role, keys, threshold } of draft.roles)
    if (threshold > keys.length)
      throw badRequest(`${threshold} of ${keys.length} keys cannot sign as ${role}; lower its threshold`);
  // Under certificates that do not hold together nobody could verify anything; see `openNextAuthority`.
  verifyTrust({ fleetId: trust.fleetId, roots: draft.anchors, issuers: draft.issuers }, context.crypto);
  return draft;
}

function keysOf(authority: Authority, role: Role): SignedBy {
  const { keys, threshold } = roleIn(authority, role);
  return { keys, threshold };
}

function termsAfter({ terms }: Authority, { terms: raised, timeBase }: AuthorityChanges): Authority["terms"] {
  const after = Object.fromEntries(
    TERM_KINDS.map((kind) => [kind, terms[kind] + (raised.includes(kind) ? 1 : 0)]),
  ) as Record<TermKind, number>;
  return { ...after, timeBase: raised.includes("time") ? timeBase : terms.timeBase };
}

type Certificates = Pick<Authority, "anchors" | "issuers">;

function certificatesAfter(
  known: Authority,
  { cas, keep, x509Root, replaceRoot }: AuthorityChanges,
  context: CeremonyContext,
): Certificates {
  const { name, anchors, issuers } = known;
  const replaced = CA_PURPOSES.filter((purpose) => cas[purpose]);
  if (replaced.length === 0 && !replaceRoot) return { anchors, issuers };
  if (!x509Root) throw badRequest("new certificates need the key of the X.509 root");
  if (!replaceRoot && !anchors.some((der) => sameKey(certified(der).publicKey, x509Root.publicKey)))
    throw badRequest("this is not the key of the fleet's X.509 root");
  const fresh = replaced.flatMap((purpose) => {
    const key = cas[purpose];
    return key ? [{ purpose, certificate: issueCa(name, purpose, key, x509Root, context) }] : [];
  });
  const stays = ({ purpose }: Authority["issuers"][number]) =>
    !cas[purpose] || keep === "all" || (keep === "factory" && purpose === "factory");
  const old = issuers.filter(stays);
  if (!replaceRoot) return { anchors, issuers: [...fresh, ...old] };
  const moved = old.map(({ purpose, certificate }) => ({
    purpose,
    certificate: underRoot(certificate, name, x509Root, context),
  }));
  return { anchors: [issueRoot(name, x509Root, context)], issuers: [...fresh, ...moved] };
}

/** The same CA, key and dates, certified by another root: what it issued stays valid. */
function underRoot(
  certificate: Uint8Array,
  name: string,
  root: Signer,
  { crypto, entropy }: CeremonyContext,
): Uint8Array {
  const request = { ...certified(certificate), serial: newSerial(entropy) };
  return issueCertificate(request, { name: caName(name, "x509-root"), signer: root }, crypto);
}

const certified = (der: Uint8Array) => decodeCertificate(der).fields;
const sameKey = (a: PublicKey, b: PublicKey) => equalBytes(a.bytes, b.bytes);

function badRequest(text: string): FleetError {
  return new FleetError("bad-request", text);
}
