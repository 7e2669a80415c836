/** Commands that read the log of a folder: a server that has it open is asked, and nobody opens what it writes. */
import { createServer, type RequestListener, type Server } from "node:http";
import { once } from "node:events";
import { cp, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buildRouteMap } from "@stricli/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockFolder } from "../../fleet/adapters/folder-lock.js";
import { writeServerFile } from "../../fleet/adapters/server-file.js";
import { readToken } from "../../fleet/adapters/token-folder.js";
import { takeItem } from "../../fleet/bundles.js";
import { caCommands } from "../../fleet/cli/commands/ca.js";
import { checkFolder } from "../../fleet/cli/doctor-folder.js";
import { openLogOf } from "../../fleet/cli/log-of.js";
import { type Fleet, serveApi } from "../../fleet/main.js";
import type { Finding } from "../../fleet/operations/findings.js";
import type { LogRecord, Position } from "../../fleet/ports.js";
import { create, fleetWith, openIn, recordsIn, verify } from "./backup-rig.js";
import { signedOf } from "./fixtures.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./served-fleet.js";

const DEVICES = 5;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let home: string;
const path = (name: string) => join(folder.path, name);
/** Closed from the last to the first. */
const open: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  folder = await temporaryFolder();
  home = path("data/fleet");
  await fleetWith(home, DEVICES);
});
afterEach(async () => {
  await stop();
  await folder.remove();
});

async function stop(): Promise<void> {
  for (const part of open.splice(0).toReversed()) await part.close();
}
async function serve(): Promise<Fleet> {
  const fleet = await openIn(home);
  open.push(fleet, await serveApi(fleet, { port: 0 }));
  return fleet;
}
async function read(from: Position = 0): Promise<readonly LogRecord[]> {
  const log = await openLogOf(home);
  try {
    const records: LogRecord[] = [];
    for await (const record of log.read(from)) records.push(record);
    return records;
  } finally {
    await log.close();
  }
}
async function examine(): Promise<ReadonlyMap<string, Finding>> {
  const findings = await checkFolder(home, Math.floor(Date.now() / 1000));
  return new Map(findings.map((finding) => [finding.check, finding]));
}
const refused = (code: string, text: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(text) as string }) as unknown;
/** No backup is made, and nothing of one is left. */
async function backupRefusal(): Promise<unknown> {
  const error = await create(home, path("backup")).catch((refusal: unknown) => refusal);
  expect((await readdir(folder.path)).filter((name) => name.includes("backup"))).toEqual([]);
  return error;
}

describe("beside a server", () => {
  test("P4: backup, doctor and ca export do their work, and none of them opens the log", async () => {
    const { service } = await serve();
    await rename(join(home, "log"), path("hidden")); // the server has it open; whoever opens it now finds none
    const made = await create(home, path("backup"));
    expect(made).toMatchObject({ records: service.position, devices: DEVICES });
    expect(await verify(path("backup"))).toEqual(made);
    const findings = await examine();
    for (const check of ["log", "fence", "keys", "clock"]) expect(findings.get(check)?.state).toBe("ok");
    const routes = { ca: buildRouteMap({ routes: caCommands, docs: { brief: "ca" } }) };
    const exported = await inProcess(routes, path("data"), ["ca", "export", "--out", path("chain")]);
    expect(exported).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("harbour") });
    expect((await stat(path("chain"))).size).toBeGreaterThan(0);
    expect(await readdir(home)).not.toContain("log");
    await rename(path("hidden"), join(home, "log"));
  });

  test("what it gives is the log, to the byte, and from any place", async () => {
    const { service } = await serve();
    const given = await read();
    const later = await read(given.length - 2);
    expect(await read(given.length)).toEqual([]);
    expect(given).toHaveLength(service.position);
    await stop();
    const kept = await recordsIn(home);
    const events = (of: readonly LogRecord[]) => of.map((record) => JSON.stringify(record.events));
    expect(events(given)).toEqual(events(kept)); // their members in order: the hash is over them
    expect(given).toEqual(kept);
    expect(later).toEqual(kept.slice(-2));
  });

  test("any token of the folder will do; without one it says so", async () => {
    await serve();
    await rm(join(home, "tokens/admin"));
    expect(await read()).not.toEqual([]);
    await rm(join(home, "tokens/approver"));
    await expect(read()).rejects.toEqual(refused("denied", /no token.*stop the server/));
  });

  test("that is fenced: no backup, and doctor finds the fence", async () => {
    await cp(join(home, "log"), path("old"), { recursive: true });
    const { service } = await serve();
    await service.act({ kind: "hold", numbers: [1], level: "isolate", reason: "stolen" }, "admin");
    const lost = signedOf(service.view.devices.get(1)?.directive);
    await stop();
    await rm(join(home, "log"), { recursive: true });
    await rename(path("old"), join(home, "log"));
    const restored = await serve();
    await takeItem(restored.service, lost, "courier");
    expect(await backupRefusal()).toEqual(refused("fenced", /until it is stopped, it gives no log/));
    const findings = await examine();
    expect(findings.get("fence")).toMatchObject({ state: "fail", todo: expect.stringContaining("recover") });
    expect(findings.get("log")?.state).toBe("warn");
    await stop();
    expect((await examine()).get("log")?.state).toBe("ok");
    expect((await create(home, path("backup"))).devices).toBe(DEVICES);
  });
});

describe("without a server", () => {
  test("P4: whoever starts one meanwhile is told who reads the log", async () => {
    const log = await openLogOf(home);
    await expect(openIn(home)).rejects.toEqual(refused("conflict", /process \d+ has .* open; stop that/));
    await log.close();
    expect(await readdir(home)).not.toContain("lock");
    await serve();
  });

  test("a folder that something else has open is left alone", async () => {
    const lock = await lockFolder(home);
    await writeServerFile(home, { url: "http://127.0.0.1:9", pid: 1 }); // of a server that was killed
    const busy = refused("conflict", /process \d+ has .* open, and serves no API.*try again/);
    expect(await backupRefusal()).toEqual(busy);
    expect((await examine()).get("log")).toMatchObject({
      state: "warn",
      found: expect.stringMatching("API"),
    });
    await lock.release();
    expect(await read()).not.toEqual([]);
  });

  test("one that cannot be looked at is not taken for none", async () => {
    home = path("loop");
    await symlink(home, home);
    await expect(read()).rejects.toEqual(refused("storage-failed", /cannot be read: ELOOP/));
  });

  test("where no fleet is, none is made", async () => {
    home = path("elsewhere");
    await expect(read()).rejects.toEqual(refused("not-found", /no fleet/));
    expect(await readdir(folder.path)).not.toContain("elsewhere");
  });
});

describe("an export that is not the whole log is not taken for it", () => {
  /** Lines of the export of this fleet, without their ends. */
  let lines: readonly string[];
  /** What the folder's server answers. */
  let answer: RequestListener;
  beforeEach(async () => {
    await serve();
    const { url } = JSON.parse(await readFile(join(home, "server.json"), "utf8")) as { url: string };
    const authorization = `Bearer ${await readToken(join(home, "tokens/admin"))}`;
    const whole = await fetch(new URL("/v1/audit/export", url), { headers: { authorization } });
    lines = (await whole.text()).trimEnd().split("\n");
    await stop();
    const server: Server = createServer((request, response) => answer(request, response)).listen(
      0,
      "127.0.0.1",
    );
    await once(server, "listening");
    const lock = await lockFolder(home);
    const { port } = server.address() as AddressInfo;
    await writeServerFile(home, { url: `http://127.0.0.1:${port}`, pid: process.pid });
    open.push({
      async close() {
        await lock.release();
        server.close();
      },
    });
  });
  const text = (of: readonly string[]) => `${of.join("\n")}\n`;
  const whole = () => ((_, response) => response.end(text(lines))) satisfies RequestListener;

  test("the whole one is", async () => {
    answer = whole();
    expect(await read()).toHaveLength(lines.length - 2);
  });

  test.each<[string, RegExp, () => string]>([
    ["without its checkpoint", /before the end/, () => text(lines.slice(0, -1))],
    ["without the end of its last line", /before the end/, () => text(lines).slice(0, -1)],
    ["that ends within a record", /before the end/, () => text(lines).slice(0, text(lines).length / 2)],
    ["of nothing", /before the end/, () => ""],
    ["without its last record's end", /no log after/, () => text(spoiled(lines.length - 2))],
    ["with another record", /no log after record 1;/, () => text(spoiled(2))],
    ["with a record left out", /no log after record 1;/, () => text(lines.toSpliced(2, 1))],
    ["with more behind its checkpoint", /before the end/, () => text([...lines, lines[1]!]).slice(0, -9)],
  ])("one %s", async (_, reason, body) => {
    answer = (_request, response) => response.end(body());
    expect(await backupRefusal()).toEqual(refused("unreachable", reason));
    expect((await examine()).get("log")).toMatchObject({
      state: "fail",
      found: expect.stringMatching(reason),
    });
  });
  const spoiled = (at: number) => lines.map((line, i) => (i === at ? line.slice(0, -2) : line));

  test("one whose server breaks off", async () => {
    answer = (_, response) => {
      response.writeHead(200, { "Content-Length": 1_000_000 });
      response.write(text(lines.slice(0, 3)), () => response.destroy());
    };
    expect(await backupRefusal()).toEqual(refused("unreachable", /broke off.*stop the server/));
  });

  test("one that is refused", async () => {
    answer = (_, response) => {
      response
        .writeHead(503)
        .end(JSON.stringify({ code: "overloaded", detail: "at most 4 exports at a time" }));
    };
    expect(await backupRefusal()).toEqual(refused("unreachable", /overloaded: at most 4.*stop the server/));
  });
});
