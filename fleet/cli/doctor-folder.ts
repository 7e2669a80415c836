/** `daymark doctor`, the data folder: who may read it, its disk, its log and whether the keys are those of the log. */
import type { Stats } from "node:fs";
import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { FILE_MODE, removeFile, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import { loadAuditKey } from "../adapters/audit-key.js";
import { hasLostLog } from "../adapters/founding-file.js";
import { undefinedIfGone } from "../adapters/is-there.js";
import { loadFleetKeys, stagedKeys } from "../adapters/key-folder.js";
import { readToken } from "../adapters/token-folder.js";
import { secretNames } from "../adapters/secret-folder.js";
import { readTokenSecret } from "../adapters/token-secret.js";
import { readWorker } from "../adapters/worker-file.js";
import { FleetError } from "../errors.js";
import { fenceWords } from "../fence.js";
import { keysInUse } from "../fleet-keys.js";
import { emptyFold, type Folded, foldEvent } from "../fold.js";
import { hasShownTokens } from "../main.js";
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
import { openLogOf } from "./log-of.js";

/** @param folder - of the fleet. @param now - Unix seconds. */
export async function checkFolder(folder: string, now: number): Promise<readonly Finding[]> {
  let found: Stats | undefined;
  try {
    found = await undefinedIfGone(folder, stat(folder));
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const todo =
      error.code === "denied" ? "daymark doctor, as the server's user" : "mend the path or its disk";
    return [fail("folder", error.message, todo)];
  }
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

const MEND = "stop the server; daymark recover";
const RESTORE = "restore a backup, or bring a copy of the log: see docs/operations.md";

/** Reads all of it, every record against the one before: beside a server, as that hands it out. */
async function checkLog(folder: string, now: number): Promise<readonly Finding[]> {
  let folded: Folded = emptyFold();
  let [records, hasCheckpoint] = [0, false];
  try {
    const log = await openLogOf(folder);
    try {
      for await (const { events, position } of log.read(0)) {
        records = position;
        for (const event of events) {
          folded = foldEvent(folded, event, crypto);
          hasCheckpoint ||= event.type === "checkpoint-signed";
        }
      }
    } finally {
      await log.close();
    }
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error.code !== "not-found") return unread(error);
  }
  if (records === 0) return [await judgeEmpty(folder)];
  const log = ok("log", `${records} records, each as it was written`);
  const trust = folded.chain.at(-1);
  if (!trust) return [log];
  const { view, timeFloor } = folded;
  return [
    log,
    view.fence
      ? fail("fence", `nothing is signed: ${fenceWords(view.fence.proof)}`, MEND)
      : ok("fence", "not raised"),
    await checkKeys(join(folder, "keys"), folded, hasCheckpoint),
    judgeClock(timeFloor, now),
    ...judgeAuthorities(authorityDates(trust, crypto), now),
  ];
}

/** No log, or one without a record: before the first start, or lost. */
function judgeEmpty(folder: string): Promise<Finding> {
  return attempt("log", RESTORE, async () => {
    if (!(await hasLostLog(folder))) return warn("log", "there is none yet", "daymark server run begins it");
    const worker = await readWorker(folder);
    const who = worker?.hasJoined ? "the server does not start" : "only a new worker starts so, with --nats";
    return fail("log", `${folder} has the keys of a fleet, and no log: ${who}`, RESTORE);
  });
}

/** A log that was not read to its end. */
function unread({ code, message }: FleetError): readonly Finding[] {
  switch (code) {
    case "conflict":
      return [warn("log", message, "run daymark doctor again when that is done")];
    case "fenced":
      return [
        warn("log", "a fenced server gives no log", "stop the server; daymark doctor"),
        fail("fence", message, MEND),
      ];
    case "unreachable":
      return [fail("log", message, "read what the server says; stop it; daymark doctor")];
    case "denied":
    case "bad-request":
      return [warn("log", message, "mend the tokens; daymark doctor")];
    default:
      return [fail("log", message, RESTORE)];
  }
}

const RESTORE_KEYS = "put back the folder of the fleet's backup, all of it";

/** Those that an Authority names, and the two that none names: a server does not start without what is in use. */
function checkKeys(folder: string, { chain, view }: Folded, hasCheckpoint: boolean): Promise<Finding> {
  return attempt("keys", RESTORE_KEYS, async () => {
    const none = () => {
      throw new Error("no key is made here");
    };
    const keys = await loadFleetKeys(folder, crypto, none, true);
    const staged = await stagedKeys(folder, crypto).read();
    const authorities = chain.map(({ authority }) => authority.value);
    const { version } = authorities.at(-1) ?? { version: 0 };
    keysInUse(authorities, keys, staged);
    const isShared = view.workers.size > 0; // and so are these
    const needed = [
      ...(isShared || hasShownTokens(view) ? ["token.secret"] : []),
      ...(isShared || hasCheckpoint ? ["audit.pem"] : []),
    ];
    const present = new Set(await secretNames(folder));
    const lost = needed.filter((name) => !present.has(name));
    if (lost.length > 0)
      return fail("keys", `${folder} lacks ${lost.join(" and ")}: the server does not start`, RESTORE_KEYS);
    if (present.has("token.secret")) await readTokenSecret(folder);
    if (present.has("audit.pem")) await loadAuditKey(folder, crypto, none, true);
    return ok("keys", `those that Authority ${version} names`);
  });
}

/** What our own code refuses, as a finding in its words. */
async function attempt(check: string, todo: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return fail(check, error.message, error.code === "denied" ? "do that; daymark doctor" : todo);
  }
}
