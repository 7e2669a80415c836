/**
 * The key that signs checkpoints: Ed25519, in `audit.pem` beside the fleet's keys, and no part of its Authority.
 * Auditors know its public half; with another key, what they kept would not be continued.
 */
import { join } from "node:path";
import { FILE_MODE, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Crypto, Entropy, Signer } from "../../protocol/crypto.js";
import { FleetError } from "../errors.js";
import { privatePem, readKeyFile } from "./key-files.js";

/**
 * Reads the key; makes it for a log that has no checkpoint yet. Durable once resolved.
 * @param folder - of the fleet's keys.
 * @param isInUse - the log holds a checkpoint: there was a key, and where there is none now it is lost.
 * @throws FleetError "storage-failed" when it is missing or cannot be read, "denied" when others can read it.
 */
export async function loadAuditKey(
  folder: string,
  crypto: Crypto,
  entropy: Entropy,
  isInUse: boolean,
): Promise<Signer> {
  const path = join(folder, "audit.pem");
  const found = await readKeyFile(path, crypto).catch(undefinedIfMissing);
  if (found?.publicKey.algorithm === "Ed25519") return found;
  if (found)
    throw new FleetError("storage-failed", `${path} holds no Ed25519 key; put it back from a backup`);
  if (isInUse) {
    throw new FleetError(
      "storage-failed",
      `${path} is missing; put it back from a backup. If it is lost for good, make a new one ` +
        `(umask 077; openssl genpkey -algorithm ed25519 -out '${path}') and tell the auditors: they need both keys`,
    );
  }
  await writeFileAtomic(path, utf8(privatePem(crypto.generate("Ed25519", entropy))), FILE_MODE);
  return readKeyFile(path, crypto);
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof FleetError && error.code === "not-found") return;
  throw error;
}
