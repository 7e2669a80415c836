/**
 * `DeviceStore` on lowdb, in a folder: the state in two slots under a counter, the papers for the day on
 * which neither can be read, and the session, which may be lost.
 */
import { join } from "node:path";
import { Low } from "lowdb";
import { type Disk, nodeDisk } from "../../protocol/adapters/atomic-file.js";
import { DeviceError } from "../errors.js";
import { newborn } from "../newborn.js";
import type { DeviceStore, MonotonicCounter, Stored } from "../ports.js";
import type { DeviceRecord, SessionRecord } from "../record.js";
import { readChecked, writeChecked } from "./checked-file.js";
import { FileCounter } from "./file-counter.js";
import { PapersFile } from "./papers-file.js";
import { TwoSlots } from "./two-slots.js";

export class LowdbDeviceStore implements DeviceStore {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #slots: TwoSlots;
  readonly #low: Low<DeviceRecord | null>;
  readonly #papers: PapersFile;
  /** Ends when the newest request has ended, well or not. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param counter - by default one in files, in a folder beside this one. */
  constructor(
    directory: string,
    disk: Disk = nodeDisk,
    counter: MonotonicCounter = new FileCounter(`${directory}-counter`, disk),
  ) {
    this.#directory = directory;
    this.#disk = disk;
    this.#slots = new TwoSlots(directory, disk, counter);
    this.#low = new Low<DeviceRecord | null>(this.#slots, null);
    this.#papers = new PapersFile(directory, disk);
  }

  load(): Promise<Stored | undefined> {
    return this.#inTurn(async () => {
      const stored = await this.#look();
      if (!stored) return undefined;
      const session = await readChecked(this.#sessionPath, this.#disk);
      return typeof session === "object"
        ? { ...stored, session: session as unknown as SessionRecord }
        : stored;
    });
  }

  async save(record: DeviceRecord): Promise<void> {
    const asCalled = structuredClone(record);
    await this.#inTurn(async () => {
      if (!this.#slots.seen) await this.#look();
      // First, so that they never name a key that is removed once this is saved.
      await this.#papers.keep(record);
      this.#low.data = asCalled;
      await this.#low.write();
    });
  }

  saveSession(session: SessionRecord): Promise<void> {
    return this.#inTurn(() => writeChecked(this.#sessionPath, { ...session }, this.#disk));
  }

  /** @throws DeviceError "storage-damaged", "storage-failed" */
  async #look(): Promise<Stored | undefined> {
    this.#low.data = null; // what counts is the disk
    await this.#low.read();
    const { doubt, saves = 0 } = this.#slots.seen ?? {};
    if (this.#low.data) return { record: this.#low.data, saves, ...(doubt && { doubt }) };
    if (saves === 0) return undefined; // also after a birth that the power cut off
    const papers = await this.#papers.read();
    if (papers) return { record: newborn(papers), saves, doubt: "lost" };
    throw new DeviceError(
      "storage-damaged",
      `nothing in ${this.#directory} can be read, not even the device's papers; check the disk, then erase ` +
        "the device's whole folder and give it a birth again: what holds its hardware stays in its fleet",
    );
  }

  get #sessionPath(): string {
    return join(this.#directory, "session.json");
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
