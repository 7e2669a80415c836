/**
 * Files that a power cut cannot tear: written beside the old one, synced, renamed over it, and the folder
 * synced too. The few calls this rests on are a port, so that tests can cut the power between any two.
 */
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** Only the user of the program may read what it stores. */
export const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** A file being written. Its content is durable after `sync`, its name after `syncFolder`. */
export interface NewFile {
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** A new, empty file. @throws when the path exists. */
  create(path: string, mode: number): Promise<NewFile>;
  /** At most `maxBytes` + 1 bytes of the file, so that a longer one can be told; undefined if there is none. */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  /** A path without a file is no error. */
  remove(path: string): Promise<void>;
  /** Makes the folder, and those above it, if they are not there. */
  makeFolder(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

/**
 * Replaces the file at `path`, or makes it; durable once resolved. After a failure or a power cut the path
 * holds the old content or the new. Calls for one path must not overlap.
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array,
  mode: number,
  disk: Disk = nodeDisk,
): Promise<void> {
  const folder = dirname(path);
  const temporary = temporaryName(path);
  await disk.makeFolder(folder);
  await disk.remove(temporary); // left by a power cut
  try {
    const file = await disk.create(temporary, mode);
    try {
      await file.write(bytes);
      await file.sync(); // before the rename, or the name may point at a file without content
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
    await disk.syncFolder(folder);
  } catch (error) {
    await disk.remove(temporary).catch(() => undefined); // it may hold a key
    throw error;
  }
}

/** Removes the file at `path`; durable once resolved. */
export async function removeFile(path: string, disk: Disk = nodeDisk): Promise<void> {
  const folder = dirname(path);
  await disk.makeFolder(folder);
  await disk.remove(path);
  await disk.remove(temporaryName(path));
  await disk.syncFolder(folder);
}

/** Of what is written beside `path` before it gets that name. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.new`);
}

/** The name that a file is to get; of any other path, the path itself. */
export function finalName(path: string): string {
  const [, name] = /^\.(.+)\.new$/.exec(basename(path)) ?? [];
  return name === undefined ? path : join(dirname(path), name);
}

export const nodeDisk: Disk = {
  async create(path, mode) {
    const handle = await fs.open(path, "wx", mode); // x: never through a link that someone put there
    await handle.chmod(mode); // the umask may have taken bits away
    return {
      write: (bytes) => handle.writeFile(bytes),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  async read(path, maxBytes) {
    const handle = await fs.open(path, constants.O_RDONLY).catch(undefinedIfMissing);
    if (!handle) return undefined;
    try {
      const buffer = new Uint8Array(Math.min((await handle.stat()).size, maxBytes + 1));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  },
  rename: (from, to) => fs.rename(from, to),
  remove: (path) => fs.rm(path, { force: true }),
  async makeFolder(path) {
    const first = await fs.mkdir(path, { recursive: true, mode: FOLDER_MODE });
    if (first === undefined) return;
    for (let made = resolve(path); made.length >= resolve(first).length; made = dirname(made)) {
      await nodeDisk.syncFolder(dirname(made)); // each new folder's name
    }
  },
  async syncFolder(path) {
    const handle = await fs.open(path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
