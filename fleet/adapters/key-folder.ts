/**
 * The keys of a fleet service in a folder, one file per key; in `next/` those that wait until an Authority
 * names them. The Authority is in the log before a file is moved, so a crash in between is made good at the
 * next start: the key that the log names is then still in one of the two places.
 */
import { join } from "node:path";
import type { Crypto, Entropy } from "../../protocol/crypto.js";
import { FleetError } from "../errors.js";
import {
  FLEET_KEY_NAMES,
  type FleetKeyName,
  mayBeOffline,
  type ServiceKeys,
  type SomeKeys,
  type StagedKeys,
} from "../fleet-keys.js";
import { privatePem, readKeyFile } from "./key-files.js";
import { createSecretFolder, moveSecret, removeSecret, secretNames } from "./secret-folder.js";

const fileName = (name: FleetKeyName) => `${name}.pem`;

/**
 * Reads the keys; makes all of them when there is none. Never makes one beside others: a new key would not
 * be the fleet's, and would hide that the old one is lost. Those that may be kept elsewhere may be absent.
 * @param founded - the fleet exists already, so that its keys must be here.
 * @throws FleetError "storage-failed" when keys are missing or unreadable, "denied" when others can read one.
 */
export async function loadFleetKeys(
  folder: string,
  crypto: Crypto,
  entropy: Entropy,
  founded = false,
): Promise<ServiceKeys> {
  const present = new Set(await secretNames(folder));
  const missing = FLEET_KEY_NAMES.filter((name) => !present.has(fileName(name)));
  if (missing.length === FLEET_KEY_NAMES.length && !founded) await createKeys(folder, crypto, entropy);
  else if (!missing.every(mayBeOffline)) {
    throw new FleetError(
      "storage-failed",
      `the key folder lacks ${missing.join(", ")}; put back the folder of the fleet's backup, all of it`,
    );
  }
  return (await readKeys(folder, crypto)) as ServiceKeys;
}

/** The keys that wait in `next/` of the same folder. */
export function stagedKeys(folder: string, crypto: Crypto): StagedKeys {
  const next = join(folder, "next");
  return {
    read: () => readKeys(next, crypto),
    async settle({ promoted, retired }) {
      for (const name of promoted) await moveSecret(join(next, fileName(name)), join(folder, fileName(name)));
      for (const name of retired) await removeSecret(join(folder, fileName(name)));
    },
  };
}

function createKeys(folder: string, crypto: Crypto, entropy: Entropy): Promise<void> {
  const pem = () => privatePem(crypto.generate("ES256", entropy));
  return createSecretFolder(folder, new Map(FLEET_KEY_NAMES.map((name) => [fileName(name), pem()])));
}

async function readKeys(folder: string, crypto: Crypto): Promise<SomeKeys> {
  const present = new Set(await secretNames(folder));
  const keys: SomeKeys = {};
  for (const name of FLEET_KEY_NAMES.filter((one) => present.has(fileName(one))))
    Object.assign(keys, { [name]: await readKeyFile(join(folder, fileName(name)), crypto) });
  return keys;
}
