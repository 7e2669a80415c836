/**
 * What a fleet's folder holds until the log has the fleet: the Authority that founds it, where that was signed
 * elsewhere, and the mark of a first start, without which keys beside an empty log are those of a fleet that lost it.
 */
import { join } from "node:path";
import { FILE_MODE, nodeDisk, removeFile, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import { MAX_CBOR_BYTES } from "../../protocol/strict.js";
import { FleetError } from "../errors.js";
import { secretNames } from "./secret-folder.js";

export const FOUNDING_FILE = "founding.bundle";
const MARK = "founding.begun";
const MARK_TEXT = "A fleet is being founded here; daymark removes this file when its log has the fleet.\n";

/** Undefined when there is none. */
export function readFounding(folder: string): Promise<Uint8Array | undefined> {
  return nodeDisk.read(join(folder, FOUNDING_FILE), MAX_CBOR_BYTES);
}

/**
 * To be called before a fleet's first keys are made, and only for a log without a record.
 * @throws FleetError "storage-failed" when there are keys that no first start has made: their fleet has lost its log.
 */
export async function beginFounding(folder: string): Promise<void> {
  if (await hasLostLog(folder)) throw lostLog(folder);
  await writeFileAtomic(join(folder, MARK), utf8(MARK_TEXT), FILE_MODE);
}

/** To be called when the log has the fleet: with a log that is lost, the same would begin again from nothing. */
export async function endFounding(folder: string): Promise<void> {
  await removeFile(join(folder, FOUNDING_FILE));
  await removeFile(join(folder, MARK));
}

/** Of a folder whose log has no record: whether it had one. */
export async function hasLostLog(folder: string): Promise<boolean> {
  const begun = [MARK, FOUNDING_FILE].map((name) => nodeDisk.read(join(folder, name), MAX_CBOR_BYTES));
  if ((await Promise.all(begun)).some((found) => found !== undefined)) return false;
  return (await secretNames(join(folder, "keys"))).length > 0;
}

function lostLog(folder: string): FleetError {
  return new FleetError(
    "storage-failed",
    `${folder} has the keys of a fleet, and no log: restore a backup (daymark backup restore), or bring a copy of ` +
      "the log (daymark recover --from); another fleet is founded in another folder alone",
  );
}
