/** The processes of the connect bench from their parent's side: servers, clients, and the CPU time of each. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Job, JobResult } from "./connect-client.js";
import type { NodeServerKind } from "./connect-server.js";

export interface RunningServer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Of /proc/<pid>/stat: Linux counts in hundredths of a second for everyone (proc(5)). */
const TICK_MS = 10;
/** utime and stime, after the name in parentheses, which may hold spaces. */
const [UTIME, STIME] = [11, 12];

/** @throws Error when the process ends instead. */
export async function startServer(kind: NodeServerKind): Promise<RunningServer> {
  const child = fork(join(import.meta.dirname, "connect-server.ts"), [kind]);
  const port = (await answerOf(child)) as number;
  return { port, pid: child.pid ?? 0, stop: () => stop(child) };
}

export class Client {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<Client> {
    const child = fork(join(import.meta.dirname, "connect-client.ts"));
    await answerOf(child);
    return new Client(child);
  }

  /** @throws Error when one connect did not come to its answer. */
  async run(job: Job): Promise<JobResult> {
    this.#child.send(job);
    const answer = (await answerOf(this.#child)) as JobResult | { readonly failed: string };
    if ("failed" in answer) throw new Error(`port ${job.port}: ${answer.failed}`);
    return answer;
  }

  stop(): Promise<void> {
    return stop(this.#child);
  }
}

/** User and system time of a process so far, all its threads, milliseconds. */
export function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_MS;
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) =>
      reject(new Error(`a process of the bench ended with code ${code}`));
    child.once("exit", ended);
    child.once("message", (answer) => {
      child.off("exit", ended);
      resolve(answer);
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.disconnect();
  await exit;
}
