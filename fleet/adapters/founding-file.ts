/** An Authority that founds a fleet and was signed elsewhere: it waits in the fleet's folder until the log has it. */
import { join } from "node:path";
import { nodeDisk, removeFile } from "../../protocol/adapters/atomic-file.js";
import { MAX_CBOR_BYTES } from "../../protocol/strict.js";

export const FOUNDING_FILE = "founding.bundle";

/** Undefined when there is none. */
export function readFounding(folder: string): Promise<Uint8Array | undefined> {
  return nodeDisk.read(join(folder, FOUNDING_FILE), MAX_CBOR_BYTES);
}

/** To be called when the log has it: with a log that is lost, it would begin the same fleet again from nothing. */
export function removeFounding(folder: string): Promise<void> {
  return removeFile(join(folder, FOUNDING_FILE));
}
