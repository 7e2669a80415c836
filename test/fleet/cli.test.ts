/** The `daymark` command as a real process against a real server: what it prints, where, and how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readServerFile } from "../../fleet/adapters/server-file.js";
import { advisoryCommands } from "../../fleet/cli/commands/advisory.js";
import { authorityCommands } from "../../fleet/cli/commands/authority.js";
import { bundleCommands } from "../../fleet/cli/commands/bundle.js";
import { deviceActCommands } from "../../fleet/cli/commands/device-acts.js";
import { deviceCommands } from "../../fleet/cli/commands/device.js";
import { quarantineCommands } from "../../fleet/cli/commands/quarantine.js";
import { releaseCommands } from "../../fleet/cli/commands/release.js";
import { serverRun } from "../../fleet/cli/commands/server.js";
import { version } from "../../fleet/cli/commands/version.js";
import { type Fleet, openFleet, serveApi } from "../../fleet/main.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { CliProcess } from "./cli-process.js";
import { inProcess, noun } from "./in-process.js";
import { confirm, entropy, importDevices, temporaryFolder } from "./served-fleet.js";

const MAIN = join(import.meta.dirname, "../../fleet/cli/main.ts");
const TSX = import.meta.resolve("tsx");
const { DAYMARK_DATA: _unset, ...ENV } = process.env;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let fleet: Fleet;
let api: Awaited<ReturnType<typeof serveApi>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
  fleet = await openFleet({ folder: join(folder.path, "fleet"), name: "harbour", ...parts });
  api = await serveApi(fleet, { port: 0 });
  await importDevices(fleet.service, 1, 25);
});
afterAll(async () => {
  await api.close();
  await fleet.close();
  await folder.remove();
});

const children = new Set<ChildProcess>();
afterEach(() => children.forEach((child) => child.kill("SIGKILL")));

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const options = { env: { ...ENV, DAYMARK_DATA: folder.path, ...env }, cwd: folder.path };
  const child = spawn(process.execPath, ["--import", TSX, MAIN, ...args], options);
  child.stdin!.end();
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function daymark(...args: readonly string[]) {
  return ended(start(args));
}

const here = (...args: readonly string[]) => inProcess(routes, folder.path, args);
const gatewayIsNotWanted = () => Promise.reject(new Error("no test here gets as far as a gateway"));
const routes = {
  server: noun({ run: serverRun(gatewayIsNotWanted, gatewayIsNotWanted) }),
  device: noun({ ...deviceCommands, ...deviceActCommands }),
  advisory: noun(advisoryCommands),
  release: noun(releaseCommands),
  bundle: noun(bundleCommands),
  authority: noun(authorityCommands),
  quarantine: noun(quarantineCommands),
  version,
};

async function ended(child: ChildProcess) {
  let [stdout, stderr] = ["", ""];
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [exitCode, signal] = (await once(child, "close")) as [number | null, string | null];
  return { exitCode, signal, stdout, stderr };
}

test("a quarantine from request to status, by two people", async () => {
  const held = ["21", "22", "--level", "isolate", "--reason", "reported stolen"];
  const requested = await daymark("quarantine", "request", ...held, "-j");
  expect(requested).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(requested.stdout)).toMatchObject({ state: "in-force", requestedBy: "admin" });

  const lifted = await here("quarantine", "lift", "21", "22", "--reason", "found again", "-j");
  expect(lifted).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("--as approver") });
  const { id, state } = JSON.parse(lifted.stdout);
  expect(state).toBe("awaiting-approval");

  const unasked = await daymark("quarantine", "approve", id, "--as", "approver");
  expect(unasked).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--yes") });
  const alone = await daymark("quarantine", "approve", id, "--yes");
  expect(alone).toMatchObject({ exitCode: 4, stdout: "" });
  expect(fleet.service.view.devices.get(21)?.level).toBe("isolate");
  const approved = await daymark("quarantine", "approve", id, "--yes", "--as", "approver");
  expect(approved).toMatchObject({ exitCode: 0, stdout: `approved ${id}: in-force\n` });
  expect(approved.stderr).toMatch(/21\s+isolate\s+waiting/); // what it approved was shown
  expect(fleet.service.view.devices.get(21)?.level).toBe("none");
  expect(await here("quarantine", "approve", id, "--yes", "--as", "approver")).toMatchObject({
    exitCode: 5,
  });

  await confirm(fleet.service, 21, 2, 3);
  const status = await here("quarantine", "status", id, "-j");
  expect(JSON.parse(status.stdout).devices).toMatchObject([
    { number: 21, state: "confirmed" },
    { number: 22, state: "issued" },
  ]);
  expect((await here("quarantine", "status")).stdout).toContain("lift, leave at none");
});

test("an advisory from its preview to its end", async () => {
  const match = ["--match", "number in 18..19"];
  const preview = await here("advisory", "preview", ...match);
  expect(preview.stdout).toMatch(/^match for sure +2$/m);
  const added = await here("advisory", "add", ...match, "--level", "restrict", "--reason", "open telnet");
  expect(added.stdout).toContain("hold at restrict all that match number in 18..19");
  expect((await here("advisory", "list")).stdout).toMatch(/^1 +restrict +2 +number in 18..19 +open telnet$/m);
  expect((await here("quarantine", "status", "--advisory", "1")).stdout).toMatch(/^cannot know yet +25$/m);
  const ended = await here("advisory", "remove", "1", "--reason", "fixed");
  expect(ended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("--as approver") });
});

test("a count is filed for each device, and watch tells of it", async () => {
  const filed = await here("device", "reboot", "17", "--reason", "hangs", "-j");
  expect(JSON.parse(filed.stdout)).toMatchObject({ kind: "count", count: "reboot", state: "in-force" });
  expect((await here("quarantine", "status")).stdout).toContain("reboot once more");
  const wiped = await here("quarantine", "wipe", "17", "--reason", "sold", "-j");
  expect(JSON.parse(wiped.stdout)).toMatchObject({ count: "wipe", state: "awaiting-approval" });
  const log = start(["device", "watch", "--after", "0"]);
  for await (const line of createInterface({ input: log.stdout! }))
    if (/act-requested +reboot +1 devices +request [0-9a-f]{16} +\(hangs\)/.test(line)) return;
  expect.unreachable("the log ended without it");
});

test("who knows of everything is told in numbers, of a device in words", async () => {
  const all = await here("quarantine", "status");
  expect(all.stdout).toMatch(/^DOCUMENT +VERSION +CONFIRMED +TOLD +CANNOT KNOW YET$/m);
  expect(all.stdout).toMatch(/^ledger +1\.\d+ +\d+ +0 +\d+$/m);
  const dark = await here("quarantine", "status", "--authority", "1", "--state", "dark", "--limit", "2");
  expect(dark.stdout).toMatch(/^\d+ +\w+ +dark +last heard of .*Z$/m);
  expect(dark.stderr).toContain("--after");
  expect((await here("quarantine", "status", "--device", "25")).stdout).toContain("dark, last heard of");
  const both = await here("quarantine", "status", "--device", "25", "--epoch", "0");
  expect(both).toMatchObject({ exitCode: 2, stdout: "" });
});

test("devices are listed in columns, with what to do next on stderr", async () => {
  const { exitCode, stdout, stderr } = await here("device", "list", "--limit", "3");
  const lines = stdout.trimEnd().split("\n");
  expect([exitCode, lines.length]).toEqual([0, 4]);
  const column = lines[0]!.indexOf("LEVEL");
  for (const line of lines.slice(1)) expect(line.slice(column, column + 6)).toBe("none  ");
  expect(stdout).not.toContain("\u001b");
  expect(stderr).toContain("--after 3");
  const all = await here("device", "list", "--limit", "10", "--all", "-j");
  expect(JSON.parse(all.stdout).devices).toHaveLength(25);
  const none = await here("device", "list", "--filter", "level:observe", "-j");
  expect(JSON.parse(none.stdout)).toEqual({ devices: [] });
});

test("text that others chose cannot steer the terminal", async () => {
  await here("quarantine", "request", "9", "--level", "observe", "--reason", "\u001b[2Jx\u009b2J\ny");
  const { stdout } = await here("quarantine", "status");
  expect(stdout).toContain("?[2Jx?2J?y");
});

test("device get shows one device; watch tells what happens to it", async () => {
  const got = await daymark("device", "get", "5", "--json");
  expect(JSON.parse(got.stdout)).toMatchObject({ number: 5, model: "camera-2", knows: "not-yet" });
  expect((await daymark("device", "get", "5")).stdout).toMatch(/^number +5$/m);

  const watch = start(["device", "watch", "5", "-j", "--after", "0"]);
  const lines = createInterface({ input: watch.stdout! })[Symbol.asyncIterator]();
  const event = async () => JSON.parse((await lines.next()).value!) as unknown;
  expect(await event()).toMatchObject({ type: "device-imported", number: 5 });
  expect(await event()).toMatchObject({ type: "directive-issued", number: 5 });
  await confirm(fleet.service, 5, 1);
  expect(await event()).toMatchObject({ type: "receipt-received", number: 5 });
});

describe("how a command ends", () => {
  const reason = ["--reason", "x"];
  test.each<[string, number, string[]]>([
    ["a noun that is none", 2, ["devices"]],
    ["a verb that is none", 2, ["device", "lst"]],
    ["a flag that is none", 2, ["device", "list", "--colour"]],
    ["a number that is none", 2, ["device", "get", "seven"]],
    ["no level", 2, ["quarantine", "request", "1", ...reason]],
    ["a level that is none", 2, ["quarantine", "request", "1", "--level", "banned", ...reason]],
    ["no reason", 2, ["quarantine", "request", "1", "--level", "isolate"]],
    ["an empty reason", 2, ["quarantine", "request", "1", "--level", "isolate", "--reason", ""]],
    ["an operator outside the folder", 2, ["device", "list", "--as", "../keys/root"]],
    ["http to another machine", 2, ["device", "list", "--server", "http://192.0.2.1:8080"]],
    ["an unknown device", 3, ["device", "get", "99"]],
    ["a hold on an unknown device", 3, ["quarantine", "request", "99", "--level", "isolate", ...reason]],
    ["an unknown request", 3, ["quarantine", "status", "0123456789abcdef"]],
    ["an unknown advisory", 3, ["advisory", "remove", "9", ...reason]],
    ["a rule that is none", 2, ["advisory", "preview", "--match", "model is x"]],
    ["a count of an unknown device", 3, ["device", "reboot", "99", ...reason]],
    ["a version that is none", 2, ["quarantine", "status", "--advisories", "1"]],
    ["an unknown epoch", 3, ["quarantine", "status", "--epoch", "999999"]],
    ["drafts of an unknown request", 3, ["release", "draft", "0123456789abcdef", "--out", "x"]],
    ["a draft that is not there", 3, ["release", "submit", "nothing-here"]],
    ["an operator without a token", 3, ["device", "list", "--as", "nobody"]],
    ["no server on the folder", 8, ["device", "list", "--data", "./elsewhere"]],
    ["nobody at the address", 8, ["device", "list", "--server", "http://127.0.0.1:1"]],
  ])("%s: %i", async (_, exitCode, args) => {
    const result = await here(...args);
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).not.toBe("");
    expect(result.stderr).not.toMatch(/^\s+at /m); // words, and no stack
  });

  test("a token that is nobody's: 4; one that others can read is not even sent: 4", async () => {
    const token = join(folder.path, "token");
    await copyFile(join(folder.path, "fleet/keys/root.pem"), token);
    expect(await here("device", "list", "--token-file", token)).toMatchObject({ exitCode: 2 });
    await copyFile(join(folder.path, "fleet/tokens/admin"), token);
    expect(await here("device", "list", "--token-file", token)).toMatchObject({ exitCode: 0 });
    await chmod(token, 0o644);
    expect(await here("device", "list", "--token-file", token)).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining("chmod 600"),
    });
    const other = await temporaryFolder();
    const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
    const stranger = await openFleet({ folder: other.path, ...parts });
    const denied = await here("device", "list", "--token-file", join(other.path, "tokens/admin"));
    expect(denied).toMatchObject({ exitCode: 4, stderr: expect.stringContaining("unauthenticated") });
    await stranger.close();
    await other.remove();
  });

  test("a process ends with the same numbers", async () => {
    const ends = ["device list --colour", "device get 99", "device list --data ./elsewhere"];
    const results = await Promise.all(ends.map((line) => daymark(...line.split(" "))));
    expect(results.map(({ exitCode }) => exitCode)).toEqual([2, 3, 8]);
  });

  test("help and version: 0, and each verb shows an example", async () => {
    expect(await here("version", "-j")).toMatchObject({ exitCode: 0, stderr: "" });
    const nouns: Record<string, readonly string[]> = {
      server: ["run"],
      device: ["list", "get", "watch", "rekey", "reboot", "attest"],
      quarantine: ["request", "lift", "wipe", "approve", "status"],
      advisory: ["preview", "add", "list", "remove"],
      release: ["draft", "sign", "submit"],
      bundle: ["export", "inspect", "apply"],
      authority: ["show", "apply"],
    };
    const verbs = Object.entries(nouns).flatMap(([noun, own]) => own.map((verb) => `${noun} ${verb}`));
    for (const verb of verbs) {
      const { exitCode, stdout } = await here(...verb.split(" "), "--help");
      expect([verb, exitCode]).toEqual([verb, 0]);
      expect(stdout).toContain(`Example: daymark ${verb}`);
    }
  });
});

describe("server run", () => {
  const serverRun = (data: string) =>
    start(["server", "run", "--data", data, "--mqtt-port", "0", "--api-port", "0", "-j"]);

  /** What it printed once it served. */
  async function ready(server: ChildProcess): Promise<{ api: string; mqtt: string; pid: number }> {
    let text = "";
    for await (const chunk of server.stdout!.setEncoding("utf8")) {
      text += chunk as string;
      if (text.endsWith("}\n")) return JSON.parse(text);
    }
    throw new Error(`the server ended before it served: ${text}`);
  }

  test("serves until it is told to stop; what is killed leaves nothing in the way", async () => {
    const data = await temporaryFolder();
    const inFolder = (...args: string[]) => daymark(...args, "--data", data.path);
    const first = serverRun(data.path);
    const { api: url, mqtt } = await ready(first);
    expect(mqtt).toMatch(/^mqtts:\/\/localhost:\d+$/);
    expect(await inFolder("device", "list")).toMatchObject({ exitCode: 0 });
    const second = await ended(serverRun(data.path));
    expect(second).toMatchObject({ exitCode: 5, stderr: expect.stringContaining(String(first.pid)) });
    const ports = ["--mqtt-port", new URL(mqtt).port, "--api-port", new URL(url).port];
    const third = await inFolder("server", "run", ...ports); // whose ports they are says more than that they are taken
    expect(third).toMatchObject({ exitCode: 5, stderr: expect.stringContaining(String(first.pid)) });

    first.kill("SIGKILL");
    await once(first, "exit");
    expect(await readServerFile(join(data.path, "fleet"))).toMatchObject({ url });
    const got: string[] = [];
    const thief = createServer((request) => got.push(request.headers.authorization ?? ""));
    thief.listen(Number(new URL(url).port), "127.0.0.1");
    await once(thief, "listening");
    const unreachable = await inFolder("device", "list");
    expect(unreachable).toMatchObject({ exitCode: 8, stderr: expect.stringContaining("daymark server run") });
    expect(got).toEqual([]); // whoever has the port now gets no token
    thief.close();

    const again = serverRun(data.path);
    await ready(again);
    again.kill("SIGTERM");
    expect(await once(again, "exit")).toEqual([0, null]);
    expect(await readServerFile(join(data.path, "fleet"))).toBeUndefined();
    await data.remove();
  });

  test("what could not be printed is no success", async () => {
    const toFullDisk = ["sh", "-c", 'exec "$@" > /dev/full', "sh"];
    const ended = await new CliProcess(folder.path, ["version"], {}, toFullDisk).end();
    expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("ENOSPC") });
  });

  test("a port in use: 5, and the folder is free again", async () => {
    const data = await temporaryFolder();
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const port = String((taken.address() as AddressInfo).port);
    const run = (...ports: string[]) => daymark("server", "run", "--data", data.path, ...ports);
    const mqtt = await run("--mqtt-port", port, "--api-port", "0");
    expect(mqtt).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("--mqtt-port") });
    const http = await run("--mqtt-port", "0", "--api-port", port);
    expect(http).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("--api-port") });
    expect(await readdir(data.path)).toEqual([]); // nor is a fleet founded, under a name that stays
    taken.close();
    await data.remove();
  });
});
