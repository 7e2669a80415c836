/** `daymark backup` as a real process: beside a fleet that works, with a passphrase from outside, and when it fails. */
import { spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { chmod, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backupCommands } from "../../fleet/cli/commands/backup.js";
import { type Fleet, serveApi } from "../../fleet/main.js";
import { toHex } from "../../protocol/bytes.js";
import { openIn, recordsIn, viewOf } from "./backup-rig.js";
import { inProcess, noun } from "./in-process.js";
import { importDevices, temporaryFolder } from "./served-fleet.js";

const MAIN = join(import.meta.dirname, "../../fleet/cli/main.ts");
const TSX = import.meta.resolve("tsx");
const { DAYMARK_DATA: _unset, ...ENV } = process.env;
const PASSPHRASE = "eleven grey herons";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let fleet: Fleet;
let api: Awaited<ReturnType<typeof serveApi>>;
const path = (name: string) => join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryFolder();
  fleet = await openIn(path("data/fleet"));
  api = await serveApi(fleet, { port: 0 });
  await importDevices(fleet.service, 1, 60);
  await writeFile(path("passphrase"), `${PASSPHRASE}\n`, { mode: 0o600 });
});
afterAll(async () => {
  await api.close();
  await fleet.close();
  await folder.remove();
});

interface Run {
  /** What can be read at descriptor 3. */
  readonly given?: string;
  /** Words that start it, before node. */
  readonly through?: readonly string[];
}

async function daymark(args: readonly string[], { given, through = [] }: Run = {}) {
  const [program = "", ...words] = [...through, process.execPath, "--import", TSX, MAIN, ...args];
  const stdio: StdioOptions = ["ignore", "pipe", "pipe", given === undefined ? "ignore" : "pipe"];
  const child = spawn(program, words, { env: ENV, cwd: folder.path, stdio });
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  if (given !== undefined) (child.stdio[3] as NodeJS.WritableStream).end(given);
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, stdout, stderr };
}

const byFile = ["--passphrase-file", "passphrase"];
const byDescriptor = ["--passphrase-fd", "3"];
const save = (out: string) => daymark(["backup", "create", "--data", "data", "--out", out, ...byFile, "-j"]);

test("saved beside a service that works, verified by a descriptor, put back: the state at its last record", async () => {
  let [saving, next] = [true, 61];
  await rename(path("data/fleet/log"), path("hidden")); // where whoever opens it finds none; the service has it open
  const backup = save("live.backup").finally(() => (saving = false));
  while (saving) await importDevices(fleet.service, next, next++);
  const saved = await backup;
  await rename(path("hidden"), path("data/fleet/log"));
  expect(saved).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("backup verify live.backup") });
  const made = JSON.parse(saved.stdout);
  expect(made).toMatchObject({ fleet: toHex(fleet.service.trust.fleetId), name: "harbour", authority: 1 });
  expect(made.devices).toBeGreaterThanOrEqual(60);
  expect(made.devices).toBeLessThan(fleet.service.view.devices.size);

  const verify = ["backup", "verify", "live.backup", ...byDescriptor];
  const verified = await daymark([...verify, "-j"], { given: PASSPHRASE });
  expect(verified).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("it holds") });
  expect(JSON.parse(verified.stdout)).toEqual(made);
  const shown = await daymark(verify, { given: `${PASSPHRASE}\r\n` });
  expect(shown.stdout).toMatch(
    new RegExp(`fleet +${made.fleet}\\nname +harbour\\nrecords +${made.records}\\n`),
  );

  const restored = await daymark(["backup", "restore", "live.backup", "--data", "new", ...byFile]);
  expect(restored).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("daymark recover") });
  expect(restored.stderr).toContain("daymark server run --data 'new'");
  const records = await recordsIn(path("new/fleet"));
  expect([records.length, records.at(-1)?.hash]).toEqual([made.records, made.hash]);
  const inLog: typeof records = await recordsBeside(fleet, made.records);
  expect(viewOf(records)).toEqual(viewOf(inLog));
  const again = await openIn(path("new/fleet"));
  expect(toHex(again.service.trust.fleetId)).toBe(made.fleet);
  expect(again.service.view.devices.size).toBe(made.devices);
  await again.close();
});

async function recordsBeside({ service }: Fleet, end: number) {
  const records = [];
  for await (const record of service.options.log.read(0)) if (record.position <= end) records.push(record);
  return records;
}

describe("it says what is wrong, and what to do", () => {
  beforeAll(async () => {
    await save("good.backup");
    const bytes = await readFile(path("good.backup"));
    await writeFile(path("cut.backup"), bytes.subarray(0, -1));
    await writeFile(
      path("newer.backup"),
      Uint8Array.from(bytes, (byte, i) => (i === 16 ? 9 : byte)),
    );
    await writeFile(path("other"), "eleven grey heroes\n", { mode: 0o600 });
    await writeFile(path("short"), "eleven herons"[0]!.repeat(11), { mode: 0o600 });
    await writeFile(path("lines"), `${PASSPHRASE}\n${PASSPHRASE}\n`, { mode: 0o600 });
    await writeFile(path("long"), "x".repeat(2000), { mode: 0o600 });
  });
  const restoreTo = (data: string, file = "good.backup") => ["restore", file, "--data", data];

  test.each<[string, number, RegExp, readonly string[]]>([
    [
      "another passphrase",
      7,
      /passphrase is another, or/,
      ["verify", "good.backup", "--passphrase-file", "other"],
    ],
    ["a file cut off", 7, /cut off/, ["verify", "cut.backup", ...byFile]],
    ["a newer format", 7, /format 9, a newer one/, ["verify", "newer.backup", ...byFile]],
    ["no backup", 7, /no backup/, ["verify", "passphrase", ...byFile]],
    ["no file", 3, /no file .*nothing/, ["verify", "nothing", ...byFile]],
    ["no passphrase", 2, /--passphrase-file FILE or --passphrase-fd/, ["verify", "good.backup"]],
    ["two of them", 2, /--passphrase-file FILE or/, ["verify", "good.backup", ...byFile, ...byDescriptor]],
    ["no such passphrase file", 3, /no file .*gone/, ["verify", "good.backup", "--passphrase-file", "gone"]],
    ["a short passphrase", 2, /fewer than 12/, ["verify", "good.backup", "--passphrase-file", "short"]],
    ["two lines", 2, /more than one line/, ["verify", "good.backup", "--passphrase-file", "lines"]],
    ["a long passphrase", 2, /more than 1024 bytes/, ["verify", "good.backup", "--passphrase-file", "long"]],
    [
      "a closed descriptor",
      2,
      /descriptor 99 cannot be read/,
      ["verify", "good.backup", "--passphrase-fd", "99"],
    ],
    ["stdout as descriptor", 2, /0, or 3/, ["verify", "good.backup", "--passphrase-fd", "1"]],
    ["no fleet", 3, /no fleet/, ["create", "--data", "nowhere", "--out", "x.backup", ...byFile]],
    ["a server at work", 5, /process \d+ has .* open/, [...restoreTo("data"), ...byFile]],
    ["a cut file to be restored", 7, /cut off/, [...restoreTo("never", "cut.backup"), ...byFile]],
  ])("%s", async (_, exitCode, text, args) => {
    const ended = await inProcess(routes, path("data"), ["backup", ...args.map(absolute)]);
    expect(ended).toMatchObject({ exitCode, stdout: "", stderr: expect.stringMatching(text) });
    expect(ended.stderr).toMatch(/^[^\n]+\n$/);
    expect(await stat(path("never")).catch(() => undefined)).toBeUndefined();
  });
  const routes = { backup: noun(backupCommands) };
  const absolute = (word: string, i: number, words: readonly string[]) =>
    (i === 1 && !word.startsWith("-")) || /^--(data|out|passphrase-file)$/.test(words[i - 1] ?? "")
      ? path(word)
      : word;

  test("a disk that is full half way: nothing is left behind", async () => {
    const small = ["bash", "-c", 'ulimit -f 24; exec "$0" "$@"']; // 24 KiB, less than the log
    const ended = await daymark(["backup", ...restoreTo("full"), ...byFile], { through: small });
    expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("disk is not full") });
    expect(await readdir(path("full"))).toEqual([]);
    const saved = await daymark(["backup", "create", "--data", "data", "--out", "full/b", ...byFile], {
      through: small,
    });
    expect(saved).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("cannot be written") });
    expect(await readdir(path("full"))).toEqual([]);
  });

  test("a passphrase file that others can read is told of, and used", async () => {
    await writeFile(path("open"), PASSPHRASE);
    await chmod(path("open"), 0o644);
    const ended = await daymark(["backup", "verify", "good.backup", "--passphrase-file", "open"]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("chmod 600 'open'") });
  });
});
