/** The file that keeps the devices of a swarm for the next run: one line each, private keys among it. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { FILE_MODE, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import { SwarmError } from "./errors.js";
import { readIdentity, type Written } from "./identity.js";

/** One string holds the file while it is written. */
const MAX_BATCH_BYTES = 256 * 1024 * 1024;
/** Others than the owner may neither read nor write a file with keys. */
const OTHERS = 0o077;

/**
 * @param fleetId - hex: the fleet that they are to join.
 * @throws SwarmError "bad-batch"
 */
export async function loadBatch(path: string, fleetId: string): Promise<readonly Written[]> {
  await assertPrivate(path);
  const written: Written[] = [];
  const numbers = new Set<number>();
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const at = `${path}, line ${written.length + 1}`;
    const identity = await readIdentity(line).catch((cause: unknown) => {
      throw cause instanceof SwarmError ? new SwarmError("bad-batch", `${at}: ${cause.message}`) : cause;
    });
    if (identity.fleetId !== fleetId) {
      throw bad(`${at}: this device belongs to fleet ${identity.fleetId}, and the server is of ${fleetId}`);
    }
    if (numbers.has(identity.number)) {
      throw bad(`${at}: device ${identity.number} is there twice, and would throw itself out`);
    }
    numbers.add(identity.number);
    written.push({ number: identity.number, line });
  }
  return written;
}

/** Durable once resolved; readable by its owner alone. @throws SwarmError "bad-batch" */
export async function saveBatch(path: string, written: readonly Written[]): Promise<void> {
  const bytes = utf8(written.map(({ line }) => `${line}\n`).join(""));
  if (bytes.length > MAX_BATCH_BYTES) throw bad(`${path} would be too large: save a run with fewer devices`);
  await writeFileAtomic(path, bytes, FILE_MODE);
}

async function assertPrivate(path: string): Promise<void> {
  const { mode, size } = await stat(path).catch((cause: unknown) => {
    throw new SwarmError("bad-batch", `${path} cannot be read; write one with --save`, { cause });
  });
  if ((mode & OTHERS) !== 0) throw bad(`others may read ${path}, and it holds keys: chmod 600 ${path}`);
  if (size > MAX_BATCH_BYTES) throw bad(`${path} has more than ${MAX_BATCH_BYTES} bytes: it is no batch`);
}

function bad(why: string): SwarmError {
  return new SwarmError("bad-batch", why);
}
