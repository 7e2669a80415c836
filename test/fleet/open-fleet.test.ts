/** A fleet in a folder: founded once, opened by one server at a time, found by commands only while it runs. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockHolder } from "../../fleet/adapters/folder-lock.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { readServerFile } from "../../fleet/adapters/server-file.js";
import { FleetError } from "../../fleet/errors.js";
import { type Fleet, openFleet, serveApi } from "../../fleet/main.js";
import type { EventLog } from "../../fleet/ports.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { recordsOf } from "./fixtures.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const open = (overLog?: (log: EventLog) => EventLog) =>
  openFleet({
    folder: folder.path,
    name: "harbour",
    clock: systemClock,
    crypto: nodeCrypto,
    entropy,
    overLog,
  });
const fleetId = (fleet: Fleet) => toHex(fleet.service.trust.fleetId);
/** Of a process that ended: above the largest that Linux gives out. */
const NO_PROCESS = 2 ** 22 + 1;

test("opened again it is the same fleet, and knows what it knew", async () => {
  const first = await open();
  await importDevices(first.service, 1, 2);
  await first.close();
  const again = await open();
  expect(fleetId(again)).toBe(fleetId(first));
  expect([...again.service.view.devices.keys()]).toEqual([1, 2]);
  await again.close();
});

test("keys of another fleet, or none, do not open it", async () => {
  await (await open()).close();
  const keys = join(folder.path, "keys");
  await rename(keys, join(folder.path, "keys.away"));
  await expect(open()).rejects.toMatchObject({ code: "storage-failed" });
  expect(await readdir(folder.path)).not.toContain("keys");
  await rename(join(folder.path, "keys.away"), keys);
  await (await open()).close();
});

test("an embedded fleet whose root keys were carried away runs on, and cannot be founded again", async () => {
  await (await open()).close();
  for (const name of ["root", "x509-root"])
    await rename(join(folder.path, "keys", `${name}.pem`), join(folder.path, `${name}.away`));
  const again = await open();
  expect(again.service.keys.root).toBeUndefined();
  await again.close();
  await rename(join(folder.path, "log"), join(folder.path, "log.away"));
  await expect(open()).rejects.toMatchObject({ code: "storage-failed" });
});

describe("P3: keys whose log is lost found no other fleet", () => {
  test.each<[string, (log: string) => Promise<unknown>]>([
    ["its folder is gone", () => Promise.resolve()],
    ["its file is gone", (log) => mkdir(log)],
    [
      "its file is empty",
      async (log) => {
        await mkdir(log);
        await writeFile(join(log, "data.mdb"), "");
      },
    ],
    ["it has no record any more", (log) => LmdbEventLog.open(log).close()],
  ])("%s", async (_what, lose) => {
    const first = await open();
    const id = fleetId(first);
    await first.close();
    const log = join(folder.path, "log");
    await rename(log, `${log}.away`);
    await lose(log);
    for (let start = 0; start < 2; start++)
      await expect(open()).rejects.toMatchObject({
        code: "storage-failed",
        message: expect.stringContaining("has the keys of a fleet, and no log") as string,
      });
    await rm(log, { recursive: true, force: true });
    await rename(`${log}.away`, log);
    const again = await open();
    expect(fleetId(again)).toBe(id);
    await again.close();
  });

  test("a first start that was cut off goes on with the keys that it made", async () => {
    const cut = new FleetError("storage-failed", "cut off");
    const cutOff = (log: EventLog): EventLog => ({
      append: () => Promise.reject(cut),
      read: (from) => log.read(from),
      follow: (from, follower) => log.follow(from, follower),
      caughtUp: () => log.caughtUp(),
      close: () => log.close(),
    });
    await expect(open(cutOff)).rejects.toBe(cut);
    const keys = join(folder.path, "keys");
    const root = await readFile(join(keys, "root.pem"));
    await (await open()).close();
    expect(await readFile(join(keys, "root.pem"))).toEqual(root);
    expect((await readdir(folder.path)).sort()).toEqual(["keys", "log", "tokens"]);
  });
});

describe("one server per folder", () => {
  test("the second is refused, and does the first no harm", async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(String(process.pid)),
    });
    await importDevices(first.service, 1, 1);
    expect(await lockHolder(folder.path)).toBe(process.pid);
    await first.close();
    expect(await lockHolder(folder.path)).toBeUndefined();
    await (await open()).close();
  });

  test("of many that start at once, one gets it", async () => {
    const results = await Promise.allSettled([open(), open(), open(), open()]);
    const opened = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(opened).toHaveLength(1);
    await opened[0]!.close();
  });

  test.each([
    ["a process that ended", () => `${NO_PROCESS} 1\n`],
    ["an earlier process of our number", () => `${process.pid} 1\n`],
    ["nobody", () => ""],
  ])("the lock of %s is taken over", async (_, content) => {
    await (await open()).close();
    await writeFile(join(folder.path, "lock"), content());
    const fleet = await open();
    expect(await lockHolder(folder.path)).toBe(process.pid);
    await fleet.close();
    expect((await readdir(folder.path)).sort()).toEqual(["keys", "log", "tokens"]);
  });

  test("P3: a worker's copy is not decided on alone", async () => {
    const first = await open();
    await first.service.record("worker/a", () => ({ type: "worker-joined", id: "a".repeat(16), name: "a" }));
    const { position } = first.service;
    await first.close();
    await expect(open()).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("--nats") as string,
    });
    const log = LmdbEventLog.open(join(folder.path, "log"));
    expect(await recordsOf(log)).toHaveLength(position);
    await log.close();
  });

  test("a start that fails leaves the folder free", async () => {
    await (await open()).close();
    const token = join(folder.path, "tokens", "admin");
    const text = await readFile(token);
    await writeFile(token, "short");
    await expect(open()).rejects.toMatchObject({ code: "bad-request" });
    expect(await lockHolder(folder.path)).toBeUndefined();
    await writeFile(token, text);
    await (await open()).close();
  });
});

test("while the API is served a file says where, for the owner alone", async () => {
  const fleet = await open();
  const api = await serveApi(fleet, { port: 0, mqtt: "mqtts://localhost:8883" });
  const info = { url: api.url, pid: process.pid, mqtt: "mqtts://localhost:8883" };
  expect(await readServerFile(folder.path)).toEqual(info);
  expect((await stat(join(folder.path, "server.json"))).mode & 0o777).toBe(0o600);
  expect((await fetch(new URL("/livez", api.url))).status).toBe(200);
  await api.close();
  expect(await readServerFile(folder.path)).toBeUndefined();
  await expect(fetch(new URL("/livez", api.url))).rejects.toThrow(TypeError);
  await fleet.close();
});

test("a port that is taken is said to be", async () => {
  const fleet = await open();
  const api = await serveApi(fleet, { port: 0 });
  const port = Number(new URL(api.url).port);
  await expect(serveApi(fleet, { port })).rejects.toMatchObject({ code: "conflict" });
  await api.close();
  await fleet.close();
});
