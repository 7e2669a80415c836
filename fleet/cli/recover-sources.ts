/** Where copies of a log are found: folders of servers and workers, and audit exports. */
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Entropy } from "../../protocol/crypto.js";
import { loadAuditKey } from "../adapters/audit-key.js";
import { type FolderLock, lockFolder } from "../adapters/folder-lock.js";
import { isThere, undefinedIfGone } from "../adapters/is-there.js";
import { readWorkerId } from "../adapters/worker-file.js";
import { exportCopy } from "../audit/export-copy.js";
import type { NoteKey } from "../audit/note.js";
import { FleetError } from "../errors.js";
import { hasRecords } from "../recovery/closed-log.js";
import type { NamedHistory } from "../recovery/histories.js";
import { CliError, EXIT } from "./exit.js";
import { noCopy } from "./recover-words.js";

export interface Source extends NamedHistory {
  close(): Promise<void>;
}

const DATABASE = "data.mdb";

/**
 * @param path - of a data folder, the fleet's folder in it, its log; or of an audit export.
 * @param own - folder of the fleet that whoever asks has locked, with its audit key.
 * @param earlier - audit keys that the fleet had before.
 * @throws CliError "not found"; "conflict" for a log without a record; "not verified" for a file that is no whole
 *   export of this fleet; FleetError "conflict" while a server has the folder open, "storage-failed" where an export
 *   has no key to be verified with.
 */
export async function openSource(path: string, own: string, earlier: readonly NoteKey[]): Promise<Source> {
  const found = await undefinedIfGone(path, stat(path));
  if (found?.isFile()) return openExport(path, own, earlier);
  for (const folder of [path, join(path, "log"), join(path, "fleet", "log")]) {
    if (!(await isThere(join(folder, DATABASE)))) continue;
    const lock = await lockAround(dirname(folder), own);
    try {
      const { LmdbEventLog } = await import("../adapters/lmdb-event-log.js");
      const worker = await readWorkerId(dirname(folder));
      const history = LmdbEventLog.open(folder);
      if (!(await hasRecords(history))) {
        await history.close();
        throw new CliError(EXIT.conflict, `${path} is no copy: the log in it has no record; leave it away`);
      }
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
  const has = (name: string) => isThere(join(folder, name));
  return (await has("keys")) || (await has("lock")) ? lockFolder(folder) : undefined;
}

/** Whoever had it in their hands could write what they liked: it is a copy because the fleet's own key signed it. */
async function openExport(path: string, own: string, earlier: readonly NoteKey[]): Promise<Source> {
  const { publicKey } = await loadAuditKey(join(own, "keys"), nodeCrypto, none, true);
  const other = (after: number) =>
    new FleetError(
      "storage-failed",
      `${path} is not what was verified a moment ago, from record ${after + 1} on: use a copy on a disk of this machine`,
    );
  const keys = { own: publicKey, earlier };
  const copy = await exportCopy(() => createReadStream(path), keys, other, nodeCrypto);
  if ("finding" in copy) throw noCopy(path, copy.finding);
  return { name: path, history: copy, close: () => Promise.resolve() };
}

const none: Entropy = () => {
  throw new Error("a key that is in use is not made anew");
};
