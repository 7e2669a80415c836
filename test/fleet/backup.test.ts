/** A fleet saved and put back: what was in force then is in force again, and nothing else ever starts. */
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { unlockWith } from "../../fleet/adapters/backup-cipher.js";
import { backupItems, verifyBackup } from "../../fleet/adapters/backup-contents.js";
import { openBackupFile } from "../../fleet/adapters/backup-file.js";
import { restoreBackup } from "../../fleet/adapters/backup-restore.js";
import { createKeyFiles } from "../../fleet/adapters/key-files.js";
import { lockFolder } from "../../fleet/adapters/folder-lock.js";
import { type BackupItem, encodeItem } from "../../fleet/backup/items.js";
import { BackupRefused } from "../../fleet/backup/refused.js";
import { type Fleet, serveApi } from "../../fleet/main.js";
import { type Disk, nodeDisk } from "../../protocol/adapters/atomic-file.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { concatBytes, toHex } from "../../protocol/bytes.js";
import type { Signer } from "../../protocol/crypto.js";
import { create, fleetWith, openIn, recordsIn, restore, unlock, verify, viewOf } from "./backup-rig.js";
import { alone, linkAfter } from "./rotation.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

/** Enough records for more than one chunk. */
const DEVICES = 120;

let still: Awaited<ReturnType<typeof temporaryFolder>>;
let original: Awaited<ReturnType<typeof fleetWith>>;
beforeAll(async () => {
  still = await temporaryFolder();
  original = await fleetWith(join(still.path, "fleet"), DEVICES);
});
afterAll(() => still.remove());

let folder: string;
let remove: () => Promise<void>;
const path = (name: string) => join(folder, name);
beforeEach(async () => {
  const made = await temporaryFolder();
  folder = made.path;
  remove = () => made.remove();
  await original.copyTo(path("fleet"));
});
afterEach(() => remove());

const fleetId = ({ service }: Fleet) => toHex(service.trust.fleetId);

/** Every file below a folder, but the log's, with its content and mode. */
async function filesIn(base: string) {
  const entries = await readdir(base, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.endsWith("/log"));
  const found = files.map(async ({ parentPath, name }) => {
    const at = join(parentPath, name);
    return [at.slice(base.length + 1), await readFile(at, "hex"), (await stat(at)).mode & 0o777] as const;
  });
  return (await Promise.all(found)).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

describe("saved and put back", () => {
  test("it is the same fleet, to the byte, and starts", async () => {
    const made = await create(path("fleet"), path("backup"));
    const records = await recordsIn(path("fleet"));
    expect(made).toMatchObject({ name: "harbour", devices: DEVICES, authority: 1, records: records.length });
    expect(made.hash).toBe(records.at(-1)?.hash);
    expect(await verify(path("backup"))).toEqual(made);
    expect((await stat(path("backup"))).mode & 0o777).toBe(0o600);
    expect(await restore(path("backup"), path("other/fleet"))).toEqual(made);
    expect(await recordsIn(path("other/fleet"))).toEqual(records);
    expect(await filesIn(path("other/fleet"))).toEqual(await filesIn(path("fleet")));
    expect((await readdir(path("other/fleet"))).toSorted()).toEqual(["keys", "log", "tokens"]);
    expect((await stat(path("other/fleet"))).mode & 0o777).toBe(0o700);
    const [before, after] = [await openIn(path("fleet")), await openIn(path("other/fleet"))];
    expect(fleetId(after)).toBe(fleetId(before));
    expect(fleetId(after)).toBe(toHex(made.fleetId));
    await importDevices(after.service, DEVICES + 1, DEVICES + 1);
    await Promise.all([before.close(), after.close()]);
  });

  test("what belongs to one machine stays there", async () => {
    for (const name of ["worker.json", "server.json", "lock", "notes.txt"])
      await writeFile(path(`fleet/${name}`), "mine");
    await create(path("fleet"), path("backup"));
    await restore(path("backup"), path("other"));
    expect((await readdir(path("other"))).toSorted()).toEqual(["keys", "log", "tokens"]);
  });

  test("nothing of it is in the clear", async () => {
    await create(path("fleet"), path("backup"));
    const bytes = await readFile(path("backup"));
    const secrets = ["keys/root.pem", "keys/token.secret", "tokens/admin"];
    for (const name of secrets) {
      const text = (await readFile(path(`fleet/${name}`), "utf8")).trim().split("\n").at(-2);
      expect(bytes.includes(text ?? (await readFile(path(`fleet/${name}`), "utf8")).trim())).toBe(false);
    }
    expect(bytes.includes("harbour")).toBe(false);
  });

  test("a second one replaces the first, and has another salt", async () => {
    await create(path("fleet"), path("backup"));
    const first = await readFile(path("backup"));
    await create(path("fleet"), path("backup"));
    const second = await readFile(path("backup"));
    expect(second.equals(first)).toBe(false);
    expect(second.subarray(18, 50).equals(first.subarray(18, 50))).toBe(false);
    expect((await readdir(folder)).toSorted()).toEqual(["backup", "fleet"]);
  });
});

describe("when keys change", () => {
  /** The hold key is replaced: the new one waits in `keys/next`. */
  async function draftNext(fleet: Fleet) {
    const { service } = fleet;
    const key = await createKeyFiles(path("fleet/keys/next/hold"), nodeCrypto, entropy);
    const roots = [service.keys.root as Signer];
    const link = linkAfter(service.trust, { roles: { hold: alone(key) } }, roots, service.now());
    return { key, link };
  }
  const holdKey = ({ service }: Fleet) => toHex(service.keys.hold.publicKey.bytes);
  async function restoredHoldKey(file: string) {
    await restore(file, path(`${file}.fleet`));
    const fleet = await openIn(path(`${file}.fleet`));
    const found = { hold: holdKey(fleet), version: fleet.service.trust.authority.value.version };
    await fleet.close();
    return found;
  }

  test("a backup from before the Authority, from in between and from after each start with the right one", async () => {
    const fleet = await openIn(path("fleet"));
    const [old, { key, link }] = [holdKey(fleet), await draftNext(fleet)];
    await fleet.close();
    await create(path("fleet"), path("before"));
    await cp(path("fleet/keys"), path("keys.before"), { recursive: true });
    const again = await openIn(path("fleet"));
    await again.service.installAuthority(link, "admin");
    await again.close();
    await create(path("fleet"), path("after"));
    await rm(path("fleet/keys"), { recursive: true });
    await rename(path("keys.before"), path("fleet/keys")); // as when the machine stopped before a file was moved
    await create(path("fleet"), path("between"));
    expect(await restoredHoldKey(path("before"))).toEqual({ hold: old, version: 1 });
    expect(await restoredHoldKey(path("between"))).toEqual({ hold: toHex(key.bytes), version: 2 });
    expect(await restoredHoldKey(path("after"))).toEqual({ hold: toHex(key.bytes), version: 2 });
  });

  test("while the log is read, the keys that are saved are those of the end that is saved", async () => {
    const fleet = await openIn(path("fleet"));
    const api = await serveApi(fleet, { port: 0 });
    const { key, link } = await draftNext(fleet);
    let writes = 0;
    const midway: Disk = {
      ...nodeDisk,
      async create(at, mode) {
        const file = await nodeDisk.create(at, mode);
        const write = async (bytes: Uint8Array) => {
          if (++writes === 2) await fleet.service.installAuthority(link, "admin"); // the header is the first
          await file.write(bytes);
        };
        return { ...file, write };
      },
    };
    const made = await create(path("fleet"), path("backup"), midway);
    expect(made).toMatchObject({ authority: 2 });
    await api.close();
    await fleet.close();
    expect(await restoredHoldKey(path("backup"))).toEqual({ hold: toHex(key.bytes), version: 2 });
  });
});

describe("no backup is made", () => {
  /** How it ended; nothing of a backup may be there then. */
  async function refusal() {
    const error = await create(path("fleet"), path("backup")).catch((refused: unknown) => refused);
    const left = (await readdir(folder)).filter((name) => name.includes("backup"));
    return { error, left };
  }
  const of = (code: string, text: RegExp) => ({
    error: expect.objectContaining({ code, message: expect.stringMatching(text) }),
    left: [],
  });

  test("of a folder without a fleet, or with one that never began", async () => {
    await rm(path("fleet/log"), { recursive: true });
    expect(await refusal()).toEqual(of("not-found", /no fleet/));
    expect((await readdir(path("fleet"))).toSorted()).toEqual(["keys", "tokens"]);
    await mkdir(path("fleet/log"));
    expect(await refusal()).toEqual(of("not-found", /never started/));
  });

  test("into a folder that is not there: its disk may not be mounted", async () => {
    const code = "storage-failed";
    const message: unknown = expect.stringMatching(/mount/);
    await expect(create(path("fleet"), path("disk/backup"))).rejects.toMatchObject({ code, message });
    expect(await readdir(path("."))).not.toContain("disk");
  });

  test("of keys that others can read, or that have odd names", async () => {
    await writeFile(path("fleet/keys/a key"), "x", { mode: 0o600 });
    expect(await refusal()).toEqual(of("bad-request", /a key/));
    await rm(path("fleet/keys/a key"));
    await chmod(path("fleet/keys/hold.pem"), 0o644);
    expect(await refusal()).toEqual(of("denied", /chmod 600/));
  });

  test("from which no fleet would start", async () => {
    await rm(path("fleet/keys/hold.pem"));
    expect(await refusal()).toEqual(of("storage-failed", /keys are not those/));
    await createKeyFiles(path("fleet/keys/hold"), nodeCrypto, entropy);
    expect(await refusal()).toEqual(of("storage-failed", /keys are not those/));
    await writeFile(path("fleet/keys/hold.pem"), "no key", { mode: 0o600 });
    expect(await refusal()).toEqual(of("storage-failed", /keys\/hold.pem/));
  });

  test("with a secret of sync tokens that is none", async () => {
    await writeFile(path("fleet/keys/token.secret"), "short", { mode: 0o600 });
    expect(await refusal()).toEqual(of("storage-failed", /token.secret/));
  });

  test("when the disk fails at any step: what was there before stays", async () => {
    const disk = failing(Infinity);
    await create(path("fleet"), path("backup"), disk);
    const last = disk.steps() - 1; // syncs the folder, when the new one has its name already
    await writeFile(path("backup"), "older");
    for (let step = 0; step <= last; step++) {
      const full = { code: "storage-failed", message: expect.stringContaining("full") };
      const failed = create(path("fleet"), path("backup"), failing(step));
      await expect(failed, `step ${step}`).rejects.toMatchObject(full);
      expect((await readdir(folder)).toSorted(), `step ${step}`).toEqual(["backup", "fleet"]);
      const isOlder = (await readFile(path("backup"), "utf8")) === "older";
      expect(isOlder, `step ${step}`).toBe(step < last);
    }
    expect(await verify(path("backup"))).toMatchObject({ devices: DEVICES });
  });
});

describe("nothing is put back", () => {
  const absent = (name: string) =>
    stat(path(name)).then(
      () => false,
      () => true,
    );

  test("where something is", async () => {
    await create(path("fleet"), path("backup"));
    await expect(restore(path("backup"), path("fleet"))).rejects.toMatchObject({ code: "conflict" });
    const lock = await lockFolder(path("fleet"));
    await expect(restore(path("backup"), path("fleet"))).rejects.toThrow(`process ${process.pid}`);
    await lock.release();
    await mkdir(path("other"));
    await restore(path("backup"), path("other")); // an empty one will do
    await expect(restore(path("backup"), path("other"))).rejects.toMatchObject({ code: "conflict" });
  });

  test("where another restore is at work", async () => {
    await create(path("fleet"), path("backup"));
    const lock = await lockFolder(path("other.new"));
    await expect(restore(path("backup"), path("other"))).rejects.toMatchObject({ code: "conflict" });
    expect(await readdir(path("other.new"))).toEqual(["lock"]);
    await lock.release();
    await restore(path("backup"), path("other"));
  });

  test("of a file that was changed, cut off or made longer; and none of it was written", async () => {
    await create(path("fleet"), path("backup"));
    const bytes = await readFile(path("backup"));
    const ends = [0, 1, 49, 50, 66, bytes.length - 1].map((length) => bytes.subarray(0, length));
    const places = [0, 16, 17, 18, 49, 50, 40_000, bytes.length - 20, bytes.length - 1];
    const flips = places.map((at) => bytes.map((byte, i) => (i === at ? byte ^ 0x40 : byte)));
    for (const changed of [...ends, ...flips, Buffer.concat([bytes, Buffer.from("x")])]) {
      await writeFile(path("changed"), changed);
      await expect(verify(path("changed"))).rejects.toBeInstanceOf(BackupRefused);
      await expect(restore(path("changed"), path("other"))).rejects.toBeInstanceOf(BackupRefused);
    }
    expect([await absent("other"), await absent("other.new")]).toEqual([true, true]);
  });

  test("without the passphrase", async () => {
    await create(path("fleet"), path("backup"));
    const backup = await openBackupFile(path("backup"), unlock);
    await expect(openBackupFile(path("nothing"), unlock)).rejects.toMatchObject({ code: "not-found" });
    const wrong = await openBackupFile(path("backup"), unlockWith("another passphrase"));
    const into = { folder: path("other"), crypto: nodeCrypto };
    await expect(restoreBackup({ backup: wrong, ...into })).rejects.toThrow(/passphrase is another/);
    expect(await absent("other")).toBe(true);
    await restoreBackup({ backup, ...into });
  });

  test("when the disk fails", async () => {
    for (const step of await stepsOfRestore()) {
      await expect(
        restore(path("backup"), path("other"), failing(step)),
        `step ${step}`,
      ).rejects.toMatchObject({
        code: "storage-failed",
      });
      const there = (await absent("other")) ? "nothing" : await verifyFolder("other"); // or only its name not synced
      expect(["nothing", "whole"], `step ${step}`).toContain(there);
      expect(await absent("other.new"), `step ${step}`).toBe(true);
      await rm(path("other"), { recursive: true, force: true });
    }
  });

  test("P4: and a power cut leaves nothing or all of it, and nothing in the way", async () => {
    for (const step of await stepsOfRestore()) {
      const cut = restore(path("backup"), path("other"), failing(step, Infinity));
      await expect(cut, `step ${step}`).rejects.toMatchObject({ code: "storage-failed" });
      if (await absent("other")) await restore(path("backup"), path("other"));
      expect(await verifyFolder("other"), `step ${step}`).toBe("whole");
      expect(await absent("other.new"), `step ${step}`).toBe(true);
      await rm(path("other"), { recursive: true, force: true });
    }
  });

  /** Of a small fleet, those at both ends, and some of the many between that write one file after the other. */
  async function stepsOfRestore(): Promise<readonly number[]> {
    await createSmall();
    const disk = failing(Infinity);
    await restore(path("backup"), path("other"), disk);
    await rm(path("other"), { recursive: true });
    const steps = Array.from({ length: disk.steps() - 1 }, (_, step) => step); // the last frees a lock; a start does too
    const chosen = steps.filter((step) => step < 6 || step >= steps.length - 6 || step % 7 === 0);
    expect(chosen.length).toBeGreaterThan(20);
    return chosen;
  }

  /** Of a fleet with one device: each step costs many syncs. */
  async function createSmall(): Promise<void> {
    await fleetWith(path("small"), 1);
    await create(path("small"), path("backup"));
  }

  /** A server starts from it, or this throws. */
  async function verifyFolder(name: string): Promise<string> {
    await rm(path(`${name}/lock`), { force: true }); // of a process that is no more: here it is this one
    const fleet = await openIn(path(name));
    expect(fleet.service.view.devices.size).toBe(1);
    await fleet.close();
    return "whole";
  }
});

describe("whoever has the passphrase cannot put something else together", () => {
  type Items = readonly BackupItem[];
  const verifyItems = (items: Items) => verifyBackup(once(concatBytes(...items.map(encodeItem))), nodeCrypto);
  let items: Items;
  beforeEach(async () => {
    await create(path("fleet"), path("backup"));
    items = await itemsOf("backup");
    await verifyItems(items);
  });

  test.each<[string, RegExp, (items: Items) => Items]>([
    ["a record left out", /record 3 /, (all) => all.toSpliced(2, 1)],
    ["the first record left out", /record 1 /, (all) => all.slice(1)],
    ["two records swapped", /record 3 /, (all) => [...all.slice(0, 2), all[3]!, all[2]!, ...all.slice(4)]],
    ["a record doubled", /record 4 /, (all) => all.toSpliced(3, 0, all[2]!)],
    ["a record after the files", /before its files/, (all) => [...all.slice(1), all[0]!].toReversed()],
    ["a file doubled", /each file once/, (all) => [...all, all.at(-1)!]],
    ["no records", /no fleet/, (all) => all.filter(({ kind }) => kind === "file")],
    ["no files", /keys are not those/, (all) => all.filter(({ kind }) => kind === "record")],
    ["nothing", /no fleet/, () => []],
  ])("%s", async (_, text, change) => {
    const error = await verifyItems(change(items)).catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(BackupRefused);
    expect((error as Error).message).toMatch(text);
  });

  const isFile = ({ kind }: BackupItem) => kind === "file";
  async function strangeItems(): Promise<Items> {
    await fleetWith(path("stranger"), 0);
    await create(path("stranger"), path("strange"));
    return itemsOf("strange");
  }

  test("the keys of another fleet", async () => {
    const mixed = [...items.filter((item) => !isFile(item)), ...(await strangeItems()).filter(isFile)];
    await expect(verifyItems(mixed)).rejects.toThrow(/not that of the fleet in its log/);
  });

  test("the end of another log", async () => {
    const mixed = [items[0]!, ...(await strangeItems()).filter((item) => !isFile(item)).slice(1)];
    expect(mixed.length).toBeGreaterThan(1);
    await expect(verifyItems([...mixed, ...items.filter(isFile)])).rejects.toThrow(/record 2 /);
  });
});

async function itemsOf(name: string): Promise<readonly BackupItem[]> {
  const items: BackupItem[] = [];
  for await (const item of backupItems((await openBackupFile(path(name), unlock)).read())) items.push(item);
  return items;
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

test("the view of what was put back is that of the log up to there", async () => {
  const { records } = await create(path("fleet"), path("backup"));
  const fleet = await openIn(path("fleet"));
  await importDevices(fleet.service, DEVICES + 1, DEVICES + 5);
  await fleet.close();
  await restore(path("backup"), path("other"));
  expect(viewOf(await recordsIn(path("other")))).toEqual(viewOf(await recordsIn(path("fleet"), records)));
});

/** A disk on which the step after `steps` others fails, and with it as many as `count`: all of them, when the power goes. */
function failing(steps: number, count = 1) {
  let taken = 0;
  const step = () => {
    const now = taken++;
    if (now >= steps && now < steps + count)
      throw Object.assign(new Error("no space is left"), { code: "ENOSPC" });
  };
  const stepped =
    <A extends readonly unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      step();
      return run(...args);
    };
  return {
    ...nodeDisk,
    steps: () => taken,
    async create(file: string, mode: number) {
      step();
      const made = await nodeDisk.create(file, mode);
      return {
        write: stepped((bytes: Uint8Array) => made.write(bytes)),
        sync: stepped(() => made.sync()),
        close: () => made.close(),
      };
    },
    rename: stepped((from: string, to: string) => nodeDisk.rename(from, to)),
    makeFolder: stepped((at: string) => nodeDisk.makeFolder(at)),
    syncFolder: stepped((at: string) => nodeDisk.syncFolder(at)),
    remove: stepped((at: string) => nodeDisk.remove(at)),
    removeTree: stepped((tree: string) => rm(tree, { recursive: true, force: true })),
  };
}
