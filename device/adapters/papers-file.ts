/**
 * A device's papers in two copies beside its state, for the day on which no state can be read. Written only
 * when they change: at birth, with a new Authority, owner or key of its own.
 */
import { join } from "node:path";
import type { Disk } from "../../protocol/adapters/atomic-file.js";
import { equalBytes } from "../../protocol/bytes.js";
import { type Papers, papersOf, samePapers } from "../newborn.js";
import type { DeviceRecord } from "../record.js";
import { TwoCopies } from "./checked-file.js";
import { encodeChecked, type Plain } from "./checked-json.js";

export class PapersFile {
  readonly #copies: TwoCopies;
  /** Known to be in both copies. */
  #kept: Papers | undefined;

  constructor(directory: string, disk: Disk) {
    this.#copies = new TwoCopies(join(directory, "papers"), disk);
  }

  /** Undefined when there are none that can be read. @throws DeviceError "storage-failed" */
  async read(): Promise<Papers | undefined> {
    const copies = await this.#copies.read();
    return copies.find((copy) => typeof copy === "object") as Papers | undefined;
  }

  /** Durable once resolved. @throws DeviceError "storage-failed" */
  async keep(record: DeviceRecord): Promise<void> {
    const papers = papersOf(record);
    if (this.#kept && samePapers(this.#kept, papers)) return;
    const plain: Plain = { ...papers };
    const bytes = encodeChecked(plain);
    const copies = await this.#copies.read();
    const isKept = copies.every((copy) => typeof copy === "object" && equalBytes(encodeChecked(copy), bytes));
    if (!isKept) await this.#copies.write(plain); // also where one of them was damaged
    this.#kept = papers;
  }
}
