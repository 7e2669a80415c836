/**
 * An ext4 file system in a file, on a loop device of its own. What the device was given is in the file; what waits
 * in the page cache of the file system is not. So a copy of the file is what a power cut leaves.
 */
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Room for all rounds of a run; the file has holes where nothing was written. */
const SIZE_BYTES = 1024 * 1024 * 1024;
/** The kernel may be writing while the file is copied; then the copy is made again. */
const MOST_COPIES = 200;
/** Fields of /sys/block/<dev>/stat (kernel Documentation/block/stat.rst): writes completed, requests in flight. */
const [WRITES, IN_FLIGHT] = [4, 8];

export class DiskImage {
  readonly file: string;
  /** Where its root is. */
  readonly folder: string;
  readonly #device: string;

  private constructor(file: string, folder: string, device: string) {
    this.file = file;
    this.folder = folder;
    this.#device = device;
  }

  /** A new, empty one, mounted beside its file. @throws Error that says what the machine lacks. */
  static async make(file: string): Promise<DiskImage> {
    assertRoot();
    await writeFile(file, "");
    await truncate(file, SIZE_BYTES);
    await run("mkfs.ext4", ["-q", "-F", "-E", "nodiscard", file], { env: WITH_SBIN });
    return DiskImage.mount(file);
  }

  /** The file system replays its journal, as it does when a machine starts again. */
  static async mount(file: string): Promise<DiskImage> {
    assertRoot();
    const folder = `${file}.mounted`;
    await mkdir(folder, { recursive: true });
    const { stdout } = await run("losetup", ["--find", "--show", file], { env: WITH_SBIN });
    const device = stdout.trim();
    try {
      await run("mount", ["-t", "ext4", device, folder], { env: WITH_SBIN });
    } catch (error) {
      await run("losetup", ["--detach", device], { env: WITH_SBIN });
      throw error;
    }
    return new DiskImage(file, folder, device);
  }

  /** Copies what the device had at one moment. Nothing is synced: whoever writes must have been stopped before. */
  async cut(to: string): Promise<void> {
    for (let copies = 0; copies < MOST_COPIES; copies++) {
      const before = await this.#writes();
      await run("cp", ["--sparse=always", this.file, to]);
      if (before !== undefined && before === (await this.#writes())) return;
    }
    throw new Error(`${this.#device} was written to all the time; was everything stopped?`);
  }

  /** Takes the file system away, and its file. */
  async remove(): Promise<void> {
    await run("umount", [this.folder], { env: WITH_SBIN });
    await run("losetup", ["--detach", this.#device], { env: WITH_SBIN });
    await rm(this.folder, { recursive: true });
    await rm(this.file);
  }

  /** Undefined while one is under way. */
  async #writes(): Promise<number | undefined> {
    const text = await readFile(`/sys/block/${basename(this.#device)}/stat`, "utf8");
    const fields = text.trim().split(/\s+/).map(Number);
    return fields[IN_FLIGHT] === 0 ? fields[WRITES] : undefined;
  }
}

const WITH_SBIN = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };

function assertRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new Error(
    "a loop device needs root: run the tests of test/faults with sudo -E env PATH=$PATH npm test",
  );
}
