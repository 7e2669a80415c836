/**
 * Who a worker is that keeps a copy of a log it shares: 16 hex digits in `worker.json` beside the copy. Two copies
 * must not have one id, so it is in no backup.
 */
import { join } from "node:path";
import { z } from "zod";
import { FILE_MODE, nodeDisk, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import type { Entropy } from "../../protocol/crypto.js";
import { FleetError } from "../errors.js";

const WORKER_FILE = "worker.json";
const ID_BYTES = 8;
const MAX_FILE_BYTES = 1024;
const WorkerFile = z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/) });

/** @throws FleetError "storage-failed" for anything but an id. */
export async function workerId(folder: string, entropy: Entropy): Promise<string> {
  const known = await readWorkerId(folder);
  if (known !== undefined) return known;
  const id = toHex(entropy(ID_BYTES));
  await writeFileAtomic(join(folder, WORKER_FILE), utf8(`${JSON.stringify({ id })}\n`), FILE_MODE);
  return id;
}

/** Undefined where no worker has run. @throws FleetError "storage-failed" */
export async function readWorkerId(folder: string): Promise<string | undefined> {
  const path = join(folder, WORKER_FILE);
  const bytes = await nodeDisk.read(path, MAX_FILE_BYTES);
  if (!bytes) return undefined;
  try {
    return WorkerFile.parse(JSON.parse(new TextDecoder().decode(bytes))).id;
  } catch (cause) {
    throw new FleetError(
      "storage-failed",
      `${path} holds no worker's id; remove it, and the worker takes a new one`,
      {
        cause,
      },
    );
  }
}
