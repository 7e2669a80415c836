/**
 * The files of a log, as `kill -9` of whoever writes it would leave them now. They are never opened where they are:
 * lmdb can cost a writer what it wrote last when another process opens them.
 */
import { constants } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { lockHolder } from "../../fleet/adapters/folder-lock.js";
import { untilStopped } from "./victim.js";

const DATABASE = "data.mdb";

/**
 * @param folder - of the log, in the folder that a server locks; where there is none, the copy is one of nothing.
 * @param use - called with the folder of the copy, which goes away after it.
 */
export async function withCopyOf<T>(folder: string, use: (copy: string) => Promise<T>): Promise<T> {
  const copy = await mkdtemp(join(tmpdir(), "daymark-log-copy-"));
  try {
    await whileStopped(await lockHolder(dirname(folder)), async () => {
      const [from, to] = [join(folder, DATABASE), join(copy, DATABASE)];
      await copyFile(from, to, constants.COPYFILE_FICLONE).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    });
    return await use(copy);
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function whileStopped(writer: number | undefined, work: () => Promise<void>): Promise<void> {
  if (writer === undefined) return work();
  process.kill(writer, "SIGSTOP");
  try {
    await untilStopped(writer);
    await work();
  } finally {
    process.kill(writer, "SIGCONT");
  }
}
