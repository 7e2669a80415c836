/** A backup, and what is within it for whoever has the passphrase: written once, and read after it was changed. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Unlock } from "../../../fleet/adapters/backup-cipher.js";
import { verifyBackup } from "../../../fleet/adapters/backup-contents.js";
import { createBackup } from "../../../fleet/adapters/backup-create.js";
import { openBackupFile } from "../../../fleet/adapters/backup-file.js";
import { encodeHeader } from "../../../fleet/backup/header.js";
import { openLogOf } from "../../../fleet/cli/log-of.js";
import { openFleet } from "../../../fleet/main.js";
import { JumpClock } from "../../../protocol/adapters/jump-clock.js";
import { nodeDisk } from "../../../protocol/adapters/atomic-file.js";
import { concatBytes, toHex } from "../../../protocol/bytes.js";
import { Unacceptable } from "../edge.js";
import { countedEntropy, repeatable as crypto } from "../payload/keys.js";
import type { StoredFile } from "./stored.js";

/** Longer than any that is written here. */
const MAX_BYTES = 1024 * 1024;

/** In place of scrypt, which is slow on purpose. */
const unlock: Unlock = async (header) => crypto.sha256(encodeHeader(header));

/** @param folder - an empty one. */
export async function backupFiles(folder: string): Promise<readonly StoredFile[]> {
  const [home, path, inside] = ["fleet", "backup", "inside"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const entropy = countedEntropy("backup");
  const fleet = await openFleet({ folder: home, name: "harbour", clock: new JumpClock(), crypto, entropy });
  await fleet.close();
  const log = await openLogOf(home);
  const { fleetId } = await createBackup({ folder: home, log, out: path, unlock, crypto, entropy });
  await log.close();
  const judge = async (plain: AsyncIterable<Uint8Array>) => {
    const found = await verifyBackup(plain, crypto);
    if (toHex(found.fleetId) !== toHex(fleetId)) throw new Unacceptable("a backup of another fleet");
    return "the fleet";
  };
  const plain: Uint8Array[] = [];
  for await (const piece of (await openBackupFile(path, unlock)).read()) plain.push(piece);
  await writeFile(inside, concatBytes(...plain));
  const whole = (await nodeDisk.read(path, MAX_BYTES)) ?? new Uint8Array();
  return [
    {
      name: "backup",
      path,
      whole: "the fleet",
      async read() {
        const word = await judge((await openBackupFile(path, unlock)).read());
        const bytes = (await nodeDisk.read(path, MAX_BYTES)) ?? new Uint8Array();
        if (toHex(bytes) !== toHex(whole))
          throw new Unacceptable("a changed backup was taken for a whole one");
        return word;
      },
    },
    { name: "backup inside", path: inside, whole: "the fleet", read: () => judge(once(inside)) },
  ];
}

async function* once(path: string): AsyncIterable<Uint8Array> {
  yield (await nodeDisk.read(path, MAX_BYTES)) ?? new Uint8Array();
}
