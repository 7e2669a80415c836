/**
 * A backup of the fleet in a folder, beside a server that may run on it. The log is read in one go, up to where it
 * ends then; the keys before and after that. Had they changed, as when an Authority takes keys from `keys/next`, the
 * rest of the log is read and the keys once more: so the keys are always those of the log's end.
 */
import { join } from "node:path";
import { type Disk, nodeDisk } from "../../protocol/adapters/atomic-file.js";
import { equalBytes, utf8 } from "../../protocol/bytes.js";
import type { Crypto, Entropy } from "../../protocol/crypto.js";
import { COST, SALT_BYTES } from "../backup/header.js";
import { type BackupFile, type BackupItem, encodeItem, isBackupFileName } from "../backup/items.js";
import type { BackupSummary } from "../backup/judge.js";
import { FleetError } from "../errors.js";
import type { EventLog, LogRecord } from "../ports.js";
import { sealBackup, type Unlock } from "./backup-cipher.js";
import { BackupContents, type Progress } from "./backup-contents.js";
import { writeBackupFile } from "./backup-file.js";
import { chainHash, draft, sealRecord } from "./record-chain.js";
import { readSecret, secretNames } from "./secret-folder.js";

export interface CreateOptions {
  /** Of the fleet. */
  readonly folder: string;
  /** That of the folder; stays open. */
  readonly log: Pick<EventLog, "read">;
  readonly out: string;
  readonly unlock: Unlock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly progress?: Progress;
  /** That `out` is on. */
  readonly disk?: Disk;
}

/** Within `keys` there is a folder of those that wait. */
const STAGED = "next";
/** How often the keys may change while the log is read. */
const MAX_TRIES = 5;

/**
 * @returns what is in it, judged like any other backup before the file gets its name.
 * @throws FleetError "not-found" when the log is empty, "denied" when others can read a key, "conflict" when keys
 *   change all the time, "storage-failed", and what reading the log throws; BackupRefused when no fleet would start
 *   from it.
 */
export async function createBackup(options: CreateOptions): Promise<BackupSummary> {
  const { folder, log, out, unlock, crypto, entropy, progress = () => undefined, disk = nodeDisk } = options;
  const header = { cost: COST, salt: entropy(SALT_BYTES) };
  const lock = { header, key: await unlock(header) };
  const contents = new BackupContents(crypto, progress);
  let summary: BackupSummary | undefined;
  async function* plain(): AsyncIterable<Uint8Array> {
    for await (const item of itemsOf(folder, log)) {
      if (item.kind === "record") contents.takeRecord(item.sealed);
      else contents.takeFile(item.file);
      yield encodeItem(item);
    }
    summary = contents.judge();
  }
  await writeBackupFile(out, sealBackup(plain(), lock), disk);
  if (!summary) throw new Error("a backup is judged before its last piece is written");
  return summary;
}

/** All that a fleet needs to start elsewhere. `worker.json` is not in it: whoever restores is another worker. */
async function* itemsOf(folder: string, log: CreateOptions["log"]): AsyncIterable<BackupItem> {
  let newest: LogRecord | undefined;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const before = await readFiles(folder);
    for await (const record of log.read(newest?.position ?? 0)) {
      yield { kind: "record", sealed: sealedAgain(record, newest) };
      newest = record;
    }
    if (!newest)
      throw new FleetError("not-found", `the fleet in ${folder} was never started: nothing to save`);
    const after = await readFiles(folder);
    if (!before || !after || !sameFiles(before, after)) continue;
    for (const file of after) yield { kind: "file", file };
    return;
  }
  throw new FleetError("conflict", `the keys in ${folder} change all the time; try again in a moment`);
}

/** The very text that is on the disk: its hash says so. */
function sealedAgain({ position, subject, events, hash }: LogRecord, before: LogRecord | undefined): string {
  const sealed = sealRecord(position, draft(subject, events), before?.hash ?? chainHash(undefined));
  if (chainHash(sealed) === hash) return sealed;
  throw new FleetError(
    "storage-failed",
    `event log: record ${position} is read as something else than it is`,
  );
}

/** Undefined when a file went away meanwhile. */
async function readFiles(folder: string): Promise<readonly BackupFile[] | undefined> {
  const names = [
    ...(await namesIn(folder, "keys")).filter((name) => name !== `keys/${STAGED}`),
    ...(await namesIn(folder, `keys/${STAGED}`)),
    ...(await namesIn(folder, "tokens")),
  ];
  const files: BackupFile[] = [];
  for (const name of names) {
    const path = join(folder, name);
    if (!isBackupFileName(name))
      throw new FleetError("bad-request", `${path} is no name that a backup can hold; move it elsewhere`);
    const text = await readSecret(path).catch(undefinedIfMissing);
    if (text === undefined) return undefined;
    files.push({ name, content: utf8(text) });
  }
  return files;
}

async function namesIn(folder: string, part: string): Promise<readonly string[]> {
  return (await secretNames(join(folder, part))).map((name) => `${part}/${name}`);
}

function sameFiles(before: readonly BackupFile[], after: readonly BackupFile[]): boolean {
  const same = (file: BackupFile, other: BackupFile | undefined) =>
    file.name === other?.name && equalBytes(file.content, other.content);
  return before.length === after.length && before.every((file, i) => same(file, after[i]));
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof FleetError && error.code === "not-found") return;
  throw error;
}
