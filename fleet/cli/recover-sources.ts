/** Where copies of a log are found: folders of servers and workers, and audit exports. */
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { type FolderLock, lockFolder } from "../adapters/folder-lock.js";
import { readWorkerId } from "../adapters/worker-file.js";
import { exportedRecords } from "../audit/export-records.js";
import { FleetError } from "../errors.js";
import type { NamedHistory } from "../recovery/histories.js";
import { CliError, EXIT } from "./exit.js";

export interface Source extends NamedHistory {
  close(): Promise<void>;
}

const DATABASE = "data.mdb";

/**
 * @param path - of a data folder, the fleet's folder in it, its log; or of an audit export.
 * @param own - folder of the fleet that whoever asks has locked.
 * @throws CliError "not found", FleetError "conflict" while a server has the folder open.
 */
export async function openSource(path: string, own: string): Promise<Source> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return { name: path, history: exported(path), close: () => Promise.resolve() };
  for (const folder of [path, join(path, "log"), join(path, "fleet", "log")]) {
    if (!(await stat(join(folder, DATABASE)).catch(() => undefined))) continue;
    const lock = await lockAround(dirname(folder), own);
    try {
      const { LmdbEventLog } = await import("../adapters/lmdb-event-log.js");
      const worker = await readWorkerId(dirname(folder));
      const history = LmdbEventLog.open(folder);
      const close = async () => {
        await history.close();
        await lock?.release();
      };
      return { name: path, history, close, ...(worker !== undefined && { worker }) };
    } catch (error) {
      await lock?.release();
      throw error;
    }
  }
  throw new CliError(EXIT.notFound, `${path} is no data folder, no log, and no audit export`);
}

/**
 * Each worker may have acknowledged what no other copy has.
 * @param workers - names by id.
 * @throws CliError "conflict" naming those whose copy is missing.
 */
export function assertAllCopies(
  sources: readonly Source[],
  workers: ReadonlyMap<string, string>,
  without: readonly string[],
): void {
  const given = [...without, ...sources.map(({ worker }) => worker)];
  const missing = [...workers].filter(([id]) => !given.includes(id));
  if (missing.length === 0) return;
  const names = missing.map(([id, name]) => `${id} (${name})`).join(", ");
  throw new CliError(
    EXIT.conflict,
    `the copies of these workers are missing: ${names}. Bring them with --from, or say --without ID for one that is lost`,
  );
}

/** What such a copy has the log went on without: it would end what was decided since. @throws CliError "conflict" */
export function assertNoneLeftOut(sources: readonly Source[], leftOut: ReadonlySet<string>): void {
  const source = sources.find(({ worker }) => worker !== undefined && leftOut.has(worker));
  if (!source) return;
  throw new CliError(
    EXIT.conflict,
    `${source.name} is the copy of worker ${source.worker}, which was left out when the log was mended before: ` +
      "mend it from the folder of another worker, and make this one anew from a backup",
  );
}

/** No server runs on a log alone: where there are no keys, and no lock either, nothing has to be locked. */
async function lockAround(folder: string, own: string): Promise<FolderLock | undefined> {
  if ((await realpath(folder)) === (await realpath(own))) return undefined;
  const isThere = (name: string) => stat(join(folder, name)).catch(() => undefined);
  return (await isThere("keys")) || (await isThere("lock")) ? lockFolder(folder) : undefined;
}

/** The records of an audit export, as many as there are of it. */
function exported(path: string): NamedHistory["history"] {
  const damaged = (after: number) =>
    new FleetError("storage-failed", `${path} is damaged after record ${after}: use another copy`);
  return { read: (from) => exportedRecords(createReadStream(path), from, damaged, nodeCrypto) };
}
