/** A server of a simulation's own: `daymark server run` as a child process, on a temporary folder that goes with it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CliError, EXIT } from "./exit.js";

export interface OwnServer {
  /** Data folder. */
  readonly data: string;
  readonly pid: number;
  /** Rejects when it ends by itself; never resolves. */
  readonly ended: Promise<never>;
  /** Ends it, and removes the folder. */
  close(): Promise<void>;
}

/** Founding a fleet and starting its gateways, on a slow machine. */
const START_MS = 60_000;
/** A server that was asked to end and does not is killed after this. */
const END_MS = 15_000;
/** Last of what it said on stderr, for whoever wants to know why it ended. */
const MAX_STDERR = 2_000;
/** What a gateway process runs, as it stands in its command line. */
const GATEWAY = /[/\\]gateway-worker\.[jt]s\0/;

/** @param process - of this command: the server is started as it was. @throws CliError */
export async function startOwnServer(gateways: number, process: NodeJS.Process): Promise<OwnServer> {
  const data = await mkdtemp(join(tmpdir(), "daymark-sim-"));
  const command = [...process.execArgv, process.argv[1] ?? "", "server", "run", "--data", data];
  const ports = ["--mqtt-port", "0", "--api-port", "0", "--gateways", String(gateways), "-j"];
  const child = spawn(process.execPath, [...command, ...ports], { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR);
  });
  const exit = once(child, "exit");
  let closing = false;
  const ended = new Promise<never>((_, reject) => {
    child.once("close", () => {
      const why = stderr.trim() || "it said nothing";
      if (!closing) reject(new CliError(EXIT.failed, `the server of this run ended: ${why}`));
    });
  });
  ended.catch(() => undefined); // whoever runs on it waits for it
  const close = async (): Promise<void> => {
    closing = true;
    const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
    child.kill("SIGTERM");
    await exit;
    clearTimeout(timer);
    await rm(data, { recursive: true, force: true });
  };
  try {
    await Promise.race([serving(child.stdout), ended, tooLate()]);
    return { data, pid: child.pid ?? 0, ended, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Gateway processes that a server has started, serving or not yet; none where the machine does not tell. */
export async function gatewaysOf(serverPid: number): Promise<readonly number[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  // Whoever asks may kill them, so that they are children of this server is not enough.
  const found = await Promise.all(
    pids.map(
      async (pid) =>
        (await parentOf(pid)) === serverPid && GATEWAY.test(await textOf(`/proc/${pid}/cmdline`)),
    ),
  );
  return pids.filter((_, i) => found[i]);
}

/** Resolves when it has printed where it serves; what it prints later is thrown away. */
async function serving(stdout: NodeJS.ReadableStream): Promise<void> {
  await once(stdout, "data");
  stdout.resume();
}

async function tooLate(): Promise<never> {
  await new Promise((done) => setTimeout(done, START_MS).unref());
  throw new CliError(EXIT.failed, `the server of this run did not start within ${START_MS / 1_000} seconds`);
}

async function parentOf(pid: number): Promise<number | undefined> {
  const [, parent] = /^PPid:\s+(\d+)$/m.exec(await textOf(`/proc/${pid}/status`)) ?? [];
  return parent === undefined ? undefined : Number(parent);
}

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
