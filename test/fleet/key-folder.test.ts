/** The fleet's keys on disk: made once and whole, never beside others, and nobody else's to read. */
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKeyFiles } from "../../fleet/adapters/key-files.js";
import { loadFleetKeys, stagedKeys } from "../../fleet/adapters/key-folder.js";
import { FLEET_KEY_NAMES, type SomeKeys } from "../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { must } from "./fixtures.js";
import { entropy, temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let keys: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  keys = join(folder.path, "fleet", "keys");
});
afterEach(() => folder.remove());

const load = (founded?: boolean) => loadFleetKeys(keys, nodeCrypto, entropy, founded);
const publicKeys = (loaded: SomeKeys) =>
  FLEET_KEY_NAMES.map((name) => toHex(must(loaded[name]).publicKey.bytes));
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
  expect(publicKeys(await load())).not.toContain(toHex(must(halfMade.root).publicKey.bytes));
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

test("keys that may be kept elsewhere may be absent; nothing else may", async () => {
  const first = await load();
  for (const name of ["root", "release", "transfer", "x509-root"]) await rm(join(keys, `${name}.pem`));
  const { root, release, hold } = await load(true);
  expect([root, release, hold.publicKey]).toEqual([undefined, undefined, first.hold.publicKey]);
  await rm(join(keys, "factory.pem"));
  await expect(load(true)).rejects.toMatchObject({
    code: "storage-failed",
    message: expect.stringContaining("factory"),
  });
});

describe("keys that wait", () => {
  const next = () => join(keys, "next");
  const staged = () => stagedKeys(keys, nodeCrypto);

  test("are read each time, and used only once they are put in the place of others", async () => {
    const before = await load();
    expect(await staged().read()).toEqual({});
    await createKeyFiles(join(next(), "hold"), nodeCrypto, entropy);
    const { hold } = await staged().read();
    expect((await load(true)).hold.publicKey).toEqual(before.hold.publicKey);
    await staged().settle({ promoted: ["hold"], retired: ["root"] });
    const after = await load(true);
    expect(after.hold.publicKey).toEqual(must(hold).publicKey);
    expect([after.root, await staged().read()]).toEqual([undefined, {}]);
    expect(await permissions(join(keys, "hold.pem"))).toBe(0o600);
  });

  test("are refused when others can read them", async () => {
    await load();
    await createKeyFiles(join(next(), "hold"), nodeCrypto, entropy);
    await chmod(join(next(), "hold.pem"), 0o644);
    await expect(staged().read()).rejects.toMatchObject({ code: "denied" });
  });

  test("are never written over", async () => {
    await createKeyFiles(join(next(), "hold"), nodeCrypto, entropy);
    const before = await readFile(join(next(), "hold.pem"));
    await expect(createKeyFiles(join(next(), "hold"), nodeCrypto, entropy)).rejects.toMatchObject({
      code: "conflict",
    });
    expect(await readFile(join(next(), "hold.pem"))).toEqual(before);
  });
});
