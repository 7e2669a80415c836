/**
 * The founding of a fleet whose root keys do not live with its server, and where it is asked for, neither do
 * those that release and give away devices: everything is laid into one new folder, of which `offline/` goes to a safe place and `online/` is the data folder of the server.
 */
import { rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { FILE_MODE, nodeDisk, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import type { Role } from "../../protocol/authority.js";
import type { Crypto, Entropy, PublicKey } from "../../protocol/crypto.js";
import { FOUNDING_FILE } from "../adapters/founding-file.js";
import { createKeyFiles, readKeyFile } from "../adapters/key-files.js";
import { CA_PURPOSES, type CeremonyContext, draftFounding, type Founding } from "../ceremony.js";
import { encodeDraft, signAuthority, type SigningState, signingState } from "../ceremony-signing.js";
import type { FreshnessChanges } from "../ceremony-freshness.js";
import { FleetError } from "../errors.js";
import { CA_KEYS, type FleetKeyName } from "../fleet-keys.js";
import { fleetFolder } from "./connection.js";

/** The keys of a role that has more than one. */
export interface KeyPlan {
  /** How many are made here. */
  readonly made: number;
  /** Made elsewhere. */
  readonly given: readonly PublicKey[];
  readonly threshold: number;
}

export interface FoundPlan {
  readonly folder: string;
  readonly name: string;
  readonly root: KeyPlan;
  /** Undefined: one key, which the server has. */
  readonly release?: KeyPlan;
  readonly transfer?: KeyPlan;
  readonly tables?: FreshnessChanges;
}

const ONLINE_ROLES = ["hold", "lease", "ledger", "factory"] as const satisfies readonly Role[];
/** Those that lower what holds a device, each in its way: online only where the plan says nothing of them. */
const LOWERING_ROLES = ["release", "transfer"] as const satisfies readonly Role[];

/**
 * Whole or not at all: the folder appears once everything is in it.
 * @returns what version 1 still needs, where root keys were made elsewhere.
 * @throws FleetError "conflict" when there is such a folder, "bad-request" for a threshold above its keys.
 */
export async function foundOffline(plan: FoundPlan, context: CeremonyContext): Promise<SigningState> {
  const { crypto } = context;
  const plans = [plan.root, plan.release, plan.transfer].filter((one) => one !== undefined);
  for (const { made, given, threshold } of plans)
    if (threshold > made + given.length)
      throw new FleetError("bad-request", `${made + given.length} keys cannot give ${threshold} signatures`);
  if (await stat(plan.folder).catch(() => undefined))
    throw new FleetError("conflict", `there is a ${plan.folder} already; choose another folder`);
  const unfinished = `${resolve(plan.folder)}.new`;
  await rm(unfinished, { recursive: true, force: true }); // left by a crash
  const keys = await makeKeys(plan, unfinished, context);
  let file = encodeDraft(
    draftFounding({ name: plan.name, tables: plan.tables ?? {}, ...keys.founding }, context),
  );
  for (const path of keys.rootFiles.slice(0, plan.root.threshold))
    file = signAuthority(file, await readKeyFile(path, crypto), undefined, crypto);
  await writeFileAtomic(join(dataIn(unfinished), FOUNDING_FILE), file, FILE_MODE);
  await rename(unfinished, plan.folder);
  await nodeDisk.syncFolder(dirname(resolve(plan.folder)));
  return signingState(file, undefined, crypto);
}

/** The data folder's own, as `daymark server run --data <folder>/online` looks for it. */
function dataIn(folder: string): string {
  return fleetFolder(join(folder, "online"), {});
}

async function makeKeys(plan: FoundPlan, folder: string, context: CeremonyContext) {
  const { crypto, entropy } = context;
  const offline = join(folder, "offline");
  const online = (name: FleetKeyName) => createKeyFiles(join(dataIn(folder), "keys", name), crypto, entropy);
  const roots = await makeMany(join(offline, "root"), plan.root, crypto, entropy);
  await createKeyFiles(join(offline, "x509-root"), crypto, entropy);
  await online("station");
  const roles: Partial<Record<Role, Founding["roles"]["root"]>> = { root: roots.role };
  const onlineRole = async (role: Role) => ({ keys: [await online(role)], threshold: 1 });
  for (const role of ONLINE_ROLES) roles[role] = await onlineRole(role);
  for (const role of LOWERING_ROLES) {
    const apart = plan[role];
    const many = apart && (await makeMany(join(offline, role), apart, crypto, entropy));
    roles[role] = many?.role ?? (await onlineRole(role));
  }
  const cas: Partial<Founding["cas"]> = {};
  for (const purpose of CA_PURPOSES) Object.assign(cas, { [purpose]: await online(CA_KEYS[purpose]) });
  const founding = {
    roles: roles as Founding["roles"],
    cas: cas as Founding["cas"],
    x509Root: await readKeyFile(join(offline, "x509-root.pem"), crypto),
  };
  return { founding, rootFiles: roots.files };
}

/** `root.pem`, or `root-1.pem`, `root-2.pem`, … */
async function makeMany(path: string, plan: KeyPlan, crypto: Crypto, entropy: Entropy) {
  const paths = Array.from({ length: plan.made }, (_, i) => (plan.made === 1 ? path : `${path}-${i + 1}`));
  const keys = [...plan.given];
  for (const one of paths) keys.push(await createKeyFiles(one, crypto, entropy));
  return { role: { keys, threshold: plan.threshold }, files: paths.map((one) => `${one}.pem`) };
}
