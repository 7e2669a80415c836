/** The log of a data folder, mended while no server has it open: in its place, or by another that takes its place. */
import { link, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { nodeDisk } from "../../protocol/adapters/atomic-file.js";
import { isThere } from "../adapters/is-there.js";
import { MemoryEventLog } from "../adapters/memory-event-log.js";
import { type ClosedLog, hasRecords } from "../recovery/closed-log.js";
import { CliError, EXIT } from "./exit.js";

const DATABASE = "data.mdb";
/** Of LMDB; made anew when it is missing. */
const READERS = "lock.mdb";

/** @throws CliError "not found" for a folder that holds neither a log nor the keys of one that was lost. */
export async function assertFleet(folder: string): Promise<void> {
  if ((await isThere(join(folder, "log", DATABASE))) || (await isThere(join(folder, "keys")))) return;
  throw new CliError(
    EXIT.notFound,
    `there is no fleet in ${folder}: name its data folder with --data; if that is lost, restore a backup first ` +
      "(daymark backup restore)",
  );
}

/** Makes nothing. @param look - called with the log that is there, or with an empty one. */
export async function lookAtLog<T>(folder: string, look: (log: ClosedLog) => Promise<T>): Promise<T> {
  const isLost = !(await isThere(join(folder, "log", DATABASE)));
  return isLost ? look(new MemoryEventLog()) : mendLog(folder, look);
}

/** False too for the empty log that a server leaves which was refused. */
export function hasLog(folder: string): Promise<boolean> {
  return lookAtLog(folder, hasRecords);
}

/** @param mend - called with the log that is there; where there is none, with a new one. */
export async function mendLog<T>(folder: string, mend: (log: ClosedLog) => Promise<T>): Promise<T> {
  const { LmdbEventLog } = await import("../adapters/lmdb-event-log.js");
  const log = LmdbEventLog.open(join(folder, "log"));
  try {
    return await mend(log);
  } finally {
    await log.close();
  }
}

/**
 * One rename puts the new log in the place of the old one, whole; before it nothing has changed.
 * @param make - called with an empty log.
 * @param aside - the folder that keeps the old log from then on; undefined: that has no record.
 */
export async function replaceLog(
  folder: string,
  aside: string | undefined,
  make: (log: ClosedLog) => Promise<void>,
): Promise<void> {
  const { LmdbEventLog } = await import("../adapters/lmdb-event-log.js");
  const [place, fresh] = [join(folder, "log"), join(folder, "log.mended")];
  await rm(fresh, { recursive: true, force: true }); // of one that was stopped
  const log = LmdbEventLog.open(fresh);
  try {
    await make(log);
  } finally {
    await log.close();
  }
  if (aside !== undefined) await keepAside(join(place, DATABASE), aside);
  await mkdir(place, { recursive: true, mode: 0o700 });
  await nodeDisk.syncFolder(folder);
  await rename(join(fresh, DATABASE), join(place, DATABASE));
  await rm(join(place, READERS), { force: true });
  await nodeDisk.syncFolder(place);
  await rm(fresh, { recursive: true, force: true });
}

async function keepAside(database: string, aside: string): Promise<void> {
  await mkdir(aside, { recursive: true, mode: 0o700 });
  await rm(join(aside, DATABASE), { force: true });
  await link(database, join(aside, DATABASE));
  await nodeDisk.syncFolder(aside);
}
