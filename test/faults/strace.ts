/** Failures in the system calls of a process that runs, on one file, by strace: the kernel never sees the call. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";

/** With which LMDB writes its pages, its meta page, and syncs. */
export const CALLS = ["pwrite64", "writev", "fdatasync"] as const;
type Call = (typeof CALLS)[number];
export type Errno = "EIO" | "ENOSPC";

export interface Fault {
  readonly call: Call;
  readonly error: Errno;
  /** The nth such call from now on fails, counted for each thread; from 1. */
  readonly nth: number;
  /** All after it fail too; else it is the only one, and the disk seems well again. */
  readonly lasting: boolean;
}

const ATTACHED = /^strace: Process \d+ attached/m;
const INJECTED = /\(INJECTED\)/g;

export class Strace {
  readonly #child: ReturnType<typeof spawn>;
  readonly #ended: Promise<unknown>;
  readonly #trace: string;

  private constructor(child: ReturnType<typeof spawn>, trace: string) {
    this.#child = child;
    this.#ended = once(child, "close");
    this.#trace = trace;
  }

  /**
   * Resolves when it is attached to all threads.
   * @param file - absolute; what is done with other files goes well.
   * @param trace - path where strace may write.
   * @throws Error when there is no strace, or it may not attach.
   */
  static async attach(pid: number, file: string, fault: Fault, trace: string): Promise<Strace> {
    const { call, error, nth, lasting } = fault;
    const inject = `inject=${call}:error=${error}:when=${nth}${lasting ? "+" : ""}`;
    const only = ["-e", `trace=${call}`, "-e", inject, "-P", file, "-o", trace];
    const child = spawn("strace", ["-f", "-p", String(pid), ...only], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const strace = new Strace(child, trace);
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.once("error", () => reject(new Error("strace is missing: sudo apt-get install strace")));
      child.once("close", () => reject(new Error(`strace cannot attach: ${said}`)));
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (ATTACHED.test(said)) resolve();
      });
    });
    return strace;
  }

  /** Leaves the process to itself. @returns how many calls have failed. */
  async end(): Promise<number> {
    this.#child.kill("SIGINT");
    await this.#ended;
    const injected = (await readFile(this.#trace, "utf8")).match(INJECTED) ?? [];
    await rm(this.#trace);
    return injected.length;
  }
}
