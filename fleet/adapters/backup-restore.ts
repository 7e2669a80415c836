/**
 * A fleet from a backup, in a folder of its own. Everything is written beside it first, and synced; the folder gets
 * its name last. So after a failure, and after a power cut, there is no fleet there or a whole one.
 */
import { readdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Disk, FILE_MODE, nodeDisk, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import type { Crypto } from "../../protocol/crypto.js";
import type { BackupSummary } from "../backup/judge.js";
import { BackupRefused } from "../backup/refused.js";
import { FleetError } from "../errors.js";
import type { EventLog, LogRecord, Position, Subject } from "../ports.js";
import { BackupContents, backupItems, type Progress, verifyBackup } from "./backup-contents.js";
import type { OpenBackup } from "./backup-file.js";
import { lockFolder, lockHolder } from "./folder-lock.js";
import { LmdbEventLog } from "./lmdb-event-log.js";

/** A disk on which whole folders can be removed. */
export interface TreeDisk extends Disk {
  /** A path where nothing is, is no error. */
  removeTree(path: string): Promise<void>;
}

const nodeTrees: TreeDisk = {
  ...nodeDisk,
  removeTree: (path) => rm(path, { recursive: true, force: true }),
};

export interface RestoreOptions {
  readonly backup: OpenBackup;
  /** Of the fleet: empty, or not there. */
  readonly folder: string;
  readonly crypto: Crypto;
  readonly progress?: Progress;
  readonly disk?: TreeDisk;
}

/** Of the lock that is held while it is written, in that folder. */
const LOCK = "lock";
/** Records that wait for one sync. */
const RECORDS_AT_ONCE = 512;

/**
 * @throws BackupRefused for a backup that does not hold: nothing was written then; FleetError "conflict" when there
 *   is something in the folder or another restore at work, "storage-failed" when it cannot be written.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupSummary> {
  const { backup, crypto, progress = () => undefined, disk = nodeTrees } = options;
  const folder = resolve(options.folder);
  await assertFree(folder);
  const { hash } = await verifyBackup(backup.read(), crypto, progress);
  const unfinished = `${folder}.new`;
  // Held until the folder has its name, so that no other restore comes in between.
  const lock = await toDisk(folder, async () => {
    await disk.makeFolder(unfinished);
    return lockFolder(unfinished);
  });
  try {
    const summary = await toDisk(folder, async () => {
      for (const name of await readdir(unfinished))
        if (name !== LOCK) await disk.removeTree(join(unfinished, name)); // left by a power cut
      const written = await writeFleet(unfinished, { backup, crypto, progress, disk });
      if (written.hash !== hash) throw changed();
      await disk.syncFolder(unfinished);
      await disk.rename(unfinished, folder).catch(occupied(folder));
      return written;
    });
    await disk.syncFolder(dirname(folder)).catch(notSynced(folder));
    await disk.remove(join(folder, LOCK)).catch(() => undefined); // the next server takes it over then
    return summary;
  } catch (error) {
    await disk.removeTree(unfinished).catch(() => undefined); // keys are in it
    throw error;
  } finally {
    await lock.release();
  }
}

async function writeFleet(
  folder: string,
  { backup, crypto, progress, disk }: Required<Omit<RestoreOptions, "folder">>,
): Promise<BackupSummary> {
  const contents = new BackupContents(crypto, progress);
  const log = LmdbEventLog.open(join(folder, "log"));
  try {
    const writer = new RecordWriter(log);
    for await (const item of backupItems(backup.read())) {
      if (item.kind === "record") await writer.write(contents.takeRecord(item.sealed));
      else {
        contents.takeFile(item.file);
        await writeFileAtomic(join(folder, item.file.name), item.file.content, FILE_MODE, disk);
      }
    }
    await writer.end();
    const summary = contents.judge();
    let newest: LogRecord | undefined;
    for await (const record of log.read(summary.records - 1)) newest = record;
    if (newest?.hash !== summary.hash) throw notWritten("the log", undefined); // it stands for all before it
    return summary;
  } finally {
    await log.close();
  }
}

/** Records as a log takes them: by subject, and many at once, since each sync takes its time. */
class RecordWriter {
  readonly #log: EventLog;
  readonly #newest = new Map<Subject, Position>();
  #waiting: Promise<Position>[] = [];

  constructor(log: EventLog) {
    this.#log = log;
  }

  async write({ position, subject, events }: LogRecord): Promise<void> {
    const append = this.#log.append(subject, events, this.#newest.get(subject) ?? 0);
    append.catch(() => undefined); // heard in `end`, and until then it is nobody's
    this.#waiting.push(append);
    this.#newest.set(subject, position);
    if (this.#waiting.length === RECORDS_AT_ONCE) await this.end();
  }

  async end(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      await Promise.all(waiting);
    } catch (cause) {
      throw notWritten("the log", cause);
    }
  }
}

async function assertFree(folder: string): Promise<void> {
  const holder = await lockHolder(folder);
  if (holder !== undefined)
    throw new FleetError("conflict", `process ${holder} has ${folder} open; choose another data folder`);
  const names = await readdir(folder).catch(noneIfMissing);
  if (names.length > 0) throw notEmpty(folder);
}

function noneIfMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}

/** Somebody laid something there since it was looked at. */
function occupied(folder: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    throw error.code === "ENOTEMPTY" || error.code === "EEXIST" ? notEmpty(folder) : error;
  };
}

/** It is whole, and stays: to take it away now would be no better. */
function notSynced(folder: string): (cause: unknown) => never {
  return (cause) => {
    const why = "its name may be gone after a power cut: check the disk, and restore it anew";
    throw new FleetError("storage-failed", `${folder} is there, and ${why}`, { cause });
  };
}

function notEmpty(folder: string): FleetError {
  return new FleetError(
    "conflict",
    `${folder} is not empty: a backup goes into a new folder only; choose another, or move this one away`,
  );
}

function changed(): BackupRefused {
  return new BackupRefused("the backup changed while it was restored; try again");
}

function notWritten(what: string, cause: unknown): FleetError {
  const why = "check that the disk is not full and can be written; nothing was restored";
  return new FleetError("storage-failed", `${what} could not be written: ${why}`, { cause });
}

async function toDisk<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw cause instanceof FleetError ? cause : notWritten(folder, cause);
  }
}
