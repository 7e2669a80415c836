/** `daymark sim run` as its users run it: real processes, real gateways, every device over mutual TLS. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { simRun } from "../../simulators/sim-commands.js";
import type { Report } from "../../simulators/swarm/report.js";
import { inProcess, noun } from "../fleet/in-process.js";

const MAIN = join(import.meta.dirname, "../../fleet/cli/main.ts");
const TSX = import.meta.resolve("tsx");
const { DAYMARK_DATA: _unset, ...ENV } = process.env;

const children = new Set<ChildProcess>();
/** Where the runs put their own temporary folders, and the test its data. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "daymark-swarm-"));
});
afterAll(async () => {
  const ends = [...children].map((child) => once(child, "close"));
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(ends);
  await rm(folder, { recursive: true });
});

/** One command of the real CLI, run from source. */
function daymark(...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ["--import", TSX, MAIN, ...args], {
    env: { ...ENV, TMPDIR: folder },
  });
  children.add(child);
  child.once("close", () => children.delete(child));
  return child;
}

async function sim(...args: readonly string[]) {
  const child = daymark("sim", "run", ...args);
  let [stdout, stderr] = ["", ""];
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, stdout, stderr };
}

/** The last line, with `-j`. */
async function result(...args: readonly string[]): Promise<Report> {
  const { exitCode, stdout, stderr } = await sim(...args, "-j");
  const lines = stdout.trim().split("\n");
  expect({ exitCode, stderr, missed: missed(JSON.parse(lines.at(-1) ?? "{}")) }).toEqual({
    exitCode: 0,
    stderr: "",
    missed: [],
  });
  return JSON.parse(lines.at(-1) ?? "");
}

const missed = ({ claims = [] }: Partial<Report>) => claims.filter(({ held }) => !held);
const ownFolders = async () => (await readdir(folder)).filter((name) => name.startsWith("daymark-sim-"));

test("smoke: 20 devices do everything once, and nothing stays behind", async () => {
  const report = await result("smoke", "--devices", "20", "--gateways", "1");
  expect(report).toMatchObject({ type: "result", scenario: "smoke", held: true, devices: 20, gateways: 1 });
  expect(report.timings[0]).toMatchObject({ what: "connection begun to lease", times: { count: 40 } });
  expect(await ownFolders()).toEqual([]);
});

test("P10: 10 of 60 devices are revoked at two gateways: exactly those are cut", async () => {
  const report = await result("cut-off", "--devices", "60", "--pick", "10");
  expect(report.claims.map(({ observed }) => observed)).toContain("10 of 10 cut");
  expect(report.timings[0]?.times).toMatchObject({
    count: 10,
    p99: expect.any(Number),
    p100: expect.any(Number),
  });
});

test("herd: 40 devices, some of them held, come back after every gateway was killed", async () => {
  const report = await result("herd", "--devices", "40", "--pick", "4");
  expect(report).toMatchObject({ gateways: 2, picked: 4 });
  expect(report.timings.slice(0, 2).map(({ times }) => times.count)).toEqual([36, 4]);
  expect(report.memory.filter(({ what }) => what === "gateway").length).toBeGreaterThanOrEqual(2);
});

test("devices that were saved play again at their fleet, and those that are not needed stay saved", async () => {
  const data = join(folder, "data");
  const server = daymark("server", "run", "--data", data, "--mqtt-port", "0", "--api-port", "0");
  await once(createInterface({ input: server.stdout! }), "line");
  const [batch, again] = [join(folder, "first"), join(folder, "second")];
  await result("smoke", "--devices", "6", "--data", data, "--save", batch);
  const second = await result("smoke", "--devices", "4", "--data", data, "--batch", batch, "--save", again);
  expect(second).toMatchObject({ devices: 4, gateways: 0 });
  const numbersIn = async (file: string) => {
    const lines = (await readFile(file, "utf8")).trim().split("\n");
    return lines
      .map((line) => JSON.parse(JSON.parse(line).state).record.number as number)
      .sort((a, b) => a - b);
  };
  expect(await numbersIn(again)).toEqual(await numbersIn(batch));

  const refused = await sim("herd", "--devices", "6", "--data", data, "--batch", again);
  expect(refused).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining("--gateways 2") });
});

test.each<[args: readonly string[], exitCode: number, words: RegExp]>([
  [["flood-gates"], 2, /smoke, cut-off, herd/],
  [["smoke", "--devices", "0"], 2, /whole number/],
  [["smoke", "--devices", "10", "--pick", "11"], 1, /--pick/],
  [["smoke", "--devices", "20000", "--workers", "1"], 1, /--workers 2/],
  [["smoke", "--save", "./devices"], 1, /--data/],
])("%j is refused, and says what to do", async (args, exitCode, words) => {
  const noFleet = () => Promise.reject(new Error("no fleet is asked for"));
  const ended = await inProcess({ sim: noun({ run: simRun(noFleet) }) }, folder, ["sim", "run", ...args]);
  expect(ended).toMatchObject({ exitCode, stdout: "", stderr: expect.stringMatching(words) });
});

/** A run in the middle of its births, and the processes that it started. */
async function inTheMiddle() {
  const child = daymark("sim", "run", "smoke", "--devices", "2000", "--gateways", "0", "-j");
  const exit = once(child, "close");
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  await once(createInterface({ input: child.stdout! }), "line");
  const workers = await childrenOf(child.pid ?? 0, /swarm\/worker\./);
  const servers = await childrenOf(child.pid ?? 0, /server\0run\0/);
  expect([workers.length, servers.length]).toEqual([2, 1]);
  const ended = async () => ({ exitCode: ((await exit) as [number | null])[0], stderr });
  return { child, workers, servers, ended };
}

async function childrenOf(parent: number, command: RegExp): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const isChild = await Promise.all(
    pids.map(async (pid) => {
      const isOurs = new RegExp(`^PPid:\\s+${parent}$`, "m").test(await textOf(pid, "status"));
      return isOurs && command.test(await textOf(pid, "cmdline"));
    }),
  );
  return pids.filter((_, i) => isChild[i]);
}

/** Empty when the process is gone; its command line also when it is only not yet forgotten. */
function textOf(pid: number, file: "status" | "cmdline"): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
}

test("a run that is told to stop ends everything that it started", async () => {
  const { child, ended } = await inTheMiddle();
  child.kill("SIGTERM");
  expect(await ended()).toEqual({ exitCode: 1, stderr: expect.stringContaining("stopped") });
  expect(await ownFolders()).toEqual([]);
});

test("a process of devices that dies fails the run, and so does the server", async () => {
  const withoutWorker = await inTheMiddle();
  process.kill(withoutWorker.workers[0] ?? 0, "SIGKILL");
  expect(await withoutWorker.ended()).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/process of devices ended \(SIGKILL\)/),
  });
  const withoutServer = await inTheMiddle();
  process.kill(withoutServer.servers[0] ?? 0, "SIGKILL");
  expect(await withoutServer.ended()).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/server of this run|birth/),
  });
  expect(await ownFolders()).toEqual([]);
});

test("processes of devices end when the run that they belong to is gone", async () => {
  const { child, workers, servers, ended } = await inTheMiddle();
  child.kill("SIGKILL");
  await ended(); // the pipe closes when the last of them is gone, for the server has its own
  for (const pid of workers) expect(await textOf(pid, "cmdline")).toBe("");
  for (const pid of servers) process.kill(pid, "SIGKILL"); // nobody else does, and nobody reads what it would say
  for (const pid of servers) while ((await textOf(pid, "cmdline")) !== "") await setImmediate();
});
