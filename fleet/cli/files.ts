/** Files that are named on a command line; `-` is stdin. */
import { createReadStream } from "node:fs";
import { MAX_BUNDLE_BYTES } from "../../protocol/bundle.js";
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
