/**
 * The secret that seals sync tokens: 32 bytes as hex in `token.secret`, beside the fleet's keys. Without it the
 * fleet knows none of its tokens again, so every device that syncs would be taken for two.
 */
import { join } from "node:path";
import { FILE_MODE, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { fromHex, toHex, utf8 } from "../../protocol/bytes.js";
import { FleetError } from "../errors.js";
import { TOKEN_SECRET_BYTES } from "../sync-tokens.js";
import { readSecret } from "./secret-folder.js";

const pathIn = (folder: string) => join(folder, "token.secret");
const SECRET = new RegExp(`^[0-9a-f]{${2 * TOKEN_SECRET_BYTES}}$`, "i");

/**
 * @param folder - of the fleet's keys.
 * @returns undefined when there is none.
 * @throws FleetError "denied" when others can read it, "storage-failed" for anything but a secret.
 */
export async function readTokenSecret(folder: string): Promise<Uint8Array | undefined> {
  const path = pathIn(folder);
  const text = await readSecret(path).catch(undefinedIfMissing);
  if (text === undefined) return undefined;
  if (SECRET.test(text.trim())) return fromHex(text.trim());
  throw new FleetError("storage-failed", `${path} holds no secret; put it back from a backup`);
}

/**
 * Keeps the secret of a fleet that has none yet. Durable once resolved; before that no token may leave.
 * @param isInUse - some device has shown a token: there was another secret, and it is lost.
 * @throws FleetError "storage-failed"
 */
export async function keepTokenSecret(folder: string, secret: Uint8Array, isInUse: boolean): Promise<void> {
  const path = pathIn(folder);
  if (isInUse) {
    throw new FleetError(
      "storage-failed",
      `${path} is missing; put it back from a backup. If it is lost for good, write a new one ` +
        `(openssl rand -hex ${TOKEN_SECRET_BYTES}) and vouch for every device once`,
    );
  }
  await writeFileAtomic(path, utf8(`${toHex(secret)}\n`), FILE_MODE);
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof FleetError && error.code === "not-found") return;
  throw error;
}
