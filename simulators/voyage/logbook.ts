/** What a voyage leaves for the next one on the same folder: how far its clock is ahead. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FILE_MODE, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";

export interface Logbook {
  /** Completed ones. */
  readonly voyages: number;
  /** The injected clock less the machine's, milliseconds. */
  readonly offsetMs: number;
}

const fileIn = (folder: string) => join(folder, "voyage.json");

/** @throws when the file is there and is not one that `saveLogbook` wrote. */
export async function loadLogbook(folder: string): Promise<Logbook> {
  let text: string;
  try {
    text = await readFile(fileIn(folder), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { voyages: 0, offsetMs: 0 };
    throw error;
  }
  const { voyages, offsetMs } = JSON.parse(text) as Partial<Logbook>;
  if (!Number.isSafeInteger(voyages) || !Number.isSafeInteger(offsetMs)) {
    throw new Error(`${fileIn(folder)} is damaged: remove the data folder to start a new voyage`);
  }
  return { voyages: voyages ?? 0, offsetMs: offsetMs ?? 0 };
}

export async function saveLogbook(folder: string, logbook: Logbook): Promise<void> {
  await writeFileAtomic(fileIn(folder), utf8(`${JSON.stringify(logbook)}\n`), FILE_MODE);
}
