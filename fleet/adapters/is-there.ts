/** Whether something is there: who may not look, or whose disk fails, does not know, and must not take it for gone. */
import { stat } from "node:fs/promises";
import { FleetError } from "../errors.js";

/** @throws FleetError "denied" for a path that may not be looked at, "storage-failed" when the disk does not answer. */
export async function isThere(path: string): Promise<boolean> {
  return (await undefinedIfGone(path, stat(path))) !== undefined;
}

/**
 * @param path - what `work` reads.
 * @returns undefined when there is no such file. @throws FleetError "denied", "storage-failed".
 */
export async function undefinedIfGone<T>(path: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    const { code = "failed" } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const isDenied = code === "EACCES" || code === "EPERM";
    throw new FleetError(
      isDenied ? "denied" : "storage-failed",
      `${path} cannot be read: ${code}; ${isDenied ? "this user may not: mend its owner or mode" : "check the disk"}`,
      { cause },
    );
  }
}
