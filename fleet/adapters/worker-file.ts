/**
 * Who a worker is that keeps a copy of a log it shares: 16 hex digits in `worker.json` beside the copy, and whether that
 * copy counts for others. Two copies must not have one id, so it is in no backup.
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
const WorkerFile = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  hasJoined: z.boolean().default(false),
});

/** A worker that has joined may have acknowledged what its copy alone has. */
export type KnownWorker = z.infer<typeof WorkerFile>;

/** The worker of a folder; a new one where none has run. @throws FleetError "storage-failed" for anything but an id. */
export async function workerOf(folder: string, entropy: Entropy): Promise<KnownWorker> {
  const known = await readWorker(folder);
  if (known) return known;
  const worker = { id: toHex(entropy(ID_BYTES)), hasJoined: false };
  await write(folder, worker);
  return worker;
}

/** To be called before others are told of the worker. */
export async function keepJoined(folder: string, worker: KnownWorker): Promise<void> {
  if (!worker.hasJoined) await write(folder, { ...worker, hasJoined: true });
}

async function write(folder: string, worker: KnownWorker): Promise<void> {
  await writeFileAtomic(join(folder, WORKER_FILE), utf8(`${JSON.stringify(worker)}\n`), FILE_MODE);
}

/** Undefined where no worker has run. @throws FleetError "storage-failed" */
export async function readWorkerId(folder: string): Promise<string | undefined> {
  return (await readWorker(folder))?.id;
}

/** As `readWorkerId`, with what else is known of it. */
export async function readWorker(folder: string): Promise<KnownWorker | undefined> {
  const path = join(folder, WORKER_FILE);
  const bytes = await nodeDisk.read(path, MAX_FILE_BYTES);
  if (!bytes) return undefined;
  try {
    return WorkerFile.parse(JSON.parse(new TextDecoder().decode(bytes)));
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
