/** `daymark gateway run` as a real process with real children, beside a fleet that a test holds in its hands. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkPath, type LinkServer, serveLink } from "../../fleet/adapters/link-server.js";
import { frontDoor } from "../../fleet/front-door.js";
import { linkSource } from "../../fleet/link-feed.js";
import type { FleetService } from "../../fleet/service.js";
import { until } from "./harbor.js";

const MAIN = join(import.meta.dirname, "../../fleet/cli/main.ts");
const TSX = import.meta.resolve("tsx");

export class GatewayProcesses {
  readonly data: string;
  /** What was said of what went wrong at the link. */
  readonly problems: string[] = [];
  port = 0;
  pids: readonly number[] = [];
  stderr = "";
  #server: LinkServer | undefined;
  #child: ChildProcess | undefined;

  private constructor(data: string) {
    this.data = data;
  }

  static async beside(service: FleetService, processes: number): Promise<GatewayProcesses> {
    const made = new GatewayProcesses(await mkdtemp(join(tmpdir(), "daymark-gw-")));
    await mkdir(join(made.data, "fleet"));
    await made.serve(service);
    await made.#run(processes);
    return made;
  }

  /** The service is there for the gateways. */
  async serve(service: FleetService): Promise<void> {
    const path = linkPath(join(this.data, "fleet"));
    const source = linkSource(service, frontDoor(service));
    this.#server = await serveLink(source, path, (problem) => this.problems.push(problem));
  }

  /** The service is gone, for them. */
  async leave(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  async close(): Promise<void> {
    if (this.#child) {
      const end = once(this.#child, "close");
      this.#child.kill("SIGTERM");
      for (const pid of this.pids) signal(pid, "SIGCONT"); // one that a test left standing would not end
      await end;
    }
    await this.leave();
    await rm(this.data, { recursive: true });
  }

  /** What is done while all processes but one stand still, and so take no connection. */
  async only<T>(pid: number, work: () => Promise<T>): Promise<T> {
    const others = this.pids.filter((other) => other !== pid);
    for (const other of others) signal(other, "SIGSTOP");
    try {
      return await work();
    } finally {
      for (const other of others) signal(other, "SIGCONT");
    }
  }

  async #run(processes: number): Promise<void> {
    const ports = ["--mqtt-port", "0", "--processes", String(processes)];
    const args = ["--import", TSX, MAIN, "gateway", "run", "--data", this.data, ...ports, "-j"];
    const child = spawn(process.execPath, args);
    this.#child = child;
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    await until(() => {
      if (child.exitCode !== null) throw new Error(`no gateway runs: ${this.stderr}`);
      return stdout.endsWith("}\n");
    }, "the gateways serve");
    ({ port: this.port, pids: this.pids } = JSON.parse(stdout) as { port: number; pids: number[] });
  }
}

export function signal(pid: number, which: NodeJS.Signals): void {
  try {
    process.kill(pid, which);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it is gone
  }
}
