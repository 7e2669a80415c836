/** The disk of the world: what is kept of what was written, when the power goes at any step. */
import { describe, expect, test } from "vitest";
import { type Disk, FILE_MODE, removeFile, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import { WorldDisk } from "../../simulators/world/disk.js";
import { Fortune } from "../../simulators/world/random.js";

const PATH = "/state/a";
const SEEDS = 40;

class Machine {
  readonly disk: WorldDisk;
  cuts = 0;

  constructor(seed: number) {
    this.disk = new WorldDisk(new Fortune(seed).stream("disk"));
  }

  start(): Disk {
    const powerCut = () => {
      this.cuts += 1;
      this.disk.cut();
    };
    return this.disk.mount({ syncTakes: () => Promise.resolve(), powerCut });
  }
}

async function textAt(disk: Disk, path = PATH): Promise<string | undefined> {
  const bytes = await disk.read(path, 100);
  return bytes && new TextDecoder().decode(bytes);
}

/** Ends when the work has ended, or nothing of it is left to wait for. */
function endOf(work: Promise<unknown>): Promise<boolean> {
  const ended = work.then(
    () => true,
    () => true,
  );
  return Promise.race([ended, new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
}

test("a file is replaced whole, or not at all, whichever step the power goes at", async () => {
  const found = new Set<string | undefined>();
  for (let seed = 0; seed < SEEDS; seed++)
    for (let step = 0, cut = true; cut; step++) {
      const machine = new Machine(seed);
      await writeFileAtomic(PATH, utf8("old"), FILE_MODE, machine.start());
      const disk = machine.start();
      machine.disk.cutAfter(step);
      const ended = await endOf(writeFileAtomic(PATH, utf8("new content"), FILE_MODE, disk));
      cut = machine.cuts > 0;
      expect(ended).toBe(!cut);
      const text = await textAt(machine.start());
      expect(cut ? ["old", "new content"] : ["new content"]).toContain(text);
      found.add(`${step} ${text}`);
    }
  expect([...found]).toContain("5 new content"); // the name had changed, and its folder was never synced
  expect([...found]).toContain("5 old");
});

test("what was written and not synced may be lost, torn, or there", async () => {
  const found = new Set<string | undefined>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const machine = new Machine(seed);
    const disk = machine.start();
    await (await disk.create(PATH, FILE_MODE)).write(utf8("abcd"));
    machine.disk.cut();
    found.add(await textAt(machine.start()));
  }
  expect([...found]).toEqual(expect.arrayContaining([undefined, "ab", "a\0\0\0", "abcd"]));
});

test("who lost power is never answered, and touches the disk no more", async () => {
  const machine = new Machine(1);
  const before = machine.start();
  const file = await before.create(PATH, FILE_MODE);
  machine.disk.cut();
  const after = machine.start();
  expect(await endOf(file.write(utf8("ghost")))).toBe(false);
  expect(await endOf(before.read(PATH, 10))).toBe(false);
  expect(await endOf(before.makeFolder("/state"))).toBe(false);
  expect(await endOf(after.makeFolder("/state"))).toBe(true);
});

describe("images", () => {
  async function withTwo(): Promise<Machine> {
    const machine = new Machine(2);
    const disk = machine.start();
    await writeFileAtomic(PATH, utf8("first"), FILE_MODE, disk);
    await writeFileAtomic("/keys/k", utf8("key"), FILE_MODE, disk);
    return machine;
  }

  test("are put back whole, and what came later is gone", async () => {
    const { disk, ...machine } = await withTwo();
    const image = disk.image();
    const running = disk.mount({ syncTakes: () => Promise.resolve(), powerCut: () => undefined });
    await writeFileAtomic(PATH, utf8("second"), FILE_MODE, running);
    await writeFileAtomic("/state/b", utf8("b"), FILE_MODE, running);
    await removeFile("/keys/k", running);
    disk.unmount();
    disk.restore(image);
    expect([...disk.image().keys()].toSorted()).toEqual(["/keys/k", PATH]);
    expect(disk.durable(PATH)).toEqual(utf8("first"));
    expect(machine.cuts).toBe(0);
  });

  test("are put back in part", async () => {
    const { disk } = await withTwo();
    const image = disk.image();
    const running = disk.mount({ syncTakes: () => Promise.resolve(), powerCut: () => undefined });
    await writeFileAtomic(PATH, utf8("second"), FILE_MODE, running);
    await writeFileAtomic("/keys/k", utf8("other"), FILE_MODE, running);
    disk.restore(image, [PATH, "/state/b"]);
    expect(disk.durable(PATH)).toEqual(utf8("first"));
    expect(disk.durable("/keys/k")).toEqual(utf8("other"));
  });
});

describe("faults", () => {
  test("a full disk takes nothing, and what is there stays", async () => {
    const machine = new Machine(3);
    const disk = machine.start();
    await writeFileAtomic(PATH, utf8("first"), FILE_MODE, disk);
    machine.disk.writeFault = "ENOSPC";
    await expect(writeFileAtomic(PATH, utf8("second"), FILE_MODE, disk)).rejects.toMatchObject({
      code: "ENOSPC",
    });
    expect(await textAt(disk)).toBe("first");
    machine.disk.writeFault = undefined;
    await writeFileAtomic(PATH, utf8("third"), FILE_MODE, disk);
    machine.disk.cut();
    expect(await textAt(machine.start())).toBe("third");
  });

  test("a bad sector fails what reads it, and a bit that rots is one bit", async () => {
    const machine = new Machine(4);
    const disk = machine.start();
    await writeFileAtomic(PATH, new Uint8Array(64), FILE_MODE, disk);
    machine.disk.readFault = "EIO";
    await expect(disk.read(PATH, 64)).rejects.toMatchObject({ code: "EIO" });
    machine.disk.readFault = undefined;
    expect(machine.disk.rot("/state/none")).toBe(false);
    expect(machine.disk.rot(PATH)).toBe(true);
    const turned = [...((await disk.read(PATH, 64)) ?? [])].filter((byte) => byte !== 0);
    expect(turned).toHaveLength(1);
    expect(Math.log2(turned[0] ?? 0) % 1).toBe(0);
  });
});
