/** What Linux tells of processes: open files, memory. Elsewhere nothing is known, and nothing is claimed. */
import { readFile } from "node:fs/promises";

/** Soft limit of this process; Node has raised it to the hard one at its start. */
export async function openFileLimit(): Promise<number | undefined> {
  return limitIn(await textOf("/proc/self/limits"));
}

/** @param text - of `/proc/<pid>/limits`. */
export function limitIn(text: string): number | undefined {
  const [, soft] = /^Max open files\s+(\d+)\s/m.exec(text) ?? [];
  return soft === undefined ? undefined : Number(soft);
}

/** Largest resident memory since the process began, bytes; undefined when it is gone. */
async function peakMemory(pid: number): Promise<number | undefined> {
  return peakIn(await textOf(`/proc/${pid}/status`));
}

/** @param text - of `/proc/<pid>/status`. */
export function peakIn(text: string): number | undefined {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(text) ?? [];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
}

/** The largest of each process, also of those that end meanwhile: to be asked while they run. */
export class MemoryPeaks {
  readonly #peaks = new Map<number, number>();

  async look(pids: readonly number[]): Promise<void> {
    for (const pid of pids) {
      const peak = await peakMemory(pid);
      if (peak !== undefined) this.#peaks.set(pid, Math.max(peak, this.#peaks.get(pid) ?? 0));
    }
  }

  /** Bytes by process id, in the order in which they were first seen. */
  get(): ReadonlyMap<number, number> {
    return this.#peaks;
  }
}

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
