/** The desk where a fleet's offline keys are: it founds a fleet in production form, and signs the next Authority. */
import { ALL_ROLES, CA_PURPOSES, draftFounding, type Founding } from "../../fleet/ceremony.js";
import { draftNext, type KeptIssuers, type TermKind } from "../../fleet/ceremony-next.js";
import { encodeDraft, signAuthority } from "../../fleet/ceremony-signing.js";
import { withReleaseTerms } from "../../fleet/release-terms.js";
import {
  CA_KEYS,
  type FleetKeyName,
  type FleetKeys,
  mayBeOffline,
  type ServiceKeys,
} from "../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Trust } from "../../protocol/authority.js";
import type { Signer } from "../../protocol/crypto.js";
import type { SignedBy } from "../../protocol/envelope.js";
import { entropy, softSigner } from "./soft-keys.js";

/** Those who sign releases together: all of them must. */
export type Operators = readonly Signer[];

/** Version 1, in which the release role is the operators'. @param now - Unix seconds. */
export function foundingBy(keys: FleetKeys, operators: Operators, name: string, now: number): Uint8Array {
  const roles = ALL_ROLES.map((role) => [role, role === "release" ? all(operators) : all([keys[role]])]);
  const cas = CA_PURPOSES.map((purpose) => [purpose, keys[CA_KEYS[purpose]].publicKey]);
  const founding = {
    name,
    x509Root: keys["x509-root"],
    roles: Object.fromEntries(roles) as Founding["roles"],
    cas: Object.fromEntries(cas) as Founding["cas"],
  };
  const draft = draftFounding(founding, { crypto: nodeCrypto, entropy, now });
  return signAuthority(encodeDraft(draft), keys.root, undefined, nodeCrypto);
}

/** What a server has in production form. */
export function onlineKeys(keys: FleetKeys): ServiceKeys {
  return Object.fromEntries(Object.entries(keys).filter(([name]) => isOnline(name))) as ServiceKeys;
}

const isOnline = (name: string): boolean => !mayBeOffline(name as FleetKeyName);

export interface Rotation {
  /** What gets new keys. */
  readonly keys?: readonly FleetKeyName[];
  readonly terms?: readonly TermKind[];
  /** Old CAs that stay listed; by default the factory's. */
  readonly keep?: KeptIssuers;
}

export interface Rotated {
  readonly link: Uint8Array;
  readonly keys: FleetKeys;
  readonly operators: Operators;
}

/**
 * The next Authority, signed by the root keys of both versions. With new keys of several operators come new
 * terms, as daymark ca rotate raises them. @param now - Unix seconds. */
export function rotated(
  trust: Trust,
  before: FleetKeys,
  operators: Operators,
  { keys: names = [], terms = [], keep = "factory" }: Rotation,
  now: number,
): Rotated {
  const fresh = Object.fromEntries(names.map((name) => [name, softSigner()]));
  const keys = { ...before, ...fresh };
  const releasers = !fresh["release"]
    ? operators
    : operators.length === 1
      ? [keys.release]
      : operators.map(() => softSigner());
  const roles = ALL_ROLES.filter((role) => fresh[role]).map((role) => [
    role,
    role === "release" ? all(releasers) : all([keys[role]]),
  ]);
  const cas = CA_PURPOSES.filter((purpose) => fresh[CA_KEYS[purpose]]).map((purpose) => [
    purpose,
    keys[CA_KEYS[purpose]].publicKey,
  ]);
  const asked = {
    roles: Object.fromEntries(roles) as Partial<Founding["roles"]>,
    cas: Object.fromEntries(cas) as Partial<Founding["cas"]>,
    terms,
    keep,
    timeBase: now,
    x509Root: keys["x509-root"],
    replaceRoot: fresh["x509-root"] !== undefined,
  };
  const changes = operators.length > 1 ? withReleaseTerms(asked, trust.authority.value) : asked;
  const draft = draftNext(trust, changes, { crypto: nodeCrypto, entropy, now });
  const roots = fresh["root"] ? [before.root, keys.root] : [keys.root];
  const sign = (file: Uint8Array, root: Signer) => signAuthority(file, root, trust, nodeCrypto);
  return { link: roots.reduce(sign, encodeDraft(draft)), keys, operators: releasers };
}

function all(signers: readonly Signer[]): SignedBy {
  return { keys: signers.map(({ publicKey }) => publicKey), threshold: signers.length };
}
