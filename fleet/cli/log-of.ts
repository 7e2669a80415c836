/**
 * The log in the folder of a fleet, for commands that read it. Nobody opens a log that another process writes
 * (docs/design.md says why): a server that has the folder is asked for it, else the folder is locked meanwhile.
 */
import { join } from "node:path";
import { type FolderLock, lockFolder, lockHolder } from "../adapters/folder-lock.js";
import { isThere } from "../adapters/is-there.js";
import { FleetError } from "../errors.js";
import type { EventLog } from "../ports.js";
import { runningServer } from "./connection.js";
import { logOfServer } from "./log-of-server.js";

export interface OpenLog extends Pick<EventLog, "read"> {
  /** Gives back the folder. */
  close(): Promise<void>;
}

/**
 * @param folder - of the fleet.
 * @throws FleetError "not-found" when there is no fleet in it, "conflict" when a process has it that serves no API,
 *   "denied" when there is a server, and no token for it that its owner alone can read; "storage-failed". Reading
 *   from a server may throw "fenced" and "unreachable" too.
 */
export async function openLogOf(folder: string): Promise<OpenLog> {
  const url = await runningServer(folder);
  if (url !== undefined) return logOfServer(folder, url);
  const path = join(folder, "log");
  if ((await lockHolder(folder)) === undefined && !(await isThere(path)))
    throw new FleetError("not-found", `there is no fleet in ${folder}`);
  const lock = await lockForReading(folder);
  try {
    const { LmdbEventLog } = await import("../adapters/lmdb-event-log.js");
    const log = LmdbEventLog.open(path);
    return {
      read: (from) => log.read(from),
      async close() {
        await log.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function lockForReading(folder: string): Promise<FolderLock> {
  try {
    return await lockFolder(folder);
  } catch (cause) {
    if (cause instanceof FleetError && cause.code === "conflict") throw await busy(folder);
    const { code = "failed" } = cause as NodeJS.ErrnoException;
    throw new FleetError("storage-failed", `${folder} cannot be locked: ${code}; check the disk`, { cause });
  }
}

async function busy(folder: string): Promise<FleetError> {
  const holder = await lockHolder(folder);
  return new FleetError(
    "conflict",
    `${holder === undefined ? "another process" : `process ${holder}`} has ${folder} open, and serves no API: ` +
      "a server that starts or ends, or a command that reads the log; try again in a moment, or stop it",
  );
}
