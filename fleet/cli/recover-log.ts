/** The log of a data folder, mended while no server has it open: in its place, or by another that takes its place. */
import { link, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { nodeDisk } from "../../protocol/adapters/atomic-file.js";
import type { ClosedLog } from "../recovery/closed-log.js";

const DATABASE = "data.mdb";
/** Of LMDB; made anew when it is missing. */
const READERS = "lock.mdb";

/** @param mend - called with the log that is there. */
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
 * @param aside - the folder that keeps the old log from then on.
 */
export async function replaceLog(
  folder: string,
  aside: string,
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
  await mkdir(aside, { recursive: true, mode: 0o700 });
  await rm(join(aside, DATABASE), { force: true });
  await link(join(place, DATABASE), join(aside, DATABASE));
  await nodeDisk.syncFolder(aside);
  await nodeDisk.syncFolder(folder);
  await rename(join(fresh, DATABASE), join(place, DATABASE));
  await rm(join(place, READERS), { force: true });
  await nodeDisk.syncFolder(place);
  await rm(fresh, { recursive: true, force: true });
}
