/** The file of a backup: written piece by piece, whole or not at all; read in pieces, as often as is asked for. */
import { open } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type Disk, FILE_MODE, nodeDisk } from "../../protocol/adapters/atomic-file.js";
import { HEADER_BYTES, readHeader } from "../backup/header.js";
import { FleetError } from "../errors.js";
import { type Lock, openBackup, type Unlock } from "./backup-cipher.js";

const PIECE_BYTES = 256 * 1024;

/**
 * Writes `pieces` to a file for its owner alone, over one that may be there; durable once resolved. A failure leaves
 * what was there before. After a power cut `.NAME.PID.new` may be left beside it.
 * @throws FleetError "storage-failed"; whatever `pieces` throws.
 */
export async function writeBackupFile(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  disk: Disk = nodeDisk,
): Promise<void> {
  const folder = dirname(resolve(path));
  // Of this process: two that write to the same path do not meet half way.
  const temporary = join(folder, `.${basename(path)}.${process.pid}.new`);
  try {
    await toDisk(path, () => disk.remove(temporary)); // no folder is made: the disk may not be mounted
    const file = await toDisk(path, () => disk.create(temporary, FILE_MODE));
    try {
      for await (const piece of pieces) await toDisk(path, () => file.write(piece));
      await toDisk(path, () => file.sync());
    } finally {
      await file.close();
    }
    await toDisk(path, async () => {
      await disk.rename(temporary, path);
      await disk.syncFolder(folder);
    });
  } catch (error) {
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  }
}

/** A backup whose passphrase is at hand. */
export interface OpenBackup {
  /** From the beginning, decrypted. @throws BackupRefused, FleetError "storage-failed" */
  read(): AsyncIterable<Uint8Array>;
}

/** @throws BackupRefused; FleetError "not-found", "storage-failed". */
export async function openBackupFile(path: string, unlock: Unlock): Promise<OpenBackup> {
  const handle = await fromDisk(path, () => open(path, "r"));
  let lock: Lock;
  try {
    const beginning = new Uint8Array(HEADER_BYTES);
    const { bytesRead } = await fromDisk(path, () => handle.read(beginning, 0, HEADER_BYTES, 0));
    const header = readHeader(beginning.subarray(0, bytesRead));
    lock = { header, key: await unlock(header) };
  } finally {
    await handle.close();
  }
  return { read: () => openBackup(piecesOf(path), lock) };
}

/** After the header. */
async function* piecesOf(path: string): AsyncIterable<Uint8Array> {
  const handle = await fromDisk(path, () => open(path, "r"));
  try {
    for (let at = HEADER_BYTES; ;) {
      const buffer = new Uint8Array(PIECE_BYTES);
      const { bytesRead } = await fromDisk(path, () => handle.read(buffer, 0, PIECE_BYTES, at));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

async function fromDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  return work().catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw new FleetError("not-found", `there is no file ${path}`, { cause });
    throw new FleetError("storage-failed", `${path} cannot be read (${cause.code}); check it`, { cause });
  });
}

const WHY: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  ENOENT: "its folder is not there; make it, or mount the disk that has it",
};

async function toDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  return work().catch((cause: NodeJS.ErrnoException) => {
    const why = WHY[cause.code ?? ""] ?? cause.code ?? "check the disk";
    throw new FleetError("storage-failed", `${path} cannot be written: ${why}`, { cause });
  });
}
