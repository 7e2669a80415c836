/**
 * The Authority: one signed document that says who may sign what, and which certificates are ours. How one
 * version follows from another is in authority-chain.ts.
 */
import type { Crypto } from "./crypto.js";
import { certificate, model, publicKey, seconds, sha256 } from "./common.js";
import { type Opened, openEnvelope, type SignedBy } from "./envelope.js";
import { ProtocolError } from "./errors.js";
import { higherLevel, level, type Level } from "./level.js";
import { field, map, message, optional, type Message, type TypeOf } from "./schema.js";
import { array, choice, text, uint } from "./types.js";
import type { CertificateTrust } from "./x509/trust.js";

/**
 * Who signs what: `hold` can only raise a level, `release` lowers it, `lease` says what is current,
 * `transfer` gives a device to another owner. 6 is kept for updates.
 */
export const ROLES = { root: 0, hold: 1, release: 2, lease: 3, ledger: 4, factory: 5, transfer: 7 } as const;
export type Role = keyof typeof ROLES;

const roleKeys = map(
  {
    role: field(1, choice(ROLES), "the role"),
    threshold: field(2, uint(8, 1), "how many of the keys must sign"),
    keys: field(3, array(publicKey, { min: 1, max: 8 }), "the keys that hold the role"),
  },
  "role-keys",
);

/** What an issuing certificate may issue. */
export const ISSUER_PURPOSES = { factory: 0, device: 1, service: 2 } as const;

const issuer = map(
  {
    purpose: field(
      1,
      choice(ISSUER_PURPOSES),
      "factory: stations; device: LDevIDs; service: gateways and services",
    ),
    certificate: field(2, certificate, "DER, signed by an anchor"),
  },
  "issuer",
);

const terms = map(
  {
    directive: field(1, uint(), "term of directives and releases"),
    advisory: field(2, uint(), "term of advisory lists and removals"),
    ledger: field(3, uint(), "term of the ledger"),
    time: field(4, uint(), "term of fleet time"),
    timeBase: field(5, seconds, "fleet time at which its term began: nobody's clock stands before it"),
  },
  "terms",
);

const freshnessRule = map(
  {
    afterSeconds: field(1, seconds, "this long after the lease ended"),
    level: field(2, level, "the device holds itself at least at this level"),
  },
  "freshness-rule",
);

/** What a lease that ran out does to the level; each counts from its time on, and the highest level wins. */
export const freshnessRules = array(freshnessRule, { max: 4 });
export type FreshnessRules = readonly { readonly afterSeconds: number; readonly level: Level }[];

const modelFreshness = map(
  {
    model: field(1, model, "devices of this model"),
    freshness: field(2, freshnessRules, "their table, in place of the one for all"),
  },
  "model-freshness",
);

/**
 * Fleet to all: who may sign what from now on.
 * CDDL: `authority`, type 1. Signed by the root keys; version 1 by those that it names itself.
 */
export const Authority = message(1, "authority", {
  version: field(1, uint(Number.MAX_SAFE_INTEGER, 1), "grows by one with each link"),
  name: field(2, text(64), "the fleet's name, for people"),
  roles: field(3, array(roleKeys, { min: 1, max: 8 }), "role keys and thresholds"),
  terms: field(4, terms, "the term in which each kind of version counts"),
  anchors: field(5, array(certificate, { min: 1, max: 4 }), "X.509 root certificates, DER"),
  issuers: field(6, array(issuer, { min: 1, max: 12 }), "X.509 issuing certificates"),
  freshness: field(7, freshnessRules, "what a lease that ran out does to the level"),
  models: optional(8, array(modelFreshness, { min: 1, max: 16 }), "models with a table of their own"),
  previous: optional(9, sha256, "SHA-256 of the previous version's payload; absent in version 1"),
});
export type Authority = TypeOf<typeof Authority>;

/** What a verifier needs to know about a fleet; made only from an Authority that proved itself. */
export interface Trust {
  /** 16 bytes. */
  readonly fleetId: Uint8Array;
  readonly authority: Opened<Authority>;
  /** Its certificates, as the verifier of chains wants them. */
  readonly certificates: CertificateTrust;
}

/** A message that a role of the fleet signs. */
export interface RoleDocument<T, Name extends string> extends Message<T, Name> {
  readonly signedBy: Role;
}

export function signedBy<T, Name extends string>(role: Role, doc: Message<T, Name>): RoleDocument<T, Name> {
  return { ...doc, signedBy: role };
}

/** Opens a document with the keys of the role that must have signed it. @throws ProtocolError */
export function openDocument<T, Name extends string>(
  document: RoleDocument<T, Name>,
  bytes: Uint8Array,
  trust: Trust,
  crypto: Crypto,
): Opened<T> {
  return openEnvelope(document, bytes, holdersOf(document.signedBy, trust), trust.fleetId, crypto);
}

/** Who signs for `role`, and how many of them must. */
export function holdersOf(role: Role, trust: Trust): SignedBy {
  return roleIn(trust.authority.value, role);
}

/** The key list of a role. @throws ProtocolError unless there is exactly one. */
export function roleIn(authority: Authority, role: Role): SignedBy {
  const found = authority.roles.filter((entry) => entry.role === role);
  if (found.length === 1 && found[0]) return found[0];
  throw new ProtocolError(
    "wrong-key",
    `the Authority names ${found.length} key lists for ${role}; one is needed`,
  );
}

/** The table that counts for a device: its own, by its newest release in force; its model's; the one for all. */
export function freshnessFor(
  authority: Authority,
  ofModel: string,
  own: FreshnessRules | undefined,
): FreshnessRules {
  const forModel = authority.models?.find((entry) => entry.model === ofModel);
  return own ?? forModel?.freshness ?? authority.freshness;
}

/** The level that a freshness table asks for, `sinceEndSeconds` after the lease ended (negative: it is current). */
export function freshnessLevel(table: FreshnessRules, sinceEndSeconds: number): Level {
  const rules = table.filter((rule) => sinceEndSeconds >= rule.afterSeconds);
  return rules.reduce<Level>((highest, rule) => higherLevel(highest, rule.level), "none");
}
