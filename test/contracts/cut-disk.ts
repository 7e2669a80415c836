/**
 * A `Disk` in memory that loses power. It keeps apart what was synced and what was only written, and after
 * a cut shows every state that a real disk may then be in.
 */
import type { Disk, NewFile } from "../../protocol/adapters/atomic-file.js";

interface File {
  content: Uint8Array;
  synced: boolean;
}
type Names = ReadonlyMap<string, File>;

class PowerCut extends Error {}

export class CutDisk implements Disk {
  /** Names as a running program sees them. */
  #names: Names;
  /** Names at the last folder sync, and after each change since: a journal is kept in order. */
  #sinceSync: Names[];
  #steps = 0;
  /** The power goes before this step; steps count from 0. */
  cutAt = Infinity;

  constructor(names: Names = new Map()) {
    this.#names = names;
    this.#sinceSync = [names];
  }

  /** Every disk that may be found when the power is back: names up to any change, unsynced files torn. */
  afterCut(): CutDisk[] {
    return this.#sinceSync.flatMap((names) =>
      [0, 0.5, 1].map((written) => {
        const found = [...names].map(([path, { content, synced }]): [string, File] => {
          const kept = synced ? content.length : Math.floor(content.length * written);
          return [path, { content: content.slice(0, kept), synced: true }];
        });
        return new CutDisk(new Map(found));
      }),
    );
  }

  async create(path: string): Promise<NewFile> {
    const file: File = { content: new Uint8Array(), synced: false };
    this.#step();
    if (this.#names.has(path)) throw new Error("exists");
    this.#change((names) => names.set(path, file));
    return {
      write: async (bytes) => {
        this.#step();
        file.content = bytes.slice();
      },
      sync: async () => {
        this.#step();
        file.synced = true;
      },
      close: async () => {},
    };
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.#names.get(path)?.content.slice();
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    const file = this.#names.get(from);
    if (!file) throw new Error("no such file");
    this.#change((names) => {
      names.delete(from);
      names.set(to, file);
    });
  }

  async remove(path: string): Promise<void> {
    this.#step();
    this.#change((names) => names.delete(path));
  }

  async makeFolder(): Promise<void> {}

  async syncFolder(): Promise<void> {
    this.#step();
    this.#sinceSync = [this.#names];
  }

  #step(): void {
    if (this.#steps++ >= this.cutAt) throw new PowerCut("the power is off");
  }

  #change(apply: (names: Map<string, File>) => unknown): void {
    const names = new Map(this.#names);
    apply(names);
    this.#names = names;
    this.#sinceSync.push(names);
  }
}

/**
 * Runs `work` on a disk as `prepare` leaves it, once per step with the power cut there and once to the
 * end. Yields each disk that may be found afterwards, and whether `work` had ended well.
 */
export async function* powerCuts(
  prepare: (disk: CutDisk) => Promise<void>,
  work: (disk: CutDisk) => Promise<unknown>,
): AsyncIterable<{ disk: CutDisk; done: boolean; step: number }> {
  for (let step = 0, done = false; !done; step++) {
    const prepared = new CutDisk();
    await prepare(prepared);
    const [disk] = prepared.afterCut();
    disk!.cutAt = step;
    done = await work(disk!).then(
      () => true,
      () => false,
    );
    for (const found of disk!.afterCut()) yield { disk: found, done, step };
  }
}
