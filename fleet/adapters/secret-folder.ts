/** Folders of secrets: made whole or not at all, and read only while nobody else can read them. */
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FILE_MODE, nodeDisk, removeFile, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import { FleetError } from "../errors.js";

/** Longest file that is read; our keys and tokens have less than 300 bytes. */
const MAX_SECRET_BYTES = 4096;
/** Permission bits of everybody but the owner. */
const OTHERS = 0o077;

/**
 * Writes all `files` (name, text), or none that counts: after a crash half way the folder is not there yet,
 * and the next try writes each of them anew.
 */
export async function createSecretFolder(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  const unfinished = `${folder}.new`;
  await onDisk(folder, async () => {
    for (const [name, text] of files) await writeFileAtomic(join(unfinished, name), utf8(text), FILE_MODE);
    await nodeDisk.rename(unfinished, folder);
    await nodeDisk.syncFolder(dirname(folder));
  });
}

/** Moves a file over another; durable once resolved. */
export async function moveSecret(from: string, to: string): Promise<void> {
  await onDisk(from, async () => {
    await nodeDisk.rename(from, to);
    await nodeDisk.syncFolder(dirname(to));
    await nodeDisk.syncFolder(dirname(from));
  });
}

/** Durable once resolved. */
export async function removeSecret(path: string): Promise<void> {
  await onDisk(path, () => removeFile(path));
}

/** Names in the folder, sorted, without those that begin with a dot; none when there is no folder. */
export async function secretNames(folder: string): Promise<readonly string[]> {
  const names = await onDisk(folder, () => readdir(folder).catch(noneIfMissing));
  return names.filter((name) => !name.startsWith(".")).sort();
}

/**
 * @throws FleetError "denied" when others than the owner can read or change it, "not-found", "bad-request"
 *   when it is too long, "storage-failed".
 */
export async function readSecret(path: string): Promise<string> {
  const handle = await onDisk(path, () => open(path, constants.O_RDONLY).catch(undefinedIfMissing));
  if (!handle) throw new FleetError("not-found", `there is no file ${path}`);
  return onDisk(path, async () => {
    try {
      const { mode, size } = await handle.stat(); // of the file that is read, not of what the path names later
      if (mode & OTHERS) {
        throw new FleetError("denied", `others can read ${path}; make it yours alone: chmod 600 '${path}'`);
      }
      if (size > MAX_SECRET_BYTES) throw new FleetError("bad-request", `${path} is too long for what it is`);
      return await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  });
}

async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FleetError) throw cause;
    throw new FleetError("storage-failed", `${path} cannot be used; check the disk and its owner`, { cause });
  }
}

function noneIfMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
