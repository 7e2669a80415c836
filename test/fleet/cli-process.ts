/** The real `daymark` command, run from source in a folder of its own, for tests that look at how it starts and ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { until } from "../stories/harbor.js";

const MAIN = join(import.meta.dirname, "../../fleet/cli/main.ts");
const TSX = import.meta.resolve("tsx");
/** No setting of whoever runs the tests counts. */
const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("DAYMARK_")));

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class CliProcess {
  readonly said = { stdout: "", stderr: "" };
  readonly #child: ChildProcess;
  readonly #end: Promise<unknown[]>;
  readonly #args: readonly string[];

  /** @param before - what stands before node: a shell that sets a limit, say. */
  constructor(
    cwd: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    before: readonly string[] = [],
  ) {
    const [command = "", ...rest] = [...before, process.execPath, "--import", TSX, MAIN, ...args];
    this.#child = spawn(command, rest, { cwd, env: { ...ENV, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.said.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.said.stderr += text));
    this.#end = once(this.#child, "close");
    this.#args = args;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async end(): Promise<Ended> {
    const [exitCode, signal] = (await this.#end) as [number | null, string | null];
    return { exitCode, signal, ...this.said };
  }

  /** What it printed with `-j` once it served. @throws when it ended instead. */
  async ready<T>(): Promise<T> {
    const { said } = this;
    await until(() => said.stdout.endsWith("}\n") || this.#isOver(), `it serves: ${this.#args.join(" ")}`);
    if (!said.stdout) throw new Error(said.stderr);
    return JSON.parse(said.stdout) as T;
  }

  /** For the end of a test, however far it came. */
  async kill(): Promise<void> {
    if (!this.#isOver()) this.#child.kill("SIGKILL");
    await this.#end;
  }

  #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
