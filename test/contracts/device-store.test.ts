/** What every `DeviceStore` promises, and what only the one on disk has to survive. */
import { deepStrictEqual } from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { encodeState } from "../../device/adapters/state-file.js";
import type { DeviceStore } from "../../device/ports.js";
import type { DeviceRecord } from "../../device/record.js";
import { utf8 } from "../../protocol/bytes.js";
import { type CutDisk, powerCuts } from "./cut-disk.js";

/** A store keeps any plain data; what a device puts there is not its business. */
const record = (members: object): DeviceRecord => members as DeviceRecord;
const numbered = (n: number) => record({ n, nonce: new Uint8Array(32).fill(n), held: { level: "restrict" } });

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "daymark-device-")), "state");
});
afterEach(() => rm(join(directory, ".."), { recursive: true }));

const adapters: [name: string, create: () => DeviceStore][] = [
  ["MemoryDeviceStore", () => new MemoryDeviceStore()],
  ["LowdbDeviceStore", () => new LowdbDeviceStore(directory)],
];

describe.each(adapters)("%s", (_name, create) => {
  test("has nothing before the first save, then the newest", async () => {
    const store = create();
    expect(await store.load()).toBeUndefined();
    for (const n of [1, 2, 3, 4]) {
      await store.save(numbered(n));
      expect(await store.load()).toEqual(numbered(n));
    }
  });

  test("gives back every kind of member, without those that are undefined", async () => {
    const store = create();
    const plain = { text: "Grüße \u{1f6f0} \ud800", yes: true, no: false, nothing: null, number: -1.5 };
    const bytes = {
      empty: new Uint8Array(),
      list: [1, [new Uint8Array([255, 0])], {}],
      deep: { a: { b: [] } },
    };
    const kinds = { ...plain, ...bytes, large: Number.MAX_SAFE_INTEGER };
    await store.save(record({ ...kinds, gone: undefined }));
    expect(await store.load()).toStrictEqual(kinds);
  });

  test("keeps keys that look like its own notation, or like a prototype", async () => {
    const keys = fc.oneof(
      fc.constantFrom("$bytes", "$$bytes", "$", "__proto__", "constructor", "1"),
      fc.string(),
    );
    const { node } = fc.letrec((tie) => ({
      node: fc.dictionary(keys, tie("value"), { maxKeys: 4, noNullPrototype: true }),
      value: fc.oneof(
        { depthSize: "small" },
        fc.string(),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n || 0), // not -0
        fc.uint8Array({ maxLength: 5 }),
        fc.array(tie("value"), { maxLength: 3 }),
        tie("node"),
      ),
    }));
    const property = fc.asyncProperty(node, async (members) => {
      const store = create();
      await store.save(record(members as object));
      deepStrictEqual(await store.load(), members);
    });
    const { failed, counterexample } = await fc.check(property, { numRuns: 100 });
    expect({ failed, counterexample }).toEqual({ failed: false, counterexample: null });
  });

  test.each([
    ["NaN", Number.NaN],
    ["a function", () => 1],
    ["a Map", new Map()],
    ["a gap in a list", [1, undefined]],
  ])("refuses %s, and keeps what it had", async (_, value) => {
    const store = create();
    await store.save(numbered(1));
    const refused = store.save(record({ value })).then(
      () => false,
      () => true,
    );
    expect(await refused).toBe(true);
    expect(await store.load()).toEqual(numbered(1));
  });

  test("saves that overlap are carried out in order, each as it was when called", async () => {
    const store = create();
    const changing = { n: 0 };
    const saves = Array.from({ length: 20 }, (_, n) => {
      changing.n = n;
      return store.save(record(changing));
    });
    changing.n = 99;
    await Promise.all(saves);
    expect(await store.load()).toEqual({ n: 19 });
  });

  test("what a caller does to a loaded record does not reach the store", async () => {
    const store = create();
    await store.save(record({ inner: { n: 1 } }));
    ((await store.load()) as unknown as { inner: { n: number } }).inner.n = 2;
    expect(await store.load()).toEqual({ inner: { n: 1 } });
  });
});

describe("LowdbDeviceStore on its disk", () => {
  const slot = (n: 0 | 1) => join(directory, `state.${n}.json`);

  /** Saves 1, 2, …, `count`; odd numbers are in slot 0, even ones in slot 1. */
  async function saved(count: number): Promise<void> {
    const store = new LowdbDeviceStore(directory);
    for (let n = 1; n <= count; n++) await store.save(numbered(n));
  }
  const loaded = () => new LowdbDeviceStore(directory).load();

  test.each([1, 2, 3, 4])("after a restart it has save %i, and goes on from there", async (count) => {
    await saved(count);
    expect(await loaded()).toEqual(numbered(count));
    await new LowdbDeviceStore(directory).save(numbered(9));
    expect(await loaded()).toEqual(numbered(9));
  });

  test("only the device's own user can read it", async () => {
    const before = process.umask(0);
    try {
      await saved(2);
    } finally {
      process.umask(before);
    }
    const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    expect(await mode(directory)).toBe("700");
    expect(await readdir(directory)).toEqual(["state.0.json", "state.1.json"]);
    expect([await mode(slot(0)), await mode(slot(1))]).toEqual(["600", "600"]);
  });

  test("P3: a changed bit anywhere in the newest state never gives another record", async () => {
    await saved(2);
    const good = await readFile(slot(1));
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at]! ^= 1 << (at % 8);
      await writeFile(slot(1), bad);
      expect(await loaded(), `byte ${at}`).toEqual(numbered(1));
    }
  });

  test.each([
    ["cut short", (good: Uint8Array) => good.subarray(0, 100)],
    ["empty", () => new Uint8Array()],
    ["longer by a line feed", (good: Uint8Array) => new Uint8Array([...good, 10])],
    ["larger than a state can be", () => new Uint8Array(5 * 1024 * 1024)],
  ])("a newest state that is %s costs one save", async (_, damage) => {
    await saved(2);
    await writeFile(slot(1), damage(await readFile(slot(1))));
    expect(await loaded()).toEqual(numbered(1));
    await new LowdbDeviceStore(directory).save(numbered(3));
    expect(await loaded()).toEqual(numbered(3));
  });

  test("P3: damage that leaves nothing to read is not a new device", async () => {
    await saved(1);
    await writeFile(slot(0), "{}");
    await expect(loaded()).rejects.toMatchObject({ code: "storage-damaged" });
    await saved(2).catch(() => undefined);
    await writeFile(slot(1), "{}");
    await expect(loaded()).rejects.toMatchObject({ code: "storage-damaged" });
    await expect(new LowdbDeviceStore(directory).save(numbered(3))).rejects.toMatchObject({
      code: "storage-damaged",
    });
    expect(await readFile(slot(0), "utf8")).toBe("{}");
  });

  test("P3: a state that cannot be read now is not replaced by the older one", async () => {
    await saved(2);
    await rm(slot(1));
    await symlink(slot(1), slot(1)); // reading gives ELOOP: neither "no file" nor damage
    await expect(loaded()).rejects.toMatchObject({ code: "storage-failed" });
  });

  test("a folder that cannot be made is a failure, and the next save may succeed", async () => {
    await writeFile(directory, "a file where the folder should be");
    const store = new LowdbDeviceStore(directory);
    await expect(store.save(numbered(1))).rejects.toMatchObject({ code: "storage-failed" });
    await rm(directory);
    await store.save(numbered(1));
    expect(await loaded()).toEqual(numbered(1));
  });

  test("__proto__ in a stored file stays a name", async () => {
    await saved(1);
    const polluting = JSON.parse('{"__proto__": {"polluted": true}, "n": 7}') as object;
    await writeFile(slot(1), encodeState({ generation: 2, record: record(polluting) }));
    const read = (await loaded()) as unknown as { n: number; polluted?: boolean };
    expect(read.n).toBe(7);
    expect(read.polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test.each([
    ["part of a new file", utf8('{"generation":3')],
    ["a whole new file, not renamed", encodeState({ generation: 3, record: numbered(3) })],
  ])("%s left by a power cut is no state, and is in nobody's way", async (_, bytes) => {
    await saved(2);
    await writeFile(join(directory, ".state.0.json.new"), bytes);
    await chmod(join(directory, ".state.0.json.new"), 0o644);
    expect(await loaded()).toEqual(numbered(2));
    await new LowdbDeviceStore(directory).save(numbered(4));
    expect(await loaded()).toEqual(numbered(4));
    expect((await stat(slot(0))).mode & 0o777).toBe(0o600);
  });
});

describe("LowdbDeviceStore and the power", () => {
  const save = (n: number) => (disk: CutDisk) => new LowdbDeviceStore("state", disk).save(numbered(n));

  test.each([0, 1, 2, 3])(
    "P4: a power cut at any step of a save after %i others leaves the old state or the new, and the new once saved",
    async (others) => {
      const prepare = async (disk: CutDisk) => {
        for (let n = 1; n <= others; n++) await save(n)(disk);
      };
      const before = others === 0 ? undefined : numbered(others);
      const after = numbered(others + 1);
      let steps = 0;
      for await (const { disk, done, step } of powerCuts(prepare, save(others + 1))) {
        steps = step;
        const found = await new LowdbDeviceStore("state", disk).load();
        const allowed = done ? [after] : [before, after];
        expect(allowed, `power cut at step ${step}`).toContainEqual(found);
        await save(50)(disk);
        expect(await new LowdbDeviceStore("state", disk).load()).toEqual(numbered(50));
      }
      expect(steps).toBeGreaterThan(4);
    },
  );
});
