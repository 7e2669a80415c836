/** `daymark device vouch | readmit | ticket`, and what list and get show of them, against a real server. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deviceAccessCommands } from "../../fleet/cli/commands/device-access.js";
import { deviceCommands } from "../../fleet/cli/commands/device.js";
import { quarantineCommands } from "../../fleet/cli/commands/quarantine.js";
import { serverRun } from "../../fleet/cli/commands/server.js";
import { type Fact, toBase64Url } from "../../fleet/events.js";
import { type Fleet, openFleet, serveApi } from "../../fleet/main.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { fromHex } from "../../protocol/bytes.js";
import { inProcess, noun } from "./in-process.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let fleet: Fleet;
let api: Awaited<ReturnType<typeof serveApi>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
  fleet = await openFleet({ folder: join(folder.path, "fleet"), name: "harbour", ...parts });
  api = await serveApi(fleet, { port: 0 });
  await importDevices(fleet.service, 1, 6);
});
afterAll(async () => {
  await api.close();
  await fleet.close();
  await folder.remove();
});

const gatewayIsNotWanted = () => Promise.reject(new Error("no test here gets as far as a gateway"));
const routes = {
  device: noun({ ...deviceCommands, ...deviceAccessCommands }),
  quarantine: noun(quarantineCommands),
  server: noun({ run: serverRun(gatewayIsNotWanted, gatewayIsNotWanted) }),
};
const daymark = (...args: readonly string[]) => inProcess(routes, folder.path, args);
const path = (name: string) => join(folder.path, name);
const happen = (fact: Fact & { readonly number: number }) => fleet.service.record("fleet", () => fact);
const device = (number: number) => fleet.service.view.devices.get(number);

/** Files a request and approves it. */
async function agreed(...args: readonly string[]): Promise<void> {
  const filed = await daymark(...args, "--reason", "story", "-j");
  expect(filed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("--as approver") });
  const { id, state } = JSON.parse(filed.stdout);
  expect(state).toBe("awaiting-approval");
  const approved = await daymark("quarantine", "approve", id, "--yes", "--as", "approver");
  expect(approved).toMatchObject({ exitCode: 0, stdout: `approved ${id}: in-force\n` });
}

test("whom two seem to be is seen in the list, and vouched for", async () => {
  await happen({ type: "clone-suspected", number: 1, shown: 0, newest: 4 });
  const list = await daymark("device", "list", "--filter", "suspected:yes");
  expect(list.stdout).toMatch(/^1 +none .* suspected +camera-2$/m);
  expect((await daymark("device", "get", "1")).stdout).toMatch(/^suspected since +\S+Z$/m);
  await agreed("device", "vouch", "1");
  expect(device(1)?.suspectedAt).toBeUndefined();
  expect((await daymark("device", "list", "--filter", "suspected:yes")).stderr).toContain(
    "no device matches",
  );
  expect(await daymark("device", "vouch", "1", "--reason", "again")).toMatchObject({
    exitCode: 5,
    stderr: expect.stringContaining("nobody suspects"),
  });
});

test("who wants to come back is seen in the list, and let back", async () => {
  await happen({ type: "return-requested", number: 2 });
  expect((await daymark("device", "list", "--filter", "return:asked")).stdout).toMatch(
    /^2 .* return asked +/m,
  );
  await agreed("device", "readmit", "2");
  expect((await daymark("device", "get", "2")).stdout).toMatch(/^return +approved$/m);
});

describe("a ticket", () => {
  const make = (number: string, file: string) => ["device", "ticket", number, "--out", path(file)] as const;

  test("is written once, for its owner alone; the server gets the public half", async () => {
    await agreed(...make("3", "ticket-3"));
    const text = await readFile(path("ticket-3"), "utf8");
    expect(text).toMatch(/^[0-9a-f]{64}\n$/);
    expect((await stat(path("ticket-3"))).mode & 0o777).toBe(0o600);
    const secret = fromHex(text.trim());
    const { bytes } = nodeCrypto.publicKey({ algorithm: "Ed25519", secret });
    expect(device(3)?.ticket?.key).toBe(toBase64Url(bytes));
    expect((await daymark("device", "get", "3")).stdout).toMatch(/^ticket until +\S+Z$/m);
  });

  test("is said nowhere else", async () => {
    const made = await daymark(...make("4", "ticket-4"), "--reason", "copied");
    const secret = (await readFile(path("ticket-4"), "utf8")).trim();
    const log: string[] = [];
    for await (const { events } of fleet.service.options.log.read(0)) log.push(JSON.stringify(events));
    const said = made.stdout + made.stderr + log.join("");
    expect(made.stderr).toContain(`--ticket-file ${path("ticket-4")}`);
    expect(said).not.toContain(secret);
    expect(said).not.toContain(toBase64Url(fromHex(secret)));
  });

  test("is not written over a file, and the server hears nothing of it", async () => {
    await writeFile(path("precious"), "mine");
    const before = fleet.service.view.acts.size;
    expect(await daymark(...make("4", "precious"), "--reason", "x")).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("there is a file"),
    });
    expect(await readFile(path("precious"), "utf8")).toBe("mine");
    expect(fleet.service.view.acts.size).toBe(before);
  });

  test("that the server refuses leaves no file", async () => {
    expect(await daymark(...make("99", "ticket-99"), "--reason", "x")).toMatchObject({ exitCode: 3 });
    await expect(stat(path("ticket-99"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

test("a lift gives a device a table of its own", async () => {
  const table = ["--freshness", "7d:restrict,36h:observe"];
  await agreed("quarantine", "lift", "5", ...table);
  expect(device(5)?.release?.freshness).toEqual([
    { afterSeconds: 604_800, level: "restrict" },
    { afterSeconds: 129_600, level: "observe" },
  ]);
  expect((await daymark("device", "get", "5")).stdout).toMatch(/^own freshness +7d:restrict,36h:observe$/m);
  expect((await daymark("quarantine", "status")).stdout).toContain("freshness 7d:restrict,36h:observe");
});

test.each([
  ["", 2],
  ["30d", 2],
  ["30d:revoked", 2],
  ["30d:none", 2],
  ["30w:isolate", 2],
  ["-1d:isolate", 2],
  ["30d:isolate,", 2],
  ["1d:observe,2d:observe,3d:observe,4d:observe,5d:observe", 2],
  ["never", 0],
])("a table written as %j: %i", async (table, exitCode) => {
  const args = ["quarantine", "lift", "6", "--reason", "x", "--freshness", table];
  expect(await daymark(...args)).toMatchObject({ exitCode });
});

test("each verb shows an example; a policy for returns that is none is refused", async () => {
  for (const verb of ["vouch", "readmit", "ticket"]) {
    const { exitCode, stdout } = await daymark("device", verb, "--help");
    expect([verb, exitCode]).toEqual([verb, 0]);
    expect(stdout).toContain(`Example: daymark device ${verb}`);
  }
  const run = await daymark("server", "run", "--returns", "never");
  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("accept|attest|ask") });
});
