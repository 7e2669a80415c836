/** One record in one line, so that what was acknowledged and what is stored can be compared as sets. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import type { LogRecord } from "../../fleet/ports.js";

export function acknowledged({ position, subject, events }: Omit<LogRecord, "hash">): string {
  return `${position} ${subject} ${createHash("sha256").update(JSON.stringify(events)).digest("hex")}`;
}

/** Of a log in a folder, its chain verified. @throws FleetError "storage-failed" where it cannot be read. */
export async function storedRecords(folder: string): Promise<ReadonlySet<string>> {
  const log = LmdbEventLog.open(folder);
  try {
    const lines = new Set<string>();
    for await (const record of log.read(0)) lines.add(acknowledged(record));
    return lines;
  } finally {
    await log.close();
  }
}

/** Where the log is in the folder that a writer is given. */
export function logIn(folder: string): string {
  return join(folder, "log");
}
