/**
 * `MonotonicCounter` by software: a number in two copies, in a folder of its own, so that putting back the
 * files of a device's state does not take the number back. Putting back the whole disk does: only hardware
 * sees that, or the fleet by the sync token.
 */
import { join } from "node:path";
import { type Disk, nodeDisk } from "../../protocol/adapters/atomic-file.js";
import { DeviceError } from "../errors.js";
import type { MonotonicCounter } from "../ports.js";
import { TwoCopies } from "./checked-file.js";

export class FileCounter implements MonotonicCounter {
  readonly #copies: TwoCopies;
  /** The highest of this run: whatever becomes of the files meanwhile, it does not go back. */
  #highest = 0;

  constructor(directory: string, disk: Disk = nodeDisk) {
    this.#copies = new TwoCopies(join(directory, "counter"), disk);
  }

  /**
   * One copy is enough, and the higher counts: between two writes they differ by one. With both damaged it
   * begins at 0, which no state but a new one agrees with; with none that the disk gives back, it fails.
   */
  async read(): Promise<number> {
    const copies = await this.#copies.read();
    const isThere = copies.some((copy) => typeof copy === "object") || this.#highest > 0;
    if (!isThere && copies.includes("unreadable"))
      throw new DeviceError("storage-failed", "the device's counter could not be read; check the disk");
    const values = copies.map((copy) => {
      const value = typeof copy === "object" ? copy["counter"] : 0;
      return Number.isSafeInteger(value) ? (value as number) : 0;
    });
    this.#highest = Math.max(this.#highest, ...values);
    return this.#highest;
  }

  async increment(): Promise<number> {
    const next = (await this.read()) + 1;
    await this.#copies.write({ counter: next });
    this.#highest = next;
    return next;
  }
}
