/**
 * One writer per folder, a server or a command: a lock file that names the process which holds it. It is judged by process number
 * and start time, so the lock of a process that was killed, or ran before the machine restarted, is taken over.
 */
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FleetError } from "../errors.js";
import { undefinedIfGone } from "./is-there.js";

export interface FolderLock {
  release(): Promise<void>;
}

const LOCK = "lock";

/** @throws FleetError "conflict" when another process, or this one, has the folder open. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, LOCK);
  const mine = `${process.pid} ${await startOf(process.pid)}\n`;
  const draft = join(folder, `.lock.${process.pid}`);
  // Written first and linked then: whoever sees the lock sees what it says.
  await writeFile(draft, mine, { mode: 0o600 });
  try {
    if (!(await linkTo(draft, path))) {
      await removeStale(path, folder);
      if (!(await linkTo(draft, path))) throw inUse(folder, "another process");
    }
  } finally {
    await rm(draft, { force: true });
  }
  return {
    async release() {
      if ((await contentOf(path)) === mine) await rm(path, { force: true });
    },
  };
}

/** The process that has the folder open now, if any. */
export async function lockHolder(folder: string): Promise<number | undefined> {
  const content = await contentOf(join(folder, LOCK));
  return content === undefined ? undefined : runningProcess(content);
}

/** @throws FleetError "conflict" when the lock is held. */
async function removeStale(path: string, folder: string): Promise<void> {
  const content = await contentOf(path);
  if (content === undefined) return; // released meanwhile
  const holder = await runningProcess(content);
  if (holder !== undefined) throw inUse(folder, `process ${holder}`);
  const aside = join(folder, `.lock.stale.${process.pid}`);
  await rename(path, aside).catch(() => undefined); // someone else was quicker
  const taken = await contentOf(aside);
  // Two that judge the same stale lock: the slower one must not take away the lock of the quicker one.
  if (taken !== undefined && taken !== content) await linkTo(aside, path);
  await rm(aside, { force: true });
}

/** The process that a lock names, if it is still the one that wrote it. */
async function runningProcess(content: string): Promise<number | undefined> {
  const [pid, start] = content.trim().split(" ");
  const number = Number(pid);
  if (!Number.isSafeInteger(number) || number <= 0) return undefined;
  try {
    process.kill(number, 0); // asks, and sends nothing
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
  }
  return start === (await startOf(number)) ? number : undefined;
}

/** When a process started, in ticks since boot (field 22 of proc_pid_stat(5)); "-" where there is no /proc. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const afterName = stat?.slice(stat.lastIndexOf(")") + 2).split(" "); // the name may hold blanks
  return afterName?.[19] ?? "-";
}

async function linkTo(existing: string, path: string): Promise<boolean> {
  try {
    await link(existing, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function contentOf(path: string): Promise<string | undefined> {
  return undefinedIfGone(path, readFile(path, "utf8"));
}

function inUse(folder: string, who: string): FleetError {
  return new FleetError(
    "conflict",
    `${who} has ${folder} open; stop that server first (another command ends by itself), or use another folder`,
  );
}
