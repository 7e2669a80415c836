/** `daymark device reenroll`: a ticket from a file into a device that is switched off. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { storesIn } from "../../device/adapters/folder.js";
import { deviceCommands } from "../../device/commands.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import { fromHex, toHex } from "../../protocol/bytes.js";
import { inProcess, noun } from "../fleet/in-process.js";
import { entropy, Owner } from "./owner.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "daymark-ticket-"));
  const { store, keys } = storesIn(join(folder, "camera"));
  await store.save(new Owner().bear(7, await keys.create(IDEVID_KEY, "ES256")));
});
afterAll(() => rm(folder, { recursive: true }));

const routes = { device: noun(deviceCommands) };
async function reenroll(text: string, dir = "camera", ...more: readonly string[]) {
  const file = join(folder, "ticket");
  await writeFile(file, text);
  const flags = ["--dir", join(folder, dir), "--ticket-file", file];
  return inProcess(routes, folder, ["device", "reenroll", ...flags, ...more]);
}

test("stores the ticket, and says nothing of it", async () => {
  const secret = toHex(entropy(32));
  const told = await reenroll(`${secret}\n`);
  expect(told).toMatchObject({ exitCode: 0, stderr: "" });
  expect(told.stdout).toBe("device 7 has the ticket; it asks for new keys: daymark device run\n");
  const stored = await storesIn(join(folder, "camera")).store.load();
  expect(stored?.record.request).toMatchObject({ kind: "reenroll", ticket: fromHex(secret) });
  const again = await reenroll(secret, "camera", "-j");
  expect(JSON.parse(again.stdout)).toEqual({ number: 7, dir: join(folder, "camera") });
});

test.each([
  ["that is too short", toHex(entropy(31))],
  ["that is too long", toHex(entropy(33))],
  ["of other digits", `g${toHex(entropy(32)).slice(1)}`],
  ["that is empty", ""],
  ["as large as no ticket is", "0".repeat(5000)],
])("refuses a file %s, with exit code 1", async (_, text) => {
  const told = await reenroll(text);
  expect(told).toMatchObject({ exitCode: 1, stdout: "" });
  expect(told.stderr).toMatch(/^daymark: .* is no ticket: it has to hold 64 hex digits\n$/);
  expect(text !== "" && told.stderr.includes(text)).toBe(false);
});

test("ends with 3 where there is no such file, and with 1 where there is no device", async () => {
  const flags = ["--dir", join(folder, "camera"), "--ticket-file", join(folder, "nothing")];
  const told = await inProcess(routes, folder, ["device", "reenroll", ...flags]);
  expect(told).toMatchObject({ exitCode: 3, stdout: "" });
  expect(await reenroll(toHex(entropy(32)), "nobody")).toMatchObject({ exitCode: 1, stdout: "" });
});
