/**
 * The disk of one node, over years: it keeps apart what was synced and what was only written, loses power
 * between any two steps, fills up, fails, rots, and is put back to an older image.
 */
import type { Disk, NewFile } from "../../protocol/adapters/atomic-file.js";
import type { Luck } from "./random.js";

interface File {
  content: Uint8Array;
  synced: boolean;
}

/** One change of a folder, durable after the folder's next sync. All changes of one entry happen together. */
interface Change {
  readonly folder: string;
  readonly put?: { readonly path: string; readonly file: File };
  readonly gone?: string;
}

/** What was durable at some moment, by path. */
export type Image = ReadonlyMap<string, Uint8Array>;
/** What a disk says when it does not do what it is asked. */
export type DiskFault = "ENOSPC" | "EIO";

export interface DiskUse {
  /** Waits as long as a sync takes. */
  readonly syncTakes: () => Promise<void>;
  /** The power has just gone, at the step that was chosen. */
  readonly powerCut: () => void;
}

export class WorldDisk {
  /** Names as a running program sees them, and as they are found after a power cut. */
  #names = new Map<string, File>();
  #durable = new Map<string, File>();
  /** In order: after a cut the first few of them may hold. */
  #pending: Change[] = [];
  #cutAtStep = Infinity;
  #mounted: DiskUse | undefined;
  readonly #luck: Luck;
  readonly #changed: () => void;
  /** Steps that could be cut, since the beginning: creations, writes, syncs, renames, removals. */
  steps = 0;
  /** While set, reads fail so, or all that changes the disk. */
  readFault: DiskFault | undefined;
  writeFault: DiskFault | undefined;

  /** @param changed - called when what is durable has become another. */
  constructor(luck: Luck, changed: () => void = () => undefined) {
    this.#luck = luck;
    this.#changed = changed;
  }

  /** The power goes before the step that comes `steps` after the next one; 0: before the next. */
  cutAfter(steps: number): void {
    this.#cutAtStep = this.steps + steps;
  }

  /** For a program that starts now. After the power was cut, whatever it asks is never answered. */
  mount(use: DiskUse): Disk {
    this.#mounted = use;
    return {
      create: (path) => this.#run(use, () => this.#create(use, path)),
      read: (path, maxBytes) => this.#read(use, path, maxBytes),
      rename: (from, to) => this.#run(use, async () => this.#rename(from, to)),
      remove: (path) => this.#run(use, async () => this.#remove(path)),
      makeFolder: () => (this.#mounted === use ? Promise.resolve() : never()),
      syncFolder: (path) => this.#sync(use, () => this.#syncFolder(path)),
    };
  }

  /** The program was stopped: nothing is lost. */
  unmount(): void {
    this.#mounted = undefined;
    this.#cutAtStep = Infinity;
  }

  /** The power goes: some changes of names that were not synced hold, and files that were not are torn. */
  cut(): void {
    this.unmount();
    const kept = this.#luck.between(0, this.#pending.length);
    for (const change of this.#pending.slice(0, kept)) apply(change, this.#durable);
    this.#pending = [];
    for (const [path, file] of this.#durable) {
      if (!file.synced) this.#durable.set(path, { content: this.#torn(file.content), synced: true });
    }
    this.#names = new Map(this.#durable);
    this.#changed();
  }

  /** What a file holds after a power cut at this moment; undefined when that is not sure, or there is none. */
  durable(path: string): Uint8Array | undefined {
    const file = this.#durable.get(path);
    return file?.synced ? file.content : undefined;
  }

  /** All that is durable now. */
  image(): Image {
    const synced = [...this.#durable].filter(([, { synced }]) => synced);
    return new Map(synced.map(([path, { content }]) => [path, content]));
  }

  /**
   * Puts an image back, while no program uses the disk. @param only - these paths alone are put back, or
   * removed if the image has none; everything else stays as it is.
   */
  restore(image: Image, only?: readonly string[]): void {
    const paths = only ?? [...new Set([...image.keys(), ...this.#durable.keys()])];
    for (const path of paths) {
      const content = image.get(path);
      if (content) this.#durable.set(path, { content, synced: true });
      else this.#durable.delete(path);
    }
    this.#pending = [];
    this.#names = new Map(this.#durable);
    this.#changed();
  }

  /** One bit of a durable file turns. @returns false when there is no such file, or nothing in it. */
  rot(path: string): boolean {
    const file = this.#durable.get(path);
    if (!file || file.content.length === 0) return false;
    const content = file.content.slice();
    const at = this.#luck.between(0, content.length - 1);
    content[at] = (content[at] ?? 0) ^ (1 << this.#luck.between(0, 7));
    file.content = content;
    this.#changed();
    return true;
  }

  async #create(use: DiskUse, path: string): Promise<NewFile> {
    if (this.#names.has(path)) throw diskError("EEXIST");
    const file: File = { content: new Uint8Array(), synced: false };
    this.#change({ folder: folderOf(path), put: { path, file } });
    return {
      write: (bytes) => this.#run(use, async () => void (file.content = bytes.slice())),
      sync: () =>
        this.#sync(use, () => {
          file.synced = true;
          this.#changed();
        }),
      close: () => Promise.resolve(),
    };
  }

  async #read(use: DiskUse, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    if (this.#mounted !== use) return never();
    if (this.readFault) throw diskError(this.readFault);
    return this.#names.get(path)?.content.slice(0, maxBytes + 1);
  }

  #rename(from: string, to: string): void {
    const file = this.#names.get(from);
    if (!file) throw diskError("ENOENT");
    this.#change({ folder: folderOf(to), put: { path: to, file }, gone: from });
  }

  #remove(path: string): void {
    if (this.#names.has(path)) this.#change({ folder: folderOf(path), gone: path });
  }

  #syncFolder(folder: string): void {
    for (const change of this.#pending) if (change.folder === folder) apply(change, this.#durable);
    this.#pending = this.#pending.filter((change) => change.folder !== folder);
    this.#changed();
  }

  async #sync(use: DiskUse, done: () => void): Promise<void> {
    await this.#run(use, async () => undefined);
    await use.syncTakes();
    if (this.#mounted !== use) return never();
    done();
  }

  /** One step, unless the power goes before it. */
  #run<T>(use: DiskUse, step: () => Promise<T>): Promise<T> {
    if (this.#mounted !== use) return never();
    if (this.steps >= this.#cutAtStep) {
      use.powerCut();
      return never();
    }
    this.steps += 1;
    if (this.writeFault) return Promise.reject(diskError(this.writeFault));
    return step();
  }

  #change(change: Change): void {
    this.#pending.push(change);
    apply(change, this.#names);
  }

  /** What is found of bytes that were never synced: a part, a part and zeros (the length was, they were not), or all. */
  #torn(written: Uint8Array): Uint8Array {
    const part = written.slice(0, this.#luck.between(0, written.length));
    if (this.#luck.chance(0.5)) return part;
    const padded = new Uint8Array(written.length);
    padded.set(part);
    return padded;
  }
}

function apply({ put, gone }: Change, names: Map<string, File>): void {
  if (gone !== undefined) names.delete(gone);
  if (put) names.set(put.path, put.file);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

function diskError(code: string): Error {
  return Object.assign(new Error(`the disk says ${code}`), { code });
}
