/** Files with a checksum on a `Disk`, one by one or in two copies: what is read is what was written, or damage. */
import { type Disk, FILE_MODE, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { DeviceError } from "../errors.js";
import { decodeChecked, encodeChecked, MAX_CHECKED_BYTES, type Plain } from "./checked-json.js";

/** What a path holds; undefined: there is no file. "unreadable": a bad sector, and nobody knows what it held. */
export type Found<T = Plain> = T | "damaged" | "unreadable" | undefined;

/** @throws DeviceError "storage-failed" when the disk does not answer now. */
export async function readChecked(path: string, disk: Disk): Promise<Found> {
  try {
    const bytes = await disk.read(path, MAX_CHECKED_BYTES);
    return bytes && (decodeChecked(bytes) ?? "damaged");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EIO") return "unreadable";
    // Anything else may pass, and an older state must not be taken because of it.
    throw new DeviceError("storage-failed", "the device state could not be read; check the disk", { cause });
  }
}

/** Durable once resolved; until then the path holds what it held, or the new data. @throws DeviceError "storage-failed" */
export async function writeChecked(path: string, data: Plain, disk: Disk): Promise<void> {
  const bytes = encodeChecked(data);
  try {
    await writeFileAtomic(path, bytes, FILE_MODE, disk);
  } catch (cause) {
    throw new DeviceError("storage-failed", "the device state could not be saved; check the disk", { cause });
  }
}

/** Two files with the same data, for what no single damage may take away. The first is always the newer one. */
export class TwoCopies {
  readonly #paths: readonly string[];
  readonly #disk: Disk;

  /** @param path - of both, without the ending. */
  constructor(path: string, disk: Disk) {
    this.#paths = [`${path}.0.json`, `${path}.1.json`];
    this.#disk = disk;
  }

  /** @throws DeviceError "storage-failed" */
  read(): Promise<readonly Found[]> {
    return Promise.all(this.#paths.map((path) => readChecked(path, this.#disk)));
  }

  /** Durable once resolved. @throws DeviceError "storage-failed" */
  async write(data: Plain): Promise<void> {
    for (const path of this.#paths) await writeChecked(path, data, this.#disk); // never both at one time
  }
}
