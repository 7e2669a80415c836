/** `daymark gateway run` and `server run --gateways` as real processes: what they print, and how they end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { restartPause } from "../../broker/gateway-task.js";
import { until } from "../stories/harbor.js";
import { temporaryFolder } from "./served-fleet.js";

const MAIN = join(import.meta.dirname, "../../fleet/cli/main.ts");
const TSX = import.meta.resolve("tsx");
const { DAYMARK_DATA: _unset, ...ENV } = process.env;
const FREE_PORTS = ["--mqtt-port", "0", "--api-port", "0"];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await Promise.all(
    children.splice(0).map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "close");
    }),
  );
  await folder.remove();
});

/** One command of the real CLI, run from source. */
function daymark(...args: readonly string[]) {
  return daymarkWith([], args);
}

/** @param options - of node. */
function daymarkWith(options: readonly string[], args: readonly string[]) {
  const child = spawn(process.execPath, ["--import", TSX, ...options, MAIN, ...args], {
    env: ENV,
    cwd: folder.path,
  });
  children.push(child);
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const end = once(child, "close");
  return {
    said,
    stop: () => child.kill("SIGTERM"),
    fault: () => child.kill("SIGUSR2"),
    /** Nobody reads its stderr any more. */
    unheard: () => child.stderr.destroy(),
    async end() {
      const [exitCode] = (await end) as [number | null];
      return { exitCode, ...said };
    },
    /** What it printed with `-j` once it served. */
    async ready<T>(): Promise<T> {
      await until(
        () => said.stdout.endsWith("}\n") || child.exitCode !== null,
        `it serves: ${args.join(" ")}`,
      );
      if (!said.stdout) throw new Error(said.stderr);
      return JSON.parse(said.stdout) as T;
    },
  };
}
/** Whole lines only: the last may be on its way. */
function logged(stderr: string): readonly Record<string, unknown>[] {
  const lines = stderr.slice(0, stderr.lastIndexOf("\n") + 1).trimEnd();
  return lines === "" ? [] : lines.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
}

interface Served {
  readonly mqtt: string;
  readonly gatewayPids: readonly number[];
}

const lives = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** The pid of a process is not seen from outside: that somebody answers at a TLS handshake is. */
async function shakesHands(port: number): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  socket.destroy();
}

describe("a server ends", () => {
  test("when it is told to, also when nobody reads what it says", async () => {
    const server = daymark("server", "run", "--data", "d", ...FREE_PORTS, "-j");
    await server.ready<Served>();
    server.unheard();
    server.stop();
    expect((await server.end()).exitCode).toBe(0);
  });

  test("by a fault that nobody caught, in the middle of whatever it writes", async () => {
    const fault = "process.on('SIGUSR2',()=>setImmediate(()=>{throw new Error('planted')}))";
    const server = daymarkWith(
      [`--import=data:text/javascript,${encodeURIComponent(fault)}`],
      ["server", "run", "--data", "d", ...FREE_PORTS, "-j"],
    );
    const { api } = await server.ready<Served & { readonly api: string }>();
    const token = await readFile(join(folder.path, "d/fleet/tokens/admin"), "utf8");
    const headers = { authorization: `Bearer ${token.trim()}`, "content-type": "application/json" };
    const body = JSON.stringify({ match: "number = 999", level: "observe", reason: "to have it write" });
    const writing = Array.from({ length: 50 }, () =>
      fetch(new URL("/v1/advisories", api), { method: "POST", headers, body }).then(
        ({ status }) => status,
        () => undefined,
      ),
    );
    await Promise.race(writing);
    server.fault();
    expect((await server.end()).exitCode).toBeNull(); // killed, and not waiting for its database
    expect(server.said.stderr).toContain("a fault ended this server: ");
    await Promise.all(writing);
  });
});

describe("--metrics-port", () => {
  const counted = async (url: string) => {
    const text = await (await fetch(url)).text();
    return Number(/^daymark_gateway_refusals_total{code="no-tls"} (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  /** Sends what is no TLS, again and again from new connections. */
  async function noTls(port: number, times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const socket = connectTcp({ host: "127.0.0.1", port }).on("error", () => undefined);
      socket.write("GET / HTTP/1.1\r\n\r\n");
      await new Promise((done) => socket.resume().once("close", done));
    }
  }

  test.each([
    ["the gateway inside", "0"],
    ["all processes together", "2"],
  ])("serves what is counted, of %s, to this machine", async (_name, gateways) => {
    const ports = [...FREE_PORTS, "--metrics-port", "0"];
    const server = daymark("server", "run", "--data", "d", ...ports, "--gateways", gateways, "-j");
    const { mqtt, metrics } = await server.ready<Served & { readonly metrics: string }>();
    expect(metrics).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    await noTls(Number(new URL(mqtt).port), 20);
    expect(await counted(metrics)).toBe(20);
    expect((await fetch(new URL("/", metrics))).status).toBe(404);
    const taken = new URL(metrics).port;
    const refused = await daymark(
      "gateway",
      "run",
      "--data",
      "d",
      "--mqtt-port",
      "0",
      "--metrics-port",
      taken,
    ).end();
    expect(refused).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("--metrics-port") });
    server.stop();
    expect(await server.end()).toMatchObject({ exitCode: 0 });
  });
});

describe("server run --gateways", () => {
  test("serves from processes of their own, replaces one that died on the same port, and ends them", async () => {
    const server = daymark("server", "run", "--data", "d", ...FREE_PORTS, "--gateways", "2", "-j");
    const { mqtt, gatewayPids } = await server.ready<Served>();
    expect(gatewayPids).toHaveLength(2);
    const port = Number(new URL(mqtt).port);
    for (const pid of gatewayPids) process.kill(pid, "SIGKILL");
    await until(() => server.said.stderr.match(/another starts/g)?.length === 2, "both are replaced");
    await until(
      () =>
        shakesHands(port).then(
          () => true,
          () => false,
        ),
      "the new ones serve",
    );
    server.stop();
    expect(await server.end()).toMatchObject({ exitCode: 0 });
    expect(gatewayPids.some(lives)).toBe(false);
    await expect(shakesHands(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("0: the gateway is inside, and others can be started beside it", async () => {
    const server = daymark("server", "run", "--data", "d", ...FREE_PORTS, "-j");
    const { mqtt, gatewayPids } = await server.ready<Served>();
    expect(gatewayPids).toEqual([]);
    const taken = new URL(mqtt).port;
    const refused = await daymark("gateway", "run", "--data", "d", "--mqtt-port", taken).end();
    expect(refused).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("--mqtt-port") });

    const ports = ["--mqtt-port", "0", "--processes", "2"];
    const beside = daymark("gateway", "run", "--data", "d", ...ports, "--log-format", "json", "-j");
    const told = (event: string) => logged(beside.said.stderr).filter((line) => line.event === event);
    const { port, pids } = await beside.ready<{ port: number; pids: readonly number[] }>();
    await shakesHands(port);
    const [killed = 0, left] = pids;
    process.kill(killed, "SIGKILL");
    await until(() => told("gateway-ended").length > 0, "it says that one has died");
    expect(told("gateway-ended")).toEqual([expect.objectContaining({ level: "warn", process: killed })]);
    server.stop();
    expect(await server.end()).toMatchObject({ exitCode: 0 });
    await until(() => told("service-down").some((line) => line.process === left), "the service is gone");
    expect(told("service-down")[0]).toMatchObject({ level: "warn", service: "gateway", code: "link-down" });
    await shakesHands(port); // and serves on
    beside.stop();
    expect(await beside.end()).toMatchObject({ exitCode: 0 });
    expect(pids.some(lives)).toBe(false);
  });

  test("a folder too deep for a socket: the server goes on without, unless it needs it", async () => {
    const deep = join("d".repeat(60), "e".repeat(60));
    await mkdir(join(folder.path, deep), { recursive: true });
    const server = daymark("server", "run", "--data", deep, ...FREE_PORTS, "-j");
    await server.ready();
    expect(server.said.stderr).toContain("no gateway can run beside this server: the path of a socket");
    server.stop();
    await server.end();
    const needs = await daymark("server", "run", "--data", deep, ...FREE_PORTS, "--gateways", "1").end();
    expect(needs).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("shorter path") });
  });
});

test("gateway run without a server: 8, how to start one, and what was met", async () => {
  const alone = await daymark("gateway", "run", "--data", "nowhere").end();
  expect(alone).toMatchObject({ exitCode: 8, stdout: "" });
  expect(alone.stderr).toContain(
    "no server runs on nowhere/fleet; start it: daymark server run --data 'nowhere' (connect ENOENT nowhere/fleet/link.sock)",
  );
});

test.each([["0"], ["17"], ["two"]])("gateway run --processes %s: 2", async (processes) => {
  expect(await daymark("gateway", "run", "--processes", processes).end()).toMatchObject({ exitCode: 2 });
});

test("a process that dies at once is replaced ever more slowly, one that lived for a while quickly", () => {
  let pauseMs = 0;
  const pauses = Array.from({ length: 8 }, () => (pauseMs = restartPause(pauseMs, 500)));
  expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  expect(restartPause(5_000, 60_000)).toBe(100);
});
