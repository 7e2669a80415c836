/**
 * `DeviceStore` on lowdb, in a folder with two files that are written in turn, so that the newest complete
 * state is never in the file being written. One damaged file costs one save; two stop the device.
 */
import { join } from "node:path";
import { type Adapter, Low } from "lowdb";
import { DeviceError } from "../errors.js";
import type { DeviceStore } from "../ports.js";
import type { DeviceRecord } from "../record.js";
import { type Disk, FILE_MODE, nodeDisk, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { decodeState, encodeState, MAX_STATE_BYTES, type StateFile } from "./state-file.js";

const SLOT_FILES = ["state.0.json", "state.1.json"] as const;
type Slot = 0 | 1;

export class LowdbDeviceStore implements DeviceStore {
  readonly #low: Low<DeviceRecord | null>;
  /** Ends when the newest request has ended, well or not. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(directory: string, disk: Disk = nodeDisk) {
    this.#low = new Low<DeviceRecord | null>(new TwoSlots(directory, disk), null);
  }

  load(): Promise<DeviceRecord | undefined> {
    return this.#inTurn(async () => {
      this.#low.data = null; // what counts is the disk
      await this.#low.read();
      return this.#low.data ?? undefined;
    });
  }

  async save(record: DeviceRecord): Promise<void> {
    const asCalled = structuredClone(record);
    await this.#inTurn(async () => {
      this.#low.data = asCalled;
      await this.#low.write();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** lowdb's view of the two files. */
class TwoSlots implements Adapter<DeviceRecord | null> {
  readonly #directory: string;
  readonly #disk: Disk;
  /** Slot and generation of the newest state known to be on disk. Undefined until looked at. */
  #newest: { slot: Slot; generation: number } | undefined;

  constructor(directory: string, disk: Disk) {
    this.#directory = directory;
    this.#disk = disk;
  }

  async read(): Promise<DeviceRecord | null> {
    const [first, second] = [await this.#readSlot(0), await this.#readSlot(1)];
    const newest = newer(first, second);
    if (newest) {
      this.#newest = { slot: newest === first ? 0 : 1, generation: newest.generation };
      return newest.record;
    }
    if (first === "damaged" || second === "damaged") {
      throw new DeviceError(
        "storage-damaged",
        `no state in ${this.#directory} can be read; check the disk, then enroll this device again`,
      );
    }
    this.#newest = { slot: 1, generation: 0 };
    return null;
  }

  async write(record: DeviceRecord | null): Promise<void> {
    if (!record) return;
    if (!this.#newest) await this.read(); // never over a state that nobody has looked at
    const { slot, generation } = this.#newest!;
    const next = { slot: slot === 0 ? 1 : 0, generation: generation + 1 } as const;
    const bytes = encodeState({ generation: next.generation, record });
    try {
      await writeFileAtomic(this.#path(next.slot), bytes, FILE_MODE, this.#disk);
    } catch (cause) {
      throw new DeviceError("storage-failed", "the device state could not be saved; check the disk", {
        cause,
      });
    }
    this.#newest = next; // only now: after a failure the same slot is written again, not the good one
  }

  async #readSlot(slot: Slot): Promise<StateFile | "damaged" | undefined> {
    try {
      const bytes = await this.#disk.read(this.#path(slot), MAX_STATE_BYTES);
      return bytes && (decodeState(bytes) ?? "damaged");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "EIO") return "damaged"; // a bad sector
      // Anything else may pass, and an older state must not be taken because of it.
      throw new DeviceError("storage-failed", "the device state could not be read; check the disk", {
        cause,
      });
    }
  }

  #path(slot: Slot): string {
    return join(this.#directory, SLOT_FILES[slot]);
  }
}

function newer(...slots: (StateFile | "damaged" | undefined)[]): StateFile | undefined {
  return slots
    .filter((slot) => slot !== undefined && slot !== "damaged")
    .toSorted((a, b) => b.generation - a.generation)[0];
}
