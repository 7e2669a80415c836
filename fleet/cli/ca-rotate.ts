/** From the words of a command line to the changes of the next Authority; new keys are made here if asked for. */
import { join } from "node:path";
import { type Role, roleIn, type Trust } from "../../protocol/authority.js";
import type { Crypto, Entropy, PublicKey, Signer } from "../../protocol/crypto.js";
import type { CaPurpose } from "../../protocol/x509/trust.js";
import { createKeyFiles, readKeyFile } from "../adapters/key-files.js";
import { ALL_ROLES, CA_PURPOSES } from "../ceremony.js";
import type { FreshnessChanges } from "../ceremony-freshness.js";
import type { AuthorityChanges, KeptIssuers, TermKind } from "../ceremony-next.js";
import { CA_KEYS, type FleetKeyName } from "../fleet-keys.js";
import { CliError, EXIT } from "./exit.js";

/** `NAME=FILE`, `NAME=NUMBER`: a key of the fleet, and what is said about it. */
export type Named<T> = readonly [name: FleetKeyName, value: T];

export interface RotateWords {
  /** New keys of roles and CAs whose private halves are elsewhere. A role may have several. */
  readonly keys: readonly Named<PublicKey>[];
  readonly thresholds: readonly Named<number>[];
  /** New keys to be made here, and the folder that they are laid into. */
  readonly fresh: readonly FleetKeyName[];
  readonly folder?: string;
  readonly terms: readonly TermKind[];
  readonly timeBase: number;
  readonly keepIssuers: KeptIssuers;
  readonly tables: FreshnessChanges;
  /** File of the key of the X.509 root. */
  readonly x509Root?: string;
  readonly replaceX509Root: boolean;
}

/** @throws CliError "usage" for words that do not fit together. */
export async function changesFrom(
  words: RotateWords,
  { authority: { value: known } }: Trust,
  crypto: Crypto,
  entropy: Entropy,
): Promise<AuthorityChanges> {
  const { fresh, folder, terms, timeBase, tables, keepIssuers: keep } = words;
  const isRole = (name: FleetKeyName): name is Role & FleetKeyName => ALL_ROLES.some((role) => role === name);
  const made: Named<PublicKey>[] = [];
  for (const name of fresh) {
    if (folder === undefined) throw usage("say with --keys where new keys are to be laid");
    made.push([name, await createKeyFiles(join(folder, name), crypto, entropy)]);
  }
  const all = [...words.keys, ...made];
  const keysOf = (wanted: FleetKeyName) => all.filter(([name]) => name === wanted).map(([, key]) => key);
  const roles: AuthorityChanges["roles"] = {};
  for (const role of ALL_ROLES) {
    const before = roleIn(known, role);
    const keys = keysOf(role).length > 0 ? keysOf(role) : before.keys;
    const threshold = words.thresholds.find(([name]) => name === role)?.[1] ?? before.threshold;
    Object.assign(roles, { [role]: { keys, threshold } });
  }
  const cas: Partial<Record<CaPurpose, PublicKey>> = {};
  for (const purpose of CA_PURPOSES) {
    const [key, ...more] = keysOf(CA_KEYS[purpose]);
    if (more.length > 0) throw usage(`${CA_KEYS[purpose]}: a CA has one key`);
    if (key) Object.assign(cas, { [purpose]: key });
  }
  const strange = words.thresholds.find(([name]) => !isRole(name));
  if (strange) throw usage(`${strange[0]} is no role, and has no threshold`);
  return { roles, terms, timeBase, tables, cas, keep, ...(await rootOf(words, crypto)) };
}

async function rootOf(
  { fresh, folder = ".", x509Root, replaceX509Root }: RotateWords,
  crypto: Crypto,
): Promise<{ readonly x509Root?: Signer; readonly replaceRoot: boolean }> {
  const isFresh = fresh.includes("x509-root");
  const file = isFresh ? join(folder, "x509-root.pem") : x509Root;
  const replaceRoot = isFresh || replaceX509Root;
  return file === undefined ? { replaceRoot } : { x509Root: await readKeyFile(file, crypto), replaceRoot };
}

function usage(text: string): CliError {
  return new CliError(EXIT.usage, text);
}
