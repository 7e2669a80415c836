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
  /** Only this step fails; the power stays. */
  #failAt = Infinity;
  /** Paths that got new content, in order. */
  readonly written: string[] = [];
  /** Called before each step: with `afterCut`, what is found when the power goes there. */
  beforeStep: () => void = () => undefined;

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

  /** The step that comes after `steps` others fails, once, as on a disk that is full. */
  failAt(steps: number): void {
    this.#failAt = this.#steps + steps;
  }

  /** The same content, and its own from then on. */
  copy(): CutDisk {
    const files = [...this.#names].map(([path, { content }]): [string, File] => {
      return [path, { content, synced: true }];
    });
    return new CutDisk(new Map(files));
  }

  /** What is found in a file becomes something else, as with age; undefined: the file is gone. */
  spoil(path: string, damage: (bytes: Uint8Array) => Uint8Array | undefined): void {
    const { content } = this.#names.get(path) ?? { content: new Uint8Array() };
    const damaged = damage(content.slice());
    this.#change((names) =>
      damaged ? names.set(path, { content: damaged, synced: true }) : names.delete(path),
    );
  }

  /** Paths of all files. */
  paths(): readonly string[] {
    return [...this.#names.keys()].toSorted();
  }

  /** Puts files back as they are on another disk: those whose path begins so. */
  restore(image: CutDisk, beginning: string): void {
    this.#change((names) => {
      for (const path of this.paths()) if (path.startsWith(beginning)) names.delete(path);
      for (const [path, file] of image.#names) if (path.startsWith(beginning)) names.set(path, { ...file });
    });
  }

  /** What is found now, as one text: the same for disks with the same files. @param except - files that nobody reads. */
  content(except?: RegExp): string {
    const read = [...this.#names].filter(([path]) => !except?.test(path));
    const files = read.toSorted(([a], [b]) => (a < b ? -1 : 1));
    return files
      .map(([path, { content }]) => `${path} ${Buffer.from(content).toString("latin1")}`)
      .join("\n");
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
    this.written.push(to);
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
    this.beforeStep();
    if (this.#steps === this.#failAt) {
      this.#steps += 1;
      throw new Error("no space is left");
    }
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
  const prepared = new CutDisk();
  await prepare(prepared);
  yield* powerCutsOn(prepared, work);
}

/** The same on copies of a disk that is there. */
export async function* powerCutsOn(
  prepared: CutDisk,
  work: (disk: CutDisk) => Promise<unknown>,
): AsyncIterable<{ disk: CutDisk; done: boolean; step: number }> {
  for (let step = 0, done = false; !done; step++) {
    const disk = prepared.copy();
    disk.cutAt = step;
    done = await work(disk).then(
      () => true,
      () => false,
    );
    for (const found of disk.afterCut()) yield { disk: found, done, step };
  }
}
