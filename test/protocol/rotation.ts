/** A chain of Authorities to try readers with: each version is changed as a test wants, and signed by whom it wants. */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Authority, type Role, ROLES, type Trust } from "../../protocol/authority.js";
import { fleetIdOf, openFirstAuthority, openNextAuthority } from "../../protocol/authority-chain.js";
import { parseEnvelope } from "../../protocol/cose.js";
import type { Signer } from "../../protocol/crypto.js";
import { addSignature, sealEnvelope } from "../../protocol/envelope.js";
import { NOW, testFleet, testSigner } from "../x509/helpers.js";

export const roleSigner = (role: Role, version = 1) => testSigner("Ed25519", `${role} of version ${version}`);
const rolesOf = (keys: Partial<Record<Role, readonly Signer[]>>, thresholds: Partial<Record<Role, number>>) =>
  (Object.keys(ROLES) as Role[]).map((role) => ({
    role,
    threshold: thresholds[role] ?? 1,
    keys: (keys[role] ?? [roleSigner(role)]).map(({ publicKey }) => publicKey),
  }));

export interface Next {
  /** Keys and thresholds that differ from version 1's. */
  readonly keys?: Partial<Record<Role, readonly Signer[]>>;
  readonly thresholds?: Partial<Record<Role, number>>;
  /** Anything else that differs from the version before. */
  readonly change?: Partial<Authority>;
  /** Who signs; the first makes the envelope. */
  readonly by: readonly Signer[];
}

/** Version 1. */
export function foundingAuthority({ keys = {}, thresholds = {}, change = {}, by }: Next, name = "fleet") {
  const fleet = testFleet("Ed25519", nodeCrypto, name);
  const value: Authority = {
    version: 1,
    name,
    roles: rolesOf(keys, thresholds),
    terms: { directive: 1, advisory: 1, ledger: 1, time: 1, timeBase: NOW },
    anchors: fleet.trust.roots,
    issuers: fleet.trust.issuers,
    freshness: [],
    ...change,
  };
  return signed(value, fleetIdOf(Authority.encode(value), nodeCrypto), by);
}

/** The version after `trust`'s, whatever is wrong with it. */
export function nextAuthority({ authority, fleetId }: Trust, next: Next): Uint8Array {
  const { keys, thresholds, change = {}, by } = next;
  const value: Authority = {
    ...authority.value,
    version: authority.value.version + 1,
    previous: nodeCrypto.sha256(parseEnvelope(authority.bytes).payload),
    ...((keys ?? thresholds) && { roles: rolesOf(keys ?? {}, thresholds ?? {}) }),
    ...change,
  };
  return signed(value, fleetId, by);
}

function signed(value: Authority, fleetId: Uint8Array, [first, ...others]: readonly Signer[]): Uint8Array {
  if (!first) throw new Error("somebody has to sign");
  const envelope = sealEnvelope(Authority, value, first, fleetId, nodeCrypto);
  return others.reduce((bytes, signer) => addSignature(bytes, signer, fleetId, nodeCrypto), envelope);
}

/** Version 1 and `links` more, each with a root key of its own. */
export function longChain(links: number): { readonly first: Trust; readonly links: readonly Uint8Array[] } {
  const root = (version: number) => roleSigner("root", version);
  const first = openFirstAuthority(foundingAuthority({ by: [root(1)] }), nodeCrypto);
  const made: Uint8Array[] = [];
  for (let trust = first, version = 2; made.length < links; version++) {
    const by = [root(version - 1), root(version)];
    made.push(nextAuthority(trust, { keys: { root: [root(version)] }, by }));
    trust = openNextAuthority(made.at(-1)!, trust, nodeCrypto);
  }
  return { first, links: made };
}
