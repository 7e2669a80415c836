/** What every `MonotonicCounter` promises, and what the one in files makes of power cuts and of damage. */
import { describe, expect, test } from "vitest";
import { FileCounter } from "../../device/adapters/file-counter.js";
import { MemoryCounter } from "../../device/adapters/memory-counter.js";
import type { MonotonicCounter } from "../../device/ports.js";
import { CutDisk, powerCuts } from "./cut-disk.js";

const on = (disk: CutDisk) => new FileCounter("counter", disk);
const counted = (n: number) => async (disk: CutDisk) => {
  const counter = on(disk);
  for (let i = 0; i < n; i++) await counter.increment();
};

const adapters: [name: string, create: () => MonotonicCounter][] = [
  ["MemoryCounter", () => new MemoryCounter()],
  ["FileCounter", () => on(new CutDisk())],
];

describe.each(adapters)("%s", (_name, create) => {
  test("begins at 0, and grows by one", async () => {
    const counter = create();
    expect(await counter.read()).toBe(0);
    for (const value of [1, 2, 3]) {
      expect(await counter.increment()).toBe(value);
      expect(await counter.read()).toBe(value);
    }
  });
});

describe("FileCounter on its disk", () => {
  const files = ["counter/counter.0.json", "counter/counter.1.json"];

  test("after a restart it goes on from where it was", async () => {
    const disk = new CutDisk();
    await counted(2)(disk);
    expect(await on(disk).read()).toBe(2);
    expect(await on(disk).increment()).toBe(3);
  });

  test.each([0, 1, 2])(
    "P3: a power cut at any step after %i increments: never less than was answered, and one more at most",
    async (before) => {
      for await (const { disk, done, step } of powerCuts(counted(before), counted(1))) {
        const value = await on(disk).read();
        expect(done ? [before + 1] : [before, before + 1], `power cut at step ${step}`).toContain(value);
        expect(await on(disk).increment(), `power cut at step ${step}`).toBe(value + 1);
      }
    },
  );

  test.each([0, 1])("P3: one copy (%i) is enough, whatever becomes of the other", async (i) => {
    const disk = new CutDisk();
    await counted(3)(disk);
    const size = (await disk.read(files[i]!))!.length;
    for (let at = 0; at < size; at++) {
      const damaged = disk.copy();
      damaged.spoil(files[i]!, (bytes) => bytes.map((byte, j) => (j === at ? byte ^ (1 << (at % 8)) : byte)));
      expect(await on(damaged).read(), `byte ${at}`).toBe(3);
      expect(await on(damaged).increment(), `byte ${at}`).toBe(4);
      expect(await on(damaged).read()).toBe(4);
    }
  });

  test("with both copies damaged or gone it begins anew, and no state that was saved agrees with it", async () => {
    for (const damage of [() => new Uint8Array(), () => undefined]) {
      const disk = new CutDisk();
      await counted(3)(disk);
      for (const file of files) disk.spoil(file, damage);
      expect(await on(disk).read()).toBe(0);
      expect(await on(disk).increment()).toBe(1);
    }
  });

  test("a disk that does not answer is no damage", async () => {
    const disk = new CutDisk();
    await counted(3)(disk);
    disk.read = () => Promise.reject(Object.assign(new Error("busy"), { code: "EBUSY" }));
    await expect(on(disk).read()).rejects.toMatchObject({ code: "storage-failed" });
  });

  const eio = () => Promise.reject(Object.assign(new Error("bad sector"), { code: "EIO" }));

  test("P3: a disk that gives back neither copy is not taken for a new one", async () => {
    const disk = new CutDisk();
    await counted(3)(disk);
    disk.read = eio;
    await expect(on(disk).read()).rejects.toMatchObject({ code: "storage-failed" });
    await expect(on(disk).increment()).rejects.toMatchObject({ code: "storage-failed" });
  });

  test("P3: whatever becomes of the copies in a run, it does not go back", async () => {
    const disk = new CutDisk();
    const counter = on(disk);
    for (let i = 0; i < 3; i++) await counter.increment();
    const read = disk.read.bind(disk);
    disk.read = eio;
    expect(await counter.increment()).toBe(4);
    disk.read = read;
    for (const file of files) disk.spoil(file, () => undefined);
    expect(await counter.increment()).toBe(5);
    expect(await on(disk).read()).toBe(5);
  });

  test("an increment that failed is not counted by the one after it", async () => {
    const disk = new CutDisk();
    const counter = on(disk);
    await counter.increment();
    disk.failAt(1);
    await expect(counter.increment()).rejects.toMatchObject({ code: "storage-failed" });
    expect(await counter.read()).toBe(1);
    expect(await counter.increment()).toBe(2);
  });
});
