/** Fleets in folders, and backups of them that open with a quick key, for tests that make many. */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { Unlock } from "../../fleet/adapters/backup-cipher.js";
import { verifyBackup } from "../../fleet/adapters/backup-contents.js";
import { createBackup } from "../../fleet/adapters/backup-create.js";
import { openBackupFile } from "../../fleet/adapters/backup-file.js";
import { restoreBackup, type TreeDisk } from "../../fleet/adapters/backup-restore.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { encodeHeader } from "../../fleet/backup/header.js";
import { openLogOf } from "../../fleet/cli/log-of.js";
import { emptyFold, foldEvent } from "../../fleet/fold.js";
import { openFleet } from "../../fleet/main.js";
import type { LogRecord } from "../../fleet/ports.js";
import type { Disk } from "../../protocol/adapters/atomic-file.js";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { entropy, importDevices } from "./served-fleet.js";

/** In place of scrypt, which is slow on purpose; it too depends on all of the header. */
export const unlock: Unlock = async (header) => crypto.sha256(encodeHeader(header));

export const openIn = (folder: string) =>
  openFleet({ folder, name: "harbour", clock: systemClock, crypto, entropy });

/** Founds one, with devices, and closes it. @returns what copies it into another folder. */
export async function fleetWith(folder: string, devices: number) {
  const fleet = await openIn(folder);
  await importDevices(fleet.service, 1, devices);
  await fleet.close();
  return { copyTo: (other: string) => cp(folder, other, { recursive: true }) };
}

/** As the command does it; `disk`: what `out` is on. */
export async function create(folder: string, out: string, disk?: Disk) {
  const log = await openLogOf(folder);
  try {
    return await createBackup({ folder, log, out, unlock, crypto, entropy, ...(disk && { disk }) });
  } finally {
    await log.close();
  }
}

export const verify = async (file: string) =>
  verifyBackup((await openBackupFile(file, unlock)).read(), crypto);

export async function restore(file: string, folder: string, disk?: TreeDisk) {
  const backup = await openBackupFile(file, unlock);
  return restoreBackup({ backup, folder, crypto, ...(disk && { disk }) });
}

/** The log of a fleet that nobody has open, up to a position. */
export async function recordsIn(folder: string, end = Infinity): Promise<readonly LogRecord[]> {
  const log = LmdbEventLog.open(join(folder, "log"));
  const records: LogRecord[] = [];
  for await (const record of log.read(0)) if (record.position <= end) records.push(record);
  await log.close();
  return records;
}

/** What a service knows from these. */
export function viewOf(records: readonly LogRecord[]) {
  let folded = emptyFold();
  for (const { events } of records) for (const event of events) folded = foldEvent(folded, event, crypto);
  return folded.view;
}
