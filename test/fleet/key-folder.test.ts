/** The fleet's keys on disk: made once and whole, never beside others, and nobody else's to read. */
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadFleetKeys } from "../../fleet/adapters/key-folder.js";
import { FLEET_KEY_NAMES, type FleetKeys } from "../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { entropy, temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let keys: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  keys = join(folder.path, "fleet", "keys");
});
afterEach(() => folder.remove());

const load = (founded?: boolean) => loadFleetKeys(keys, nodeCrypto, entropy, founded);
const publicKeys = (loaded: FleetKeys) => FLEET_KEY_NAMES.map((name) => toHex(loaded[name].publicKey.bytes));
const permissions = async (path: string) => (await stat(path)).mode & 0o777;

test("the first start makes every key, for the owner alone, and the next one finds the same", async () => {
  const first = await load();
  expect((await readdir(keys)).sort()).toEqual(FLEET_KEY_NAMES.map((name) => `${name}.pem`).sort());
  for (const file of await readdir(keys)) expect(await permissions(join(keys, file))).toBe(0o600);
  expect(await permissions(keys)).toBe(0o700);
  expect(new Set(publicKeys(first)).size).toBe(FLEET_KEY_NAMES.length);
  const again = await load(true);
  expect(publicKeys(again)).toEqual(publicKeys(first));
  const message = utf8("hello");
  expect(nodeCrypto.verify(first.hold.publicKey, message, again.hold.sign(message))).toBe(true);
});

test("a key that is missing is never made anew beside the others", async () => {
  await load();
  await rm(join(keys, "lease.pem"));
  await expect(load()).rejects.toMatchObject({
    code: "storage-failed",
    message: expect.stringContaining("lease"),
  });
  expect(await readdir(keys)).toHaveLength(FLEET_KEY_NAMES.length - 1);
});

test("an existing fleet whose key folder is lost gets no new keys", async () => {
  await expect(load(true)).rejects.toMatchObject({ code: "storage-failed" });
  await expect(stat(keys)).rejects.toMatchObject({ code: "ENOENT" });
});

test("what a crash left of making keys is thrown away, and no key of it is used", async () => {
  const other = join(folder.path, "other");
  const halfMade = await loadFleetKeys(other, nodeCrypto, entropy);
  const unfinished = `${keys}.new`;
  await mkdir(unfinished, { recursive: true });
  await writeFile(join(unfinished, "root.pem"), await readFile(join(other, "root.pem")), { mode: 0o600 });
  expect(publicKeys(await load())).not.toContain(toHex(halfMade.root.publicKey.bytes));
  await expect(stat(unfinished)).rejects.toMatchObject({ code: "ENOENT" });
});

test.each([0o640, 0o604, 0o620, 0o601])("a key file with mode %o is refused, with the cure", async (mode) => {
  await load();
  const path = join(keys, "root.pem");
  await chmod(path, mode);
  await expect(load()).rejects.toMatchObject({
    code: "denied",
    message: expect.stringContaining(`chmod 600 '${path}'`),
  });
});

test.each([
  ["cut", (pem: string) => pem.slice(0, 120)],
  ["another kind of file", () => "-----BEGIN\nnot a key"],
])("a key file that is %s is refused, and not quoted", async (_, damage) => {
  await load();
  const path = join(keys, "root.pem");
  const damaged = damage(await readFile(path, "utf8"));
  await writeFile(path, damaged);
  const error = (await load().catch((thrown: unknown) => thrown)) as Error;
  expect(error).toMatchObject({ code: "storage-failed", message: expect.stringContaining("root") });
  expect(`${error.message} ${String(error.cause)}`).not.toContain(damaged.split("\n")[1]);
});
