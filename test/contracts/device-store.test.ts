/** What every `DeviceStore` promises, and what only the one on disk has to survive; device-store-doubt.test.ts has what it tells of restored files. */
import { deepStrictEqual } from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { encodeState } from "../../device/adapters/state-file.js";
import type { DeviceError } from "../../device/errors.js";
import type { DeviceStore } from "../../device/ports.js";
import type { DeviceRecord } from "../../device/record.js";
import { utf8 } from "../../protocol/bytes.js";
import { CutDisk, powerCuts, powerCutsOn } from "./cut-disk.js";

/** A store keeps any plain data; what a device puts there is not its business. */
const record = (members: object): DeviceRecord => members as DeviceRecord;
const numbered = (n: number) => record({ n, nonce: new Uint8Array(32).fill(n), held: { level: "restrict" } });

const session = (n: number) => ({ signedSeconds: 1_800_000_000, poweredSeconds: n, attempts: 0 });
const recordIn = async (store: DeviceStore) => (await store.load())?.record;

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
      expect(await recordIn(store)).toEqual(numbered(n));
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
    expect(await recordIn(store)).toStrictEqual(kinds);
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
      deepStrictEqual(await recordIn(store), members);
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
    expect(await recordIn(store)).toEqual(numbered(1));
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
    expect(await recordIn(store)).toEqual({ n: 19 });
  });

  test("says how often it was saved", async () => {
    const store = create();
    for (const n of [1, 2, 3]) {
      await store.save(numbered(n));
      await store.saveSession(session(n));
      expect((await store.load())?.saves).toBe(n);
    }
  });

  test("keeps the session beside the record, the newest one", async () => {
    const store = create();
    await store.save(numbered(1));
    expect((await store.load())?.session).toBeUndefined();
    for (const n of [1, 2]) {
      await store.saveSession(session(n));
      expect(await store.load()).toEqual({ record: numbered(1), session: session(n), saves: 1 });
    }
  });

  test("what a caller does to a loaded record does not reach the store", async () => {
    const store = create();
    await store.save(record({ inner: { n: 1 } }));
    ((await recordIn(store)) as unknown as { inner: { n: number } }).inner.n = 2;
    expect(await recordIn(store)).toEqual({ inner: { n: 1 } });
  });
});

describe("LowdbDeviceStore on its disk", () => {
  const slot = (n: 0 | 1) => join(directory, `state.${n}.json`);

  /** Saves 1, 2, …, `count`; odd numbers are in slot 0, even ones in slot 1. */
  async function saved(count: number): Promise<void> {
    const store = new LowdbDeviceStore(directory);
    for (let n = 1; n <= count; n++) await store.save(numbered(n));
  }
  const stored = () => new LowdbDeviceStore(directory).load();
  const pathsIn = async (folder: string) =>
    (await readdir(folder)).toSorted().map((name) => join(folder, name));
  const loaded = async () => (await stored())?.record;

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
    const files = [...(await pathsIn(directory)), ...(await pathsIn(`${directory}-counter`))];
    expect(files.map((path) => basename(path))).toEqual([
      "papers.0.json",
      "papers.1.json",
      "state.0.json",
      "state.1.json",
      "counter.0.json",
      "counter.1.json",
    ]);
    expect(new Set(await Promise.all(files.map(mode)))).toEqual(new Set(["600"]));
  });

  test.each([
    ["cut short", (good: Uint8Array) => good.subarray(0, 100)],
    ["empty", () => new Uint8Array()],
    ["longer by a line feed", (good: Uint8Array) => new Uint8Array([...good, 10])],
    ["larger than a state can be", () => new Uint8Array(5 * 1024 * 1024)],
  ])("P3: a newest state that is %s costs one save, and is no secret", async (_, damage) => {
    await saved(2);
    await writeFile(slot(1), damage(await readFile(slot(1))));
    expect(await stored()).toEqual({ record: numbered(1), saves: 2, doubt: "rollback" });
    await new LowdbDeviceStore(directory).save(numbered(3));
    expect(await stored()).toEqual({ record: numbered(3), saves: 3 });
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
    await writeFile(slot(1), encodeState({ saves: 2, generation: 2, record: record(polluting) }));
    const read = (await loaded()) as unknown as { n: number; polluted?: boolean };
    expect(read.n).toBe(7);
    expect(read.polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test.each([
    ["part of a new file", utf8('{"generation":3')],
    ["a whole new file, not renamed", encodeState({ saves: 3, generation: 3, record: numbered(3) })],
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
  const on = (disk: CutDisk) => new LowdbDeviceStore("state", disk);
  const save = (n: number) => (disk: CutDisk) => on(disk).save(paper(n));
  /** Other papers from the third save on, as after a change of owner. */
  const paper = (n: number) => record({ ...numbered(n), number: n < 3 ? 7 : 9 });

  test.each([0, 1, 2, 3])(
    "P4: a power cut at any step of a save after %i others leaves the old state or the new, and the new once saved",
    async (others) => {
      const prepare = async (disk: CutDisk) => {
        for (let n = 1; n <= others; n++) await save(n)(disk);
      };
      const before = others === 0 ? undefined : paper(others);
      const after = paper(others + 1);
      let steps = 0;
      for await (const { disk, done, step } of powerCuts(prepare, save(others + 1))) {
        steps = step;
        const found = await on(disk).load();
        const allowed = done ? [after] : [before, after];
        expect(allowed, `power cut at step ${step}`).toContainEqual(found?.record);
        expect(found?.doubt, `power cut at step ${step}`).toBeUndefined();
        await save(50)(disk);
        expect(await on(disk).load()).toMatchObject({ record: paper(50) });
      }
      expect(steps).toBeGreaterThan(17); // slot and both copies of the counter
    },
  );

  test("P4: nor does a second one while the first is mended, or the device goes on", async () => {
    const prepare = async (disk: CutDisk) => {
      for (let n = 1; n <= 2; n++) await save(n)(disk);
    };
    const looked = new Set<string>();
    for await (const { disk: cut } of powerCuts(prepare, save(3))) {
      if (looked.has(cut.content())) continue;
      looked.add(cut.content());
      const before = (await on(cut.copy()).load())?.record;
      for await (const { disk, done, step } of powerCutsOn(cut, save(4))) {
        const found = await on(disk).load();
        expect(done ? [paper(4)] : [before, paper(4)], `power cut at step ${step}`).toContainEqual(
          found?.record,
        );
        expect(found?.doubt, `power cut at step ${step}`).toBeUndefined();
      }
    }
  });

  test("P4: a power cut while the session is saved leaves the old one or the new, and the state alone", async () => {
    const prepare = async (disk: CutDisk) => {
      await save(1)(disk);
      await on(disk).saveSession(session(1));
    };
    for await (const { disk, done } of powerCuts(prepare, (disk) => on(disk).saveSession(session(2)))) {
      const found = await on(disk).load();
      expect(found).toMatchObject({ record: paper(1), saves: 1 });
      expect(done ? [session(2)] : [session(1), session(2)]).toContainEqual(found?.session);
    }
  });

  test("P4: what a failed save left does not count, and the next one does", async () => {
    const outcomes: string[] = [];
    for (let at = 0; outcomes.at(-1) !== "saved"; at++) {
      const disk = new CutDisk();
      const store = on(disk);
      for (const n of [1, 2]) await store.save(paper(n));
      disk.failAt(at);
      outcomes.push(
        await store.save(paper(3)).then(
          () => "saved",
          (error: DeviceError) => error.code,
        ),
      );
      disk.failAt(Infinity); // it was full for a moment
      await store.save(paper(4));
      const found = await on(disk).load();
      expect(found, `step ${at}`).toMatchObject({ record: paper(4) });
      expect(found?.doubt, `step ${at}`).toBeUndefined();
    }
    expect(outcomes.length).toBeGreaterThan(20);
    expect(new Set(outcomes)).toEqual(new Set(["storage-failed", "saved"]));
  });
});
