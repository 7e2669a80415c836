/**
 * Key files: private halves as PKCS #8 PEM (RFC 5958, RFC 7468 §10), for the owner alone; public ones, to be
 * carried to other machines, as SubjectPublicKeyInfo PEM (RFC 7468 §13).
 */
import { createPublicKey } from "node:crypto";
import { FILE_MODE, nodeDisk, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { privateKeyFromPem, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Crypto, Entropy, PrivateKey, PublicKey, Signer } from "../../protocol/crypto.js";
import { subjectPublicKeyInfo } from "../../protocol/x509/algorithms.js";
import { FleetError } from "../errors.js";
import { readSecret } from "./secret-folder.js";

/**
 * Makes a key: `<path>.pem`, and its public half in `<path>.pub.pem`.
 * @throws FleetError "conflict" when there is such a file: a key is never written over.
 */
export async function createKeyFiles(path: string, crypto: Crypto, entropy: Entropy): Promise<PublicKey> {
  const [own, open] = [`${path}.pem`, `${path}.pub.pem`];
  for (const file of [own, open]) {
    if (await nodeDisk.read(file, 0)) throw new FleetError("conflict", `there is a file ${file} already`);
  }
  const key = crypto.generate("ES256", entropy);
  const publicKey = crypto.publicKey(key);
  await writeFileAtomic(own, utf8(privatePem(key)), FILE_MODE);
  await writeFileAtomic(open, utf8(publicPem(publicKey)), FILE_MODE);
  return publicKey;
}

export function privatePem(key: PrivateKey): string {
  return privateKeyObject(key).export({ type: "pkcs8", format: "pem" }).toString();
}

/** @throws FleetError "not-found", "denied" when others can read it, "storage-failed" for anything but a key. */
export async function readKeyFile(path: string, crypto: Crypto): Promise<Signer> {
  const key = parsePrivate(await readSecret(path), path);
  return { publicKey: crypto.publicKey(key), sign: (message) => crypto.sign(key, message) };
}

function publicPem(key: PublicKey): string {
  const der = Buffer.from(subjectPublicKeyInfo(key));
  return createPublicKey({ key: der, format: "der", type: "spki" })
    .export({ type: "spki", format: "pem" })
    .toString();
}

function parsePrivate(pem: string, path: string): PrivateKey {
  try {
    return privateKeyFromPem(pem);
  } catch {
    // No cause: what a parser says of a key file may quote it.
    throw new FleetError("storage-failed", `the key in ${path} cannot be read; put it back from a backup`);
  }
}
