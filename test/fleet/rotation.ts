/** The next Authority of a small fleet: drafted and signed by the code of the ceremonies, with keys at hand. */
import { type AuthorityChanges, draftNext } from "../../fleet/ceremony-next.js";
import { encodeDraft, signAuthority } from "../../fleet/ceremony-signing.js";
import type { StagedKeys, SomeKeys } from "../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Trust } from "../../protocol/authority.js";
import type { PublicKey, Signer } from "../../protocol/crypto.js";
import type { SignedBy } from "../../protocol/envelope.js";
import { FOUNDED, type SmallFleet } from "./fixtures.js";
import { entropy } from "./served-fleet.js";

export const NO_CHANGES: AuthorityChanges = {
  roles: {},
  terms: [],
  timeBase: FOUNDED,
  cas: {},
  keep: "factory",
  replaceRoot: false,
};

/** One key that signs alone. */
export const alone = (key: PublicKey): SignedBy => ({ keys: [key], threshold: 1 });

export function linkAfter(
  trust: Trust,
  changes: Partial<AuthorityChanges>,
  roots: readonly Signer[],
  now = FOUNDED,
): Uint8Array {
  const context = { crypto: nodeCrypto, entropy, now };
  const draft = encodeDraft(draftNext(trust, { ...NO_CHANGES, ...changes }, context));
  return roots.reduce((file, root) => signAuthority(file, root, trust, nodeCrypto), draft);
}

/** By the fleet's first root key; X.509 by its first X.509 root. */
export function nextLink(fleet: SmallFleet, changes: Partial<AuthorityChanges> = {}): Uint8Array {
  const { keys, service } = fleet;
  return linkAfter(service.trust, { x509Root: keys["x509-root"], ...changes }, [keys.root]);
}

/** Keys that wait, in memory. */
export class MemoryStagedKeys implements StagedKeys {
  waiting: SomeKeys = {};
  settled: string[] = [];
  /** Before anything is moved: a disk that fails, or a machine that stops. */
  before: () => void = () => undefined;

  read(): Promise<SomeKeys> {
    return Promise.resolve(this.waiting);
  }
  settle({ promoted, retired }: Parameters<StagedKeys["settle"]>[0]): Promise<void> {
    this.before();
    this.settled.push(...promoted.map((name) => `+${name}`), ...retired.map((name) => `-${name}`));
    return Promise.resolve();
  }
}
