/** Storage that cannot go back unnoticed: files put back, damaged or gone, on a disk in memory. */
import { describe, expect, test } from "vitest";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import { encodeChecked } from "../../device/adapters/checked-json.js";
import { MemoryCounter } from "../../device/adapters/memory-counter.js";
import { encodeState } from "../../device/adapters/state-file.js";
import type { Stored } from "../../device/ports.js";
import type { DeviceRecord } from "../../device/record.js";
import { CutDisk, powerCutsOn } from "./cut-disk.js";

/** Whose papers are whole: bytes as long as a certificate has. */
const papers = {
  number: 7,
  hardwareId: Uint8Array.of(1, 2, 3),
  model: "camera",
  fleetId: new Uint8Array(16).fill(5),
  idevid: [new Uint8Array(400).fill(6), new Uint8Array(400).fill(7)],
  voucher: new Uint8Array(200).fill(8),
  birth: new Uint8Array(200).fill(9),
  authority: new Uint8Array(600).fill(10),
};
const state = (n: number): DeviceRecord => ({
  ...papers,
  directive: new Uint8Array(200).fill(n),
  holds: [{ version: [1, n], level: "isolate" }],
  alarms: [],
  lastAlarmId: n,
  signedSeconds: 1_800_000_000 + n,
  poweredSeconds: n,
  receiptCounter: n,
  keyCounter: n,
});
const session = { signedSeconds: 1_800_000_004, poweredSeconds: 4000, attempts: 2 };
/** What is left when no state can be read. */
const blank = {
  ...papers,
  holds: [],
  alarms: [],
  lastAlarmId: 0,
  signedSeconds: 0,
  poweredSeconds: 0,
  receiptCounter: 0,
  keyCounter: 0,
};
const FILES = [
  "state-counter/counter.0.json",
  "state-counter/counter.1.json",
  "state/papers.0.json",
  "state/papers.1.json",
  "state/session.json",
  "state/state.0.json",
  "state/state.1.json",
];
const STATES = FILES.filter((path) => path.includes("/state."));
const COUNTERS = FILES.filter((path) => path.includes("/counter."));

const on = (disk: CutDisk) => new LowdbDeviceStore("state", disk);
const load = (disk: CutDisk) => on(disk).load();

/** After that many saves: the odd ones are in slot 0, the even ones in slot 1. */
async function saved(count: number): Promise<CutDisk> {
  const disk = new CutDisk();
  for (let n = 1; n <= count; n++) await on(disk).save(state(n));
  await on(disk).saveSession(session);
  return disk;
}

/** What is read, or the code of the error. */
const outcome = (disk: CutDisk): Promise<Stored | string | undefined> =>
  load(disk).catch((error: { code: string }) => error.code);

const textOf = (record: DeviceRecord) => Buffer.from(encodeChecked({ ...record })).toString();

/** The store goes on: what is saved next is what is read next, and nobody doubts it. */
async function goesOn(disk: CutDisk, saves = [20, 21, 22]): Promise<void> {
  for (const n of saves) {
    await on(disk).save(state(n));
    const found = (await load(disk))!;
    expect(textOf(found.record)).toBe(textOf(state(n)));
    expect(found.doubt).toBeUndefined();
  }
}

describe("P3: files put back", () => {
  test.each([1, 2, 3, 4])("the state of %i saves ago, without the counter: rollback", async (ago) => {
    const [disk, image] = [await saved(5), await saved(5 - ago)];
    disk.restore(image, "state/");
    expect(await load(disk)).toMatchObject({ record: state(5 - ago), doubt: "rollback", saves: 5 });
    await goesOn(disk);
  });

  test.each([2, 3, 4])("the counter of %i saves ago, without the state: tamper", async (ago) => {
    const [disk, image] = [await saved(5), await saved(5 - ago)];
    disk.restore(image, "state-counter/");
    // What it holds counts all the same, and the number of saves does not fall.
    expect(await load(disk)).toMatchObject({ record: state(5), doubt: "tamper", saves: 5 });
    await goesOn(disk);
  });

  test("the counter of one save ago is what a power cut leaves: the save is finished", async () => {
    const [disk, image] = [await saved(5), await saved(4)];
    disk.restore(image, "state-counter/");
    expect(await load(disk)).toMatchObject({ record: state(5), saves: 5 });
    expect((await load(disk))?.doubt).toBeUndefined();
    disk.restore(await saved(4), "state/");
    expect(await load(disk)).toMatchObject({ doubt: "rollback" });
  });

  test("the whole disk: nothing here can see that, the fleet does by the sync token", async () => {
    const [disk, image] = [await saved(5), await saved(3)];
    disk.restore(image, "");
    expect((await load(disk))?.doubt).toBeUndefined();
    await goesOn(disk);
  });

  test("a counter of other hardware is asked, and no file", async () => {
    const [disk, counter] = [new CutDisk(), new MemoryCounter()];
    const store = () => new LowdbDeviceStore("state", disk, counter);
    for (const n of [1, 2]) await store().save(state(n));
    const image = disk.copy();
    await store().save(state(3));
    disk.restore(image, "");
    expect(await store().load()).toMatchObject({ record: state(2), doubt: "rollback", saves: 3 });
    expect(disk.paths().filter((path) => path.includes("counter"))).toEqual([]);
  });

  test("one file from before: the other one counts, and if that is gone it is a rollback", async () => {
    const [disk, image] = [await saved(4), await saved(2)];
    disk.restore(image, "state/state.0.json"); // of save 1
    expect(await load(disk)).toMatchObject({ record: state(4) });
    expect((await load(disk))?.doubt).toBeUndefined();
    disk.restore(image, "state/state.1.json"); // of save 2
    expect(await load(disk)).toMatchObject({ record: state(2), doubt: "rollback" });
  });

  test("a file from ahead of the counter: tamper, also beside one that would count", async () => {
    const disk = await saved(4);
    const ahead = encodeState({ saves: 8, generation: 8, record: state(8) });
    disk.spoil("state/state.0.json", () => ahead);
    expect(await load(disk)).toMatchObject({ record: state(8), doubt: "tamper", saves: 8 });
    await goesOn(disk);
    disk.restore(await saved(4), "state-counter/"); // the counter goes its own way since
    expect(await load(disk)).toMatchObject({ record: state(22), doubt: "tamper", saves: 11 });
    await goesOn(disk);
  });

  test.each(["rollback", "tamper", "lost"])(
    "P4: a power cut at any step of the first save after a %s: the doubt, or the save",
    async (doubt) => {
      const disk = await saved(5);
      if (doubt === "rollback") disk.restore(await saved(2), "state/");
      if (doubt === "tamper") disk.restore(await saved(2), "state-counter/");
      if (doubt === "lost") for (const path of STATES) disk.spoil(path, () => new Uint8Array());
      const doubted = await load(disk.copy());
      expect(doubted?.doubt).toBe(doubt);
      const looked = new Set<string>();
      for await (const { disk: cut, done, step } of powerCutsOn(disk, (all) => on(all).save(state(9)))) {
        if (looked.has(`${cut.content()}${done}`)) continue;
        looked.add(`${cut.content()}${done}`);
        const { record, doubt: left } = (await load(cut))!;
        const isSaved = record.lastAlarmId === 9;
        expect(isSaved || !done, `power cut at step ${step}`).toBe(true);
        expect({ record, left }, `power cut at step ${step}`).toEqual(
          isSaved ? { record: state(9), left: undefined } : { record: doubted!.record, left: doubt },
        );
        await goesOn(cut, [20]);
      }
    },
  );
});

describe("P3: damage", () => {
  const damages: [name: string, damage: (bytes: Uint8Array) => Uint8Array | undefined][] = [
    ["gone", () => undefined],
    ["empty", () => new Uint8Array()],
    ...[0.25, 0.5, 0.99].map((share): [string, (bytes: Uint8Array) => Uint8Array] => [
      `cut to ${share}`,
      (bytes) => bytes.slice(0, Math.floor(bytes.length * share)),
    ]),
    ["overwritten", (bytes) => bytes.map(() => 0)],
  ];

  /** The newest state and what belongs to it, or a doubt that holds the device. */
  function isHonest(found: Stored | string | undefined): boolean {
    if (found === undefined || typeof found === "string") return found === "storage-damaged";
    return found.doubt !== undefined || textOf(found.record) === textOf(state(4));
  }

  test("these are the files", async () => {
    expect((await saved(4)).paths()).toEqual(FILES);
  });

  test.each(FILES)("a bit of %s: the same state, or doubt", async (path) => {
    const disk = await saved(4);
    const size = (await disk.read(path))!.length;
    for (let at = 0; at < size; at += 64) {
      const rotten = disk.copy();
      rotten.spoil(path, (bytes) => bytes.map((byte, i) => (i === at ? byte ^ (1 << (at % 7)) : byte)));
      const found = await outcome(rotten);
      expect(isHonest(found), `byte ${at}`).toBe(true);
      expect(typeof found, `byte ${at}`).toBe("object"); // one file never stops a device
      expect((found as Stored).doubt, `byte ${at}`).toBe(path === STATES[1] ? "rollback" : undefined);
      if (at % 1024 === 0) await goesOn(rotten);
    }
  });

  test.each(damages)(
    "any two files %s: the same state, doubt, or an error; never an older state as if it were the newest",
    async (_, damage) => {
      const disk = await saved(4);
      for (const one of FILES) {
        for (const other of FILES) {
          const damaged = disk.copy();
          for (const path of [one, other]) damaged.spoil(path, damage);
          expect(isHonest(await outcome(damaged)), `${one} and ${other}`).toBe(true);
          await goesOn(damaged);
        }
      }
    },
  );

  test("both states: what is left is who the device is, and that its state was lost", async () => {
    for (const [, damage] of damages) {
      const disk = await saved(4);
      for (const path of STATES) disk.spoil(path, damage);
      expect(await load(disk)).toEqual({ record: blank, session, doubt: "lost", saves: 4 });
      await goesOn(disk);
    }
  });

  test("both copies of the counter: the state counts, and is in doubt", async () => {
    const disk = await saved(4);
    for (const path of COUNTERS) disk.spoil(path, () => new Uint8Array());
    expect(await load(disk)).toMatchObject({ record: state(4), doubt: "tamper", saves: 4 });
    await goesOn(disk);
  });

  test("the session is lost, and nothing with it", async () => {
    const disk = await saved(4);
    disk.spoil("state/session.json", () => new Uint8Array());
    expect(await load(disk)).toEqual({ record: state(4), saves: 4 });
  });

  test("a copy of the papers is mended with the next save", async () => {
    const disk = await saved(4);
    const whole = await disk.read("state/papers.0.json");
    for (const path of ["state/papers.0.json", "state/papers.1.json"]) {
      disk.spoil(path, () => new Uint8Array());
      await on(disk).save(state(5));
      expect(await disk.read(path)).toEqual(whole);
    }
  });

  test("all of it: no new device, and words that say what to do", async () => {
    const disk = await saved(4);
    for (const path of FILES.filter((file) => file.startsWith("state/")))
      disk.spoil(path, () => new Uint8Array());
    await expect(load(disk)).rejects.toMatchObject({ code: "storage-damaged" });
    await expect(load(disk)).rejects.toThrow("give it a birth again");
    await expect(on(disk).save(state(5))).rejects.toMatchObject({ code: "storage-damaged" });
    expect(await disk.read(STATES[0]!)).toEqual(new Uint8Array());
  });

  test("a file that nobody can read is no new device either, with nothing to count it by", async () => {
    const disk = new CutDisk();
    disk.spoil(STATES[0]!, () => new Uint8Array());
    await expect(load(disk)).rejects.toMatchObject({ code: "storage-damaged" });
  });

  test("a state folder that was erased beside a counter that was not is no new device", async () => {
    const disk = await saved(4);
    disk.restore(new CutDisk(), "state/");
    await expect(load(disk)).rejects.toMatchObject({ code: "storage-damaged" });
    disk.restore(new CutDisk(), "");
    expect(await load(disk)).toBeUndefined();
  });
});

describe("how much is written", () => {
  /** The paths that get new content meanwhile. */
  async function written(disk: CutDisk, work: () => Promise<void>): Promise<readonly string[]> {
    const before = disk.written.length;
    await work();
    return disk.written.slice(before);
  }

  test("P11: a save is a state and the counter; papers only when they change", async () => {
    const disk = await saved(4);
    const store = on(disk);
    const save = (record: DeviceRecord) => written(disk, () => store.save(record));
    expect(await save(state(5))).toEqual([STATES[0], ...COUNTERS]);
    const moved = { ...state(6), number: 8 };
    expect(await save(moved)).toEqual(["state/papers.0.json", "state/papers.1.json", STATES[1], ...COUNTERS]);
    expect(await save({ ...moved, lastAlarmId: 3 })).toEqual([STATES[0], ...COUNTERS]);
  });

  test("P11: the session costs one small file, and the counter stays", async () => {
    const disk = await saved(4);
    const store = on(disk);
    expect(await written(disk, () => store.saveSession(session))).toEqual(["state/session.json"]);
    expect((await disk.read("state/session.json"))!.length).toBeLessThan(200);
  });
});
