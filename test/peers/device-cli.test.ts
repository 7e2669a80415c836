/** `daymark device birth` and `daymark device run` as their users run them: real processes, a real server. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "../../fleet/cli/main.ts");
const TSX = import.meta.resolve("tsx");
const { DAYMARK_DATA: _unset, ...ENV } = process.env;

const children = new Set<ChildProcess>();
let folder: string;
/** Where the server is reached: URL of its API, `host:port` of its gateway. */
let api: string;
let gateway: string;
/** What `device birth` said of the first device. */
let born: Awaited<ReturnType<typeof birth>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "daymark-device-cli-"));
  const server = daymark("server", "run", "--mqtt-port", "0", "--api-port", "0");
  const value = async (name: string) => (await server.line(new RegExp(`^${name} `))).split(/ +/)[1] ?? "";
  [api, gateway] = [await value("API"), new URL(await value("gateway")).host];
  born = await birth("camera", "admin", "--model", "camera-2");
});
afterAll(async () => {
  const ends = [...children].map((child) => once(child, "close"));
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(ends);
  await rm(folder, { recursive: true });
});

/** One command of the real CLI, run from source. */
function daymark(...args: readonly string[]) {
  const options = { env: { ...ENV, DAYMARK_DATA: folder }, cwd: folder };
  const child = spawn(process.execPath, ["--import", TSX, MAIN, ...args], options);
  children.add(child);
  child.once("close", () => children.delete(child));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  const end = once(child, "close") as Promise<[number | null, string | null]>;
  return {
    lines,
    /** The first line that it printed like this. @throws when it ends without one. */
    async line(pattern: RegExp): Promise<string> {
      const found = () => lines.find((line) => pattern.test(line));
      while (found() === undefined) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`it ended without ${pattern}: ${lines.join("; ")} ${stderr}`);
        await Promise.race([once(reader, "line"), end]);
      }
      return found() ?? "";
    },
    async end() {
      const [exitCode, signal] = await end;
      return { exitCode, signal, stdout: lines.join("\n"), stderr };
    },
    stop: () => child.kill("SIGTERM"),
  };
}

const birth = (dir: string, token: string, ...more: readonly string[]) => {
  const station = ["--station", api, "--token-file", join(folder, "fleet/tokens", token)];
  return daymark("device", "birth", "--dir", dir, "--hardware-id", "SN-0001", ...station, ...more).end();
};
const run = (dir: string, ...more: readonly string[]) =>
  daymark("device", "run", "--dir", dir, "--gateway", gateway, ...more);

test("born, enrolled, speaking, stopped, and again from what it stored", async () => {
  expect(born).toMatchObject({ exitCode: 0, stderr: "" });
  expect(born.stdout).toMatch(/^device 1 was born in camera; run it: daymark device run --dir camera /);
  const { mode } = await stat(join(folder, "camera/keys/idevid.pem"));
  expect((mode & 0o777).toString(8)).toBe("600");

  const first = run("camera", "--heartbeat", "1");
  await first.line(/^may speak$/);
  first.stop();
  const stopped = await first.end();
  expect(stopped).toMatchObject({ exitCode: 0, signal: null });
  expect(stopped.stderr).toBe("device 1 runs from camera; stop with Ctrl-C\n");
  const words =
    "connected to the lobby, for links of the Authority and the time; disconnected; connected; disconnected; connected; contact is fresh; may speak";
  expect(stopped.stdout.split("\n").join("; ")).toContain(words);

  const [second, again] = [run("camera", "-j", "--heartbeat", "0"), birth("camera", "admin", "-j")];
  expect(JSON.parse(await second.line(/"speak"/))).toEqual({ number: 1, type: "speak", allowed: true });
  second.stop();
  expect(await second.end()).toMatchObject({ exitCode: 0, signal: null });
  // It knows the time, and who it is.
  expect(JSON.parse(second.lines[0] ?? "")).toEqual({ number: 1, type: "connected", door: "front" });
  expect(JSON.parse((await again).stdout)).toEqual({ number: 1, dir: "camera" });
});

test("what it cannot do it says in words, and ends with 1", async () => {
  const copy = birth("copy", "admin"); // the same hardware, with a key of its own
  const [unborn, second, stranger] = await Promise.all([run("nobody").end(), copy, birth("other", "nobody")]);
  const failed = { exitCode: 1, stdout: "" };
  expect(unborn).toMatchObject(failed);
  expect(unborn.stderr).toBe("daymark: this store holds no identity: give the device a birth first\n");
  expect(second).toMatchObject(failed);
  expect(second.stderr).toMatch(/^daymark: the station at http:\/\/127\.0\.0\.1:\d+ answered 409: .*\n$/);
  expect(stranger).toMatchObject(failed);
  expect(stranger.stderr).toMatch(/^daymark: .*tokens\/nobody: no such file or folder \(ENOENT\)\n$/);
});
