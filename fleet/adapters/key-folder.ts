/** The fleet's keys in a folder: one PKCS #8 PEM file per key (RFC 5958, RFC 7468 §10), for the owner alone. */
import { join } from "node:path";
import { privateKeyFromPem, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import type { Crypto, Entropy, PrivateKey, Signer } from "../../protocol/crypto.js";
import { FleetError } from "../errors.js";
import { FLEET_KEY_NAMES, type FleetKeyName, type FleetKeys } from "../fleet-keys.js";
import { createSecretFolder, readSecret, secretNames } from "./secret-folder.js";

const fileName = (name: FleetKeyName) => `${name}.pem`;

/**
 * Reads the keys; makes all of them when there is none. Never makes one beside others: a new key would not
 * be the fleet's, and would hide that the old one is lost.
 * @param founded - the fleet exists already, so that its keys must be here.
 * @throws FleetError "storage-failed" when keys are missing or unreadable, "denied" when others can read one.
 */
export async function loadFleetKeys(
  folder: string,
  crypto: Crypto,
  entropy: Entropy,
  founded = false,
): Promise<FleetKeys> {
  const present = new Set(await secretNames(folder));
  const missing = FLEET_KEY_NAMES.filter((name) => !present.has(fileName(name)));
  if (missing.length === FLEET_KEY_NAMES.length && !founded) await createKeys(folder, crypto, entropy);
  else if (missing.length > 0) {
    throw new FleetError(
      "storage-failed",
      `the key folder lacks ${missing.join(", ")}; put back the folder of the fleet's backup, all of it`,
    );
  }
  const keys: [FleetKeyName, Signer][] = [];
  for (const name of FLEET_KEY_NAMES) keys.push([name, signer(await readKey(folder, name), crypto)]);
  return Object.fromEntries(keys) as FleetKeys;
}

function createKeys(folder: string, crypto: Crypto, entropy: Entropy): Promise<void> {
  const pem = () =>
    privateKeyObject(crypto.generate("ES256", entropy)).export({ type: "pkcs8", format: "pem" });
  return createSecretFolder(
    folder,
    new Map(FLEET_KEY_NAMES.map((name) => [fileName(name), pem().toString()])),
  );
}

async function readKey(folder: string, name: FleetKeyName): Promise<PrivateKey> {
  const pem = await readSecret(join(folder, fileName(name)));
  try {
    return privateKeyFromPem(pem);
  } catch {
    // No cause: what a parser says of a key file may quote it.
    throw new FleetError(
      "storage-failed",
      `the file of key ${name} cannot be read; put it back from a backup`,
    );
  }
}

function signer(key: PrivateKey, crypto: Crypto): Signer {
  return { publicKey: crypto.publicKey(key), sign: (message) => crypto.sign(key, message) };
}
