/** What every `KeyStore` promises, and what only the one on disk has to survive. */
import { createPublicKey, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FileKeyStore } from "../../device/adapters/file-key-store.js";
import { MemoryKeyStore } from "../../device/adapters/memory-key-store.js";
import type { KeyStore } from "../../device/ports.js";
import { nodeCrypto, privateKeyFromPem } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Entropy } from "../../protocol/crypto.js";
import { type CutDisk, powerCuts } from "./cut-disk.js";

const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));
const MESSAGE = utf8("what is signed");

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "daymark-keys-")), "keys");
});
afterEach(() => rm(join(directory, ".."), { recursive: true }));

const onDisk = (disk?: CutDisk) => new FileKeyStore(directory, nodeCrypto, entropy, disk);

const adapters: [name: string, create: () => KeyStore][] = [
  ["MemoryKeyStore", () => new MemoryKeyStore(nodeCrypto, entropy)],
  ["FileKeyStore", () => onDisk()],
];

describe.each(adapters)("%s", (_name, create) => {
  let store: KeyStore;
  beforeEach(() => {
    store = create();
  });

  test.each(["ES256", "Ed25519"] as const)("makes %s keys that sign", async (algorithm) => {
    const made = await store.create("ldevid-1", algorithm);
    expect(made.algorithm).toBe(algorithm);
    expect(await store.publicKey("ldevid-1")).toEqual(made);
    const signature = await store.sign("ldevid-1", MESSAGE);
    expect(signature).toHaveLength(64);
    expect(nodeCrypto.verify(made, MESSAGE, signature)).toBe(true);
  });

  test.each(["ES256", "Ed25519"] as const)("gives a %s key to the TLS library", async (algorithm) => {
    const made = await store.create("idevid", algorithm);
    const pem = await store.tlsKey("idevid");
    expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    const ofPem = createPublicKey(pem).export({ type: "spki", format: "der" });
    expect(ofPem.subarray(-made.bytes.length)).toEqual(Buffer.from(made.bytes));
  });

  test("keys of two names are two keys", async () => {
    expect(await store.create("a", "Ed25519")).not.toEqual(await store.create("b", "Ed25519"));
  });

  test("P8: an existing key is never replaced", async () => {
    const made = await store.create("idevid", "ES256");
    await expect(store.create("idevid", "ES256")).rejects.toMatchObject({ code: "key-exists" });
    await expect(store.create("idevid", "Ed25519")).rejects.toMatchObject({ code: "key-exists" });
    expect(await store.publicKey("idevid")).toEqual(made);
  });

  test("of 8 that make one name at once, one wins and has the key that stays", async () => {
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => store.create("idevid", "ES256")));
    const winners = all.filter((result) => result.status === "fulfilled");
    const losers = all.filter((result) => result.status === "rejected");
    expect(winners).toHaveLength(1);
    expect(losers.map(({ reason }) => (reason as { code: string }).code)).toEqual(
      Array(7).fill("key-exists"),
    );
    expect(await store.publicKey("idevid")).toEqual(winners[0]?.value);
  });

  test("a removed key is gone, its name free; removing it again is no error", async () => {
    const first = await store.create("ldevid", "Ed25519");
    await Promise.all([store.sign("ldevid", MESSAGE), store.remove("ldevid")]);
    await store.remove("ldevid");
    expect(await store.publicKey("ldevid")).toBeUndefined();
    await expect(store.sign("ldevid", MESSAGE)).rejects.toMatchObject({ code: "no-key" });
    await expect(store.tlsKey("ldevid")).rejects.toMatchObject({ code: "no-key" });
    expect(await store.create("ldevid", "Ed25519")).not.toEqual(first);
  });

  test.each(["", "A", "a b", "../a", "a/b", "a.pem", "ä", "a".repeat(33)])("%j is no name", async (name) => {
    const bad = { code: "bad-name" };
    await expect(store.create(name, "ES256")).rejects.toMatchObject(bad);
    await expect(store.publicKey(name)).rejects.toMatchObject(bad);
    await expect(store.sign(name, MESSAGE)).rejects.toMatchObject(bad);
    await expect(store.tlsKey(name)).rejects.toMatchObject(bad);
    await expect(store.remove(name)).rejects.toMatchObject(bad);
  });
});

describe("FileKeyStore on its disk", () => {
  const file = () => join(directory, "idevid.pem");

  test("has its keys after a restart", async () => {
    const made = await onDisk().create("idevid", "ES256");
    const after = onDisk();
    expect(await after.publicKey("idevid")).toEqual(made);
    expect(nodeCrypto.verify(made, MESSAGE, await after.sign("idevid", MESSAGE))).toBe(true);
    await expect(onDisk().create("idevid", "ES256")).rejects.toMatchObject({ code: "key-exists" });
    await after.remove("idevid");
    expect(await onDisk().publicKey("idevid")).toBeUndefined();
    expect(await readdir(directory)).toEqual([]);
  });

  test("P8: only the device's own user can read a key, whatever the umask", async () => {
    const before = process.umask(0);
    try {
      await onDisk().create("idevid", "ES256");
    } finally {
      process.umask(before);
    }
    expect(await readdir(directory)).toEqual(["idevid.pem"]);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  test("P8: no error shows any of a key", async () => {
    const store = onDisk();
    await store.create("idevid", "ES256");
    const pem = await readFile(file(), "utf8");
    const errors = [await rejection(store.create("idevid", "ES256"))];
    const damages = [
      pem.slice(0, -60),
      pem.replace("BEGIN", "BEGINN"),
      pem.replaceAll("\n", ""),
      pem.slice(28),
    ];
    for (const damaged of damages) {
      await writeFile(file(), damaged);
      errors.push(await rejection(onDisk().sign("idevid", MESSAGE)));
      errors.push(await rejection(onDisk().tlsKey("idevid")));
      errors.push(await rejection(onDisk().create("idevid", "ES256")));
    }
    expect(errors.map(({ code }) => code)).toEqual([
      "key-exists",
      ...Array<string>(12).fill("storage-damaged"),
    ]);

    const { secret } = privateKeyFromPem(pem);
    const pemLines = pem.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
    const ways = ["hex", "base64", "base64url"] as const;
    const secrets = [...pemLines, ...ways.map((way) => Buffer.from(secret).toString(way))];
    const shown = errors.map((error) => inspect(error, { depth: null, showHidden: true })).join("\n");
    for (const text of secrets) expect(shown).not.toContain(text.slice(0, 16));
  });

  test("a damaged key file is not replaced", async () => {
    await onDisk().create("idevid", "ES256");
    await writeFile(file(), "damaged");
    await expect(onDisk().create("idevid", "ES256")).rejects.toMatchObject({ code: "storage-damaged" });
    await expect(onDisk().publicKey("idevid")).rejects.toMatchObject({ code: "storage-damaged" });
    expect(await readFile(file(), "utf8")).toBe("damaged");
  });

  test("a folder that cannot be used is a storage error", async () => {
    await writeFile(directory, "a file where the folder should be");
    await expect(onDisk().create("idevid", "ES256")).rejects.toMatchObject({ code: "storage-failed" });
  });

  test("P4: a power cut while a key is made leaves no key or a whole one, and the one made once answered", async () => {
    let made: unknown;
    const create = async (disk: CutDisk) => (made = await onDisk(disk).create("idevid", "ES256"));
    for await (const { disk, done, step } of powerCuts(async () => {}, create)) {
      const found = await onDisk(disk).publicKey("idevid");
      const usable = found ?? (await onDisk(disk).create("idevid", "ES256"));
      expect(await onDisk(disk).publicKey("idevid"), `power cut at step ${step}`).toEqual(
        done ? made : usable,
      );
    }
  });

  test("P4: a key that was removed does not come back with the power", async () => {
    const create = async (disk: CutDisk) => void (await onDisk(disk).create("idevid", "ES256"));
    let removed = 0;
    for await (const { disk, done } of powerCuts(create, (disk) => onDisk(disk).remove("idevid"))) {
      if (!done) continue;
      expect(await onDisk(disk).publicKey("idevid")).toBeUndefined();
      removed += 1;
    }
    expect(removed).toBeGreaterThan(0);
  });
});

async function rejection(work: Promise<unknown>): Promise<Error & { code?: string }> {
  const failure: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Error);
  return failure as Error;
}
