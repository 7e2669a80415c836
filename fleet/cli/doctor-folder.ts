/** `daymark doctor`, the data folder: who may read it, its disk, its log and whether the keys are those of the log. */
import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { FILE_MODE, removeFile, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import { loadFleetKeys, stagedKeys } from "../adapters/key-folder.js";
import { LmdbEventLog } from "../adapters/lmdb-event-log.js";
import { readToken } from "../adapters/token-folder.js";
import { secretNames } from "../adapters/secret-folder.js";
import { FleetError } from "../errors.js";
import { fenceWords } from "../fence.js";
import { keysInUse } from "../fleet-keys.js";
import { emptyFold, type Folded, foldEvent } from "../fold.js";
import {
  fail,
  type Finding,
  judgeAuthorities,
  judgeClock,
  judgeFolder,
  judgeSpace,
  ok,
  warn,
} from "../operations/findings.js";
import { authorityDates } from "../operations/readiness.js";

/** @param folder - of the fleet. @param now - Unix seconds. */
export async function checkFolder(folder: string, now: number): Promise<readonly Finding[]> {
  const found = await stat(folder).catch(() => undefined);
  if (!found)
    return [warn("folder", `there is no fleet in ${folder}`, "daymark server run founds one there")];
  const self = process.getuid?.() ?? found.uid;
  return [
    judgeFolder(folder, found.mode, found.uid, self),
    await checkSpace(folder),
    await checkWriting(folder),
    await checkTokens(join(folder, "tokens")),
    ...(await checkLog(folder, now)),
  ];
}

async function checkSpace(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  return judgeSpace(bavail * bsize);
}

/** Writes, syncs and removes a file as the server does. */
async function checkWriting(folder: string): Promise<Finding> {
  const path = join(folder, ".doctor");
  try {
    await writeFileAtomic(path, utf8("written by daymark doctor\n"), FILE_MODE);
    await removeFile(path);
    return ok("writing", "written and synced");
  } catch (error) {
    const { code = "failed" } = error as NodeJS.ErrnoException;
    return fail("writing", `${folder} cannot be written: ${code}`, "check the disk, its mount and the owner");
  }
}

async function checkTokens(folder: string): Promise<Finding> {
  return attempt("tokens", "put back the folder of the fleet's backup", async () => {
    const names = await secretNames(folder);
    for (const name of names) await readToken(join(folder, name));
    return ok("tokens", `${names.length} operators`);
  });
}

/** Reads all of it, every record against the one before: also beside a server that runs. */
async function checkLog(folder: string, now: number): Promise<readonly Finding[]> {
  const path = join(folder, "log");
  if (!(await stat(path).catch(() => undefined)))
    return [warn("log", "there is none yet", "daymark server run begins it")];
  let folded: Folded = emptyFold();
  const log = await attempt("log", "restore a backup: see docs/operations.md", async () => {
    const opened = LmdbEventLog.open(path);
    try {
      let records = 0;
      for await (const { events, position } of opened.read(0)) {
        records = position;
        for (const event of events) folded = foldEvent(folded, event, crypto);
      }
      return ok("log", `${records} records, each as it was written`);
    } finally {
      await opened.close();
    }
  });
  const trust = folded.chain.at(-1);
  if (log.state !== "ok" || !trust) return [log];
  const { view, timeFloor } = folded;
  return [
    log,
    view.fence
      ? fail(
          "fence",
          `nothing is signed: ${fenceWords(view.fence.proof)}`,
          "stop the server; daymark recover",
        )
      : ok("fence", "not raised"),
    await checkKeys(join(folder, "keys"), folded),
    judgeClock(timeFloor, now),
    ...judgeAuthorities(authorityDates(trust, crypto), now),
  ];
}

function checkKeys(folder: string, { chain }: Folded): Promise<Finding> {
  return attempt("keys", "put back the folder of the fleet's backup, all of it", async () => {
    const none = () => {
      throw new Error("no key is made here");
    };
    const keys = await loadFleetKeys(folder, crypto, none, true);
    const staged = await stagedKeys(folder, crypto).read();
    const authorities = chain.map(({ authority }) => authority.value);
    const { version } = authorities.at(-1) ?? { version: 0 };
    keysInUse(authorities, keys, staged);
    return ok("keys", `those that Authority ${version} names`);
  });
}

/** What our own code refuses, as a finding in its words. */
async function attempt(check: string, todo: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return fail(check, error.message, todo);
  }
}
