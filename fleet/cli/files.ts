/** Files that are named on a command line; `-` is stdin. */
import { createReadStream } from "node:fs";
import { lstat } from "node:fs/promises";
import { FILE_MODE, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { MAX_BUNDLE_BYTES } from "../../protocol/bundle.js";
import { undefinedIfGone } from "../adapters/is-there.js";
import { CliError, EXIT } from "./exit.js";

/** @throws CliError */
export async function readText(path: string, process: NodeJS.Process): Promise<string> {
  return Buffer.from(await readBytes(path, process)).toString("utf8");
}

/** Reads no more than a bundle can have. @throws CliError */
export async function readBytes(path: string, { stdin }: NodeJS.Process): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of path === "-" ? stdin : createReadStream(path)) {
      chunks.push(chunk as Uint8Array);
      size += (chunk as Uint8Array).length;
      if (size > MAX_BUNDLE_BYTES)
        throw new CliError(
          EXIT.failed,
          `${path} has more than ${MAX_BUNDLE_BYTES} bytes, the most in a bundle`,
        );
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new CliError(EXIT.notFound, `there is no file ${path}`, { cause: error });
  }
  if (size === 0) throw new CliError(EXIT.failed, `${path} is empty`);
  return new Uint8Array(Buffer.concat(chunks));
}

/** For its owner alone; what was there before is replaced, if it was a file. @throws CliError "usage" */
export async function writeOut(path: string, bytes: Uint8Array): Promise<void> {
  await assertReplaceable(path);
  await writeFileAtomic(path, bytes, FILE_MODE);
}

/**
 * To be called before a file gets the name `path` by a rename: for root that would be `/dev/null` too, or a link that
 * leads elsewhere.
 * @throws CliError "usage" for what is there and is no file; FleetError "denied", "storage-failed".
 */
export async function assertReplaceable(path: string): Promise<void> {
  const found = await undefinedIfGone(path, lstat(path));
  if (!found || found.isFile()) return;
  throw new CliError(
    EXIT.usage,
    `${path} is there, and is no file: nothing is written in its place; name another`,
  );
}
