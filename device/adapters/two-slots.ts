/**
 * The state in two files that are written in turn, so that the newest is never in the file being written,
 * and a counter that says which of them is the newest: lowdb's view of them.
 *
 * A state is written with the counter's next value, then the counter moves, and only then is it saved. So the
 * newest file counts when its generation is the counter's value; or one above, when the power went in
 * between. Any other says that files were put back, or that the counter was. It is used all the same: what it
 * says can hold the device, and the alarm that follows from the doubt holds it too.
 */
import { join } from "node:path";
import type { Adapter } from "lowdb";
import type { Disk } from "../../protocol/adapters/atomic-file.js";
import type { MonotonicCounter } from "../ports.js";
import type { DeviceRecord } from "../record.js";
import { type Found, readChecked, writeChecked } from "./checked-file.js";
import { type StateFile, stateIn } from "./state-file.js";

const SLOT_FILES = ["state.0.json", "state.1.json"] as const;

/** What the two files and the counter say. */
export interface Seen {
  /** Where the newest is. */
  readonly slot: 0 | 1;
  readonly counter: number;
  /** No fewer than were saved here; 0: nothing was. */
  readonly saves: number;
  readonly doubt?: "rollback" | "tamper";
}

export class TwoSlots implements Adapter<DeviceRecord | null> {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #counter: MonotonicCounter;
  #seen: Seen | undefined;

  constructor(directory: string, disk: Disk, counter: MonotonicCounter) {
    this.#directory = directory;
    this.#disk = disk;
    this.#counter = counter;
  }

  /** Undefined until looked at, and after a failure: what counts is the disk. */
  get seen(): Seen | undefined {
    return this.#seen;
  }

  /** The newest record that can be read whole; null if there is none. @throws DeviceError "storage-failed" */
  async read(): Promise<DeviceRecord | null> {
    this.#seen = undefined;
    const slots = [await this.#readSlot(0), await this.#readSlot(1)] as const;
    const before = await this.#counter.read();
    const newest = newerOf(slots);
    const ahead = newest ? newest.file.generation - before : 0;
    const counter = ahead === 1 ? await this.#counter.increment() : before; // cut off by the power
    const written = slots.some((slot) => slot !== undefined) ? 1 : 0;
    const saves = Math.max(counter, newest?.file.saves ?? written);
    const doubt = ahead < 0 ? "rollback" : ahead > 1 ? "tamper" : undefined;
    this.#seen = { slot: newest?.slot ?? 1, counter, saves, ...(doubt && { doubt }) };
    return newest?.file.record ?? null;
  }

  /** The counter moves after the state is on disk, never before. @throws DeviceError "storage-failed" */
  async write(record: DeviceRecord | null): Promise<void> {
    if (!record) return;
    if (!this.#seen) await this.read(); // never over a state that nobody has looked at
    const { slot: newest, counter, saves } = this.#seen!;
    this.#seen = undefined;
    const slot = newest === 0 ? 1 : 0;
    const file: StateFile = { saves: saves + 1, generation: counter + 1, record };
    await writeChecked(this.#path(slot), { ...file }, this.#disk);
    this.#seen = { slot, counter: await this.#counter.increment(), saves: file.saves };
  }

  async #readSlot(slot: 0 | 1): Promise<Found<StateFile>> {
    const found = await readChecked(this.#path(slot), this.#disk);
    return typeof found === "object" ? (stateIn(found) ?? "damaged") : found;
  }

  #path(slot: 0 | 1): string {
    return join(this.#directory, SLOT_FILES[slot]);
  }
}

function newerOf([first, second]: readonly [Found<StateFile>, Found<StateFile>]) {
  const [zero, one] = [first, second].map((file) => (typeof file === "object" ? file : undefined));
  if (one && (!zero || one.saves > zero.saves)) return { slot: 1, file: one } as const;
  return zero && ({ slot: 0, file: zero } as const);
}
