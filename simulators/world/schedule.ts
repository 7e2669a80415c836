/** What happens next: one queue for the whole world, by true time, then by the order in which it was asked for. */

/** Something that is to happen. */
export interface Happening {
  /** True time, Unix milliseconds. */
  readonly atMs: number;
  /** Whom it happens to, and what: for the trace. */
  readonly node: string;
  readonly what: string;
  /** Undefined once it was cancelled. */
  run: (() => void) | undefined;
}

interface Entry extends Happening {
  readonly serial: number;
}

/** Cancelled ones are swept out when they are more than this, and more than half of all. */
const SWEEP_ABOVE = 1_024;

export class Schedule {
  /** True time, Unix milliseconds; nobody in the world can read it. */
  nowMs: number;
  /** How many have happened. */
  steps = 0;
  /** A heap: each entry comes before both of those at 2i + 1 and 2i + 2. */
  #heap: Entry[] = [];
  #serial = 0;
  #cancelled = 0;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  /** Asks for `run` at `atMs`, or now if that is past. */
  at(atMs: number, node: string, what: string, run: () => void): Happening {
    const entry: Entry = { atMs: Math.max(atMs, this.nowMs), node, what, run, serial: this.#serial++ };
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return entry;
  }

  after(delayMs: number, node: string, what: string, run: () => void): Happening {
    return this.at(this.nowMs + delayMs, node, what, run);
  }

  cancel(happening: Happening): void {
    if (!happening.run) return;
    happening.run = undefined;
    this.#cancelled += 1;
    if (this.#cancelled > SWEEP_ABOVE && 2 * this.#cancelled > this.#heap.length) this.#sweep();
  }

  /** When the next one is; undefined when nothing is asked for. */
  nextMs(): number | undefined {
    while (this.#heap[0] && !this.#heap[0].run) {
      this.#pop();
      this.#cancelled -= 1;
    }
    return this.#heap[0]?.atMs;
  }

  /** Takes out the next one; time moves on to it. */
  take(): (Happening & { readonly run: () => void }) | undefined {
    if (this.nextMs() === undefined) return undefined;
    const next = this.#pop();
    this.nowMs = next.atMs;
    this.steps += 1;
    const { run = () => undefined } = next;
    next.run = undefined; // to cancel it from now on does nothing
    return { ...next, run };
  }

  #sweep(): void {
    this.#heap = this.#heap.filter(({ run }) => run).toSorted((a, b) => (before(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #pop(): Entry {
    const [top] = this.#heap;
    const last = this.#heap.pop();
    if (!top || !last) throw new Error("only a heap with something in it is asked for its top");
    if (last === top) return top;
    this.#heap[0] = last;
    this.#sink();
    return top;
  }

  #rise(from: number): void {
    const heap = this.#heap;
    for (let at = from; at > 0;) {
      const above = (at - 1) >> 1;
      const [entry, parent] = [heap[at] as Entry, heap[above] as Entry];
      if (!before(entry, parent)) return;
      [heap[at], heap[above]] = [parent, entry];
      at = above;
    }
  }

  #sink(): void {
    const heap = this.#heap;
    for (let at = 0; ;) {
      const entry = heap[at] as Entry;
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (!left) return;
      const isRight = right !== undefined && before(right, left);
      const child = isRight ? right : left;
      if (!before(child, entry)) return;
      const below = 2 * at + (isRight ? 2 : 1);
      [heap[at], heap[below]] = [child, entry];
      at = below;
    }
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.serial < b.serial);
}
