/** What docs/operations.md says of trouble: a full disk, one that cannot be written, a clock that steps, a fence. */
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { type Fleet, openFleet } from "../../fleet/main.js";
import { judgeClock } from "../../fleet/operations/findings.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Clock } from "../../protocol/clock.js";
import { CliProcess } from "./cli-process.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

const DAY_SECONDS = 86_400;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const children: CliProcess[] = [];
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()));
  await folder.remove();
});

/** @param before - a shell that prepares where the server runs. */
function server(before: readonly string[] = []): CliProcess {
  const ports = ["--mqtt-port", "0", "--api-port", "0", "--health-port", "0"];
  const child = new CliProcess(folder.path, ["server", "run", "--data", "d", ...ports, "-j"], {}, before);
  children.push(child);
  return child;
}
interface Served {
  readonly api: string;
  readonly health: string;
  readonly mqtt?: string;
}

async function headers(): Promise<Record<string, string>> {
  const token = await readFile(join(folder.path, "d/fleet/tokens/admin"), "utf8");
  return { authorization: `Bearer ${token.trim()}`, "content-type": "application/json" };
}

/** A few devices, imported before any server runs. */
async function foundFleet(devices: number, then?: (fleet: Fleet) => Promise<unknown>): Promise<void> {
  const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
  const fleet = await openFleet({ folder: join(folder.path, "d/fleet"), name: "harbour", ...parts });
  await importDevices(fleet.service, 1, devices);
  await then?.(fleet);
  await fleet.close();
}

/** Something to be done once more by each of `numbers`. @returns what the API answered. */
async function decide(api: string, numbers: readonly number[]) {
  const body = JSON.stringify({ numbers, count: "reboot", reason: "it hangs" });
  const options = { method: "POST", headers: await headers(), body };
  const answer = await fetch(new URL("/v1/quarantine/counts", api), options);
  const { id, code } = (await answer.json()) as { readonly id?: string; readonly code?: string };
  return { status: answer.status, id, code };
}

test("disk full: refused with storage-failed, the server ends with 1, nothing acknowledged is lost", async () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  await foundFleet(numbers.length);
  // No file may have more than 1 MiB: the log soon comes to that, and hears what a full disk says.
  const limited = server(["bash", "-c", 'ulimit -f 1024; exec "$0" "$@"']);
  const { api } = await limited.ready<Served>();
  const taken: string[] = [];
  let last = await decide(api, numbers);
  for (; last.id !== undefined; last = await decide(api, numbers)) taken.push(last.id);
  expect(last).toMatchObject({ status: 503, code: "storage-failed" });
  expect(await limited.end()).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("check the disk"),
  });
  expect(taken.length).toBeGreaterThan(3);

  const roomy = server();
  const { api: again } = await roomy.ready<Served>();
  expect((await decide(again, numbers)).status).toBe(201);
  roomy.signal("SIGTERM");
  expect(await roomy.end()).toMatchObject({ exitCode: 0 });
  const log = LmdbEventLog.open(join(folder.path, "d/fleet/log"));
  const kept: string[] = [];
  for await (const { events } of log.read(0))
    for (const event of events) if (event.type === "act-requested") kept.push(event.id);
  await log.close();
  expect(new Set(kept).size).toBe(kept.length);
  expect(kept).toEqual(expect.arrayContaining(taken));
});

test("read-only disk: a server does not start, and says so", async () => {
  const first = server();
  await first.ready<Served>();
  first.signal("SIGTERM");
  await first.end();
  // For root nothing is read-only but a mount.
  const isRoot = process.getuid?.() === 0;
  const bind = 'mount --bind d d && mount -o remount,ro,bind d && exec "$0" "$@"';
  if (!isRoot) await chmod(join(folder.path, "d/fleet"), 0o500);
  const ended = await server(isRoot ? ["unshare", "--mount", "bash", "-c", bind] : []).end();
  if (!isRoot) await chmod(join(folder.path, "d/fleet"), 0o700);
  expect(ended).toMatchObject({ exitCode: 1, stdout: "" });
  expect(ended.stderr).toMatch(/EROFS|EACCES/);
  const after = server();
  await after.ready<Served>();
  after.signal("SIGTERM");
  expect(await after.end()).toMatchObject({ exitCode: 0 });
});

test("clock step: fleet time never goes back, and doctor says how far the clock is behind", async () => {
  const begun = 1_800_000_000;
  let nowSeconds = begun;
  const clock: Clock = { ...systemClock, nowMs: () => nowSeconds * 1_000 };
  const parts = { clock, crypto: nodeCrypto, entropy };
  const fleet = await openFleet({ folder: join(folder.path, "fleet"), ...parts });
  const { service } = fleet;
  try {
    const bornAt = async (number: number) => {
      await importDevices(service, number, number);
      return service.view.devices.get(number)?.birth.at;
    };
    nowSeconds = begun - 400 * DAY_SECONDS;
    expect(await bornAt(1)).toBe(begun);
    nowSeconds = begun + 400 * DAY_SECONDS;
    expect(await bornAt(2)).toBe(nowSeconds);
    nowSeconds = begun;
    expect(await bornAt(3)).toBe(begun + 400 * DAY_SECONDS);
    expect(judgeClock(service.now(), nowSeconds)).toMatchObject({
      state: "fail",
      found: `${400 * DAY_SECONDS} s before the newest event`,
      todo: expect.stringContaining("daymark ca rotate --term time"),
    });
  } finally {
    await fleet.close();
  }
});

test("fence: a server that starts behind one serves its API and no gateway, and readyz says why", async () => {
  const proof = { kind: "token", number: 7, shown: 12, issued: 3 } as const;
  await foundFleet(1, ({ service }) => service.record("fleet", () => ({ type: "fence-raised", proof })));
  const fenced = server();
  const served = await fenced.ready<Served>();
  expect(served.mqtt).toBeUndefined();
  expect(await (await fetch(`${served.health}/readyz`)).json()).toMatchObject({
    ready: false,
    checks: expect.arrayContaining([
      { name: "log", ok: true },
      { name: "fence", ok: false, why: expect.stringContaining("device 7 showed sync token 12") },
    ]),
  });
  expect(await (await fetch(`${served.health}/metrics`)).text()).toMatch(/^daymark_fenced 1$/m);
  expect((await fetch(new URL("/v1/fleet", served.api), { headers: await headers() })).status).toBe(200);
  expect(await decide(served.api, [1])).toMatchObject({ status: 503, code: "fenced" });
  fenced.signal("SIGTERM");
  expect(await fenced.end()).toMatchObject({ exitCode: 0 });
  expect(fenced.said.stderr).toContain("no gateway is started: ");
});
