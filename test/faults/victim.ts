/** A process that a test stops, kills and listens to. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import type { Program } from "../stories/device-process.js";

export interface Ended {
  /** Null after a signal. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Last of what it said on stderr, for a message. */
const MAX_STDERR = 4_000;

/** Those that would outlive this process. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Victim {
  readonly pid: number;
  /** When it is gone, and all that it printed was read. */
  readonly ended: Promise<Ended>;
  stderr = "";
  readonly #child: ChildProcess;

  /** @param onLine - called with each line of stdout. */
  constructor([command, ...args]: Program, onLine: (line: string) => void, env: NodeJS.ProcessEnv = {}) {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    running.add(child);
    child.once("close", () => running.delete(child));
    this.pid = child.pid ?? 0;
    child.stdin.on("error", () => undefined); // it may be gone when it is told something
    createInterface({ input: child.stdout }).on("line", onLine);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-MAX_STDERR);
    });
    this.ended = once(child, "close").then(() => ({ exitCode: child.exitCode, signal: child.signalCode }));
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Resolves when none of its threads runs: one that waits for the disk stops when it is back. */
  async freeze(): Promise<void> {
    this.#child.kill("SIGSTOP");
    await untilStopped(this.pid);
  }

  async kill(): Promise<Ended> {
    this.#child.kill("SIGKILL");
    return this.ended;
  }

  /** As a service manager stops it. */
  async stop(): Promise<Ended> {
    this.#child.kill("SIGTERM");
    return this.ended;
  }
}

/** Resolves when none of its threads runs. @throws Error when the process is gone. */
export async function untilStopped(pid: number): Promise<void> {
  while (!(await isStopped(pid))) await setImmediate();
}

async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(threads.map((thread) => stateOf(`/proc/${pid}/task/${thread}/stat`)));
  return states.every((state) => state === "T");
}

/** Field 3 of proc_pid_stat(5); a thread that has ended meanwhile does nothing either. */
async function stateOf(path: string): Promise<string> {
  const stat = await readFile(path, "utf8").catch(() => ") T");
  return stat.slice(stat.lastIndexOf(")") + 2).charAt(0); // the name may hold blanks
}
