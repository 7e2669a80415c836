/**
 * A device that finds something else on its disk than it saved: it isolates itself before it says a word (P3),
 * uses no number twice, and works again once a release names its alarm (I8).
 */
import { describe, expect, test } from "vitest";
import { alarmLevel, MAX_ALARMS } from "../../device/alarms.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import type { Stored } from "../../device/ports.js";
import type { DeviceRecord } from "../../device/record.js";
import { recordAtBoot } from "../../device/restart.js";
import { CutDisk } from "../contracts/cut-disk.js";
import { DAY, Owner } from "./owner.js";
import { Afloat, diskParts, found, Shore } from "./shore.js";

const STATES = ["state/state.0.json", "state/state.1.json"];
const COUNTERS = ["state-counter/counter.0.json", "state-counter/counter.1.json"];
const isWorking = ({ ldevid, lease }: DeviceRecord) => ldevid !== undefined && lease !== undefined;

/** A device that has worked, had an alarm, and was given new keys; `image`: as it was before that. */
async function withHistory() {
  const [disk, owner] = [new CutDisk(), new Owner()];
  const { store, keys } = diskParts(disk);
  const idevid = await keys.create(IDEVID_KEY, "Ed25519");
  await store.save(owner.bear(1, idevid));
  const shore = new Shore([owner], idevid);
  const afloat = await Afloat.start(disk, shore);
  await afloat.until(isWorking, "it works");
  await afloat.rest();
  const image = disk.copy();
  for (const reason of ["one", "another"]) afloat.device.receive(owner.directive(1, 1, "none", { reason }));
  await afloat.until(({ alarms }) => alarms.length === 1, "it has an alarm");
  shore.documents = [
    owner.directive(1, 3, "none", { rekey: 1 }),
    owner.release(1, 2, "none", { clearedAlarms: [1] }),
  ];
  afloat.pass(DAY);
  await afloat.until(
    ({ alarms, done }) => alarms.length === 0 && done?.rekey === 1,
    "it has new keys, no alarm",
  );
  await afloat.until(isWorking, "it works with them");
  await afloat.rest();
  await afloat.device.close();
  return { disk, owner, shore, image, before: (await found(disk))!.record };
}

/** What happens to the disk while the device is off. */
const doubts: [kind: "rollback" | "tamper" | "lost", spoil: (disk: CutDisk, image: CutDisk) => void][] = [
  ["rollback", (disk, image) => disk.restore(image, "state/")],
  ["tamper", (disk, image) => disk.restore(image, "state-counter/")],
  ["lost", (disk) => STATES.forEach((path) => disk.spoil(path, () => new Uint8Array()))],
];

describe.each(doubts)("%s", (kind, spoil) => {
  test("P3: isolated at once, stored and told; a release that names the alarm, and a lease, end it (I8)", async () => {
    const { disk, owner, shore, image, before } = await withHistory();
    spoil(disk, image);
    expect((await found(disk))?.doubt).toBe(kind);
    shore.held = true; // the fleet latches every new alarm
    let first: readonly CutDisk[] | undefined;
    shore.met = () => (first ??= disk.afterCut());
    const afloat = await Afloat.start(disk, shore);
    expect(afloat.device.standing).toBe("isolate");
    const stored = (await found(disk))!;
    expect(stored.doubt).toBe("none");
    const [alarm] = stored.record.alarms;
    expect(alarm?.kind).toBe(kind);
    expect(alarm!.id).toBeGreaterThan(before.lastAlarmId);
    expect(stored.record.receiptCounter).toBeGreaterThanOrEqual(before.receiptCounter);
    expect(stored.record.keyCounter).toBeGreaterThanOrEqual(before.keyCounter);
    await afloat.until(() => shore.alarms.length === 1, "it tells");
    expect(shore.alarms).toEqual([alarm]);
    expect(first).not.toHaveLength(0); // wherever the power had gone: before it said a word it was stored
    for (const cut of first ?? []) expect((await found(cut))!.record.alarms).toEqual([alarm]);
    expect(shore.told).toMatchObject({ holds: { level: "isolate" } });
    // The documents of before do not end it: the old release named another alarm.
    await afloat.until(({ freed }) => freed !== undefined, "it holds what it held");
    expect(afloat.device.standing).toBe("isolate");
    shore.documents = [owner.release(1, 5, "none", { clearedAlarms: [alarm!.id] })];
    afloat.pass(DAY);
    await afloat.until(({ alarms }) => alarms.length === 0, "it is released");
    shore.held = false;
    afloat.line.call.close();
    await afloat.until((record) => isWorking(record) && shore.told?.holds.level === "none", "it works again");
    await afloat.rest();
    expect(afloat.device.level).toBe("none");
    await afloat.device.close();
    const again = await Afloat.start(disk, shore); // and no new alarm at the boots after it
    expect(again.device.standing).toBe("none");
    expect((await found(disk))!.record.alarms).toEqual([]);
    await again.device.close();
  });

  test("it does not wear off: boots, and the documents from before, leave the alarm", async () => {
    const { disk, shore, image } = await withHistory();
    spoil(disk, image);
    for (let boot = 0; boot < 3; boot++) {
      const afloat = await Afloat.start(disk, shore);
      await afloat.until(isWorking, "it is in touch");
      expect(afloat.device.standing).toBe("isolate");
      expect((await found(disk))!.record.alarms).toHaveLength(1);
      await afloat.device.close();
    }
  });
});

test("a counter that is damaged in both copies isolates, and the next boot counts on", async () => {
  const { disk, shore } = await withHistory();
  for (const path of COUNTERS) disk.spoil(path, () => new Uint8Array());
  for (let boot = 0; boot < 2; boot++) {
    const afloat = await Afloat.start(disk, shore);
    expect((await found(disk))!.record.alarms.map(({ kind }) => kind)).toEqual(["tamper"]);
    await afloat.device.close();
  }
});

test("P9: a state whose keys are gone comes back by the factory's identity, with no key that it has no use for", async () => {
  const { disk, shore, image } = await withHistory();
  disk.restore(image, "state/"); // its LDevID of then, and the key of it was given up
  const afloat = await Afloat.start(disk, shore);
  expect(afloat.device.tlsIdentity.key).toBe(IDEVID_KEY);
  await afloat.until(isWorking, "it enrolls again");
  expect((await found(disk))!.record.ldevid?.key).not.toBe("ldevid-1");
  await afloat.device.close();
});

describe("what a device begins with", () => {
  const record = {
    alarms: [],
    lastAlarmId: 3,
    receiptCounter: 4,
    keyCounter: 5,
    signedSeconds: 1000,
    poweredSeconds: 50,
  } as unknown as DeviceRecord;
  const stored = (more: Partial<Stored> = {}): Stored => ({ record, saves: 7, ...more });
  const none: ReadonlySet<string> = new Set();
  const session = { signedSeconds: 1000, poweredSeconds: 60, attempts: 0 };

  test("without doubt, with what was saved", () => {
    expect(recordAtBoot(stored(), none)).toBe(record);
  });

  test.each([
    ["the same signed time, later", session, 60],
    ["the same signed time, earlier", { ...session, poweredSeconds: 40 }, 50],
    ["another signed time", { ...session, signedSeconds: 999 }, 50],
  ])("of powered time the higher counts, from %s", (_, kept, poweredSeconds) => {
    expect(recordAtBoot(stored({ session: kept }), none).poweredSeconds).toBe(poweredSeconds);
  });

  test.each(["rollback", "tamper", "lost"] as const)(
    "in doubt (%s), behind every number that was used",
    (doubt) => {
      const { lastAlarmId, alarms, receiptCounter, keyCounter } = recordAtBoot(stored({ doubt }), none);
      expect({ lastAlarmId, receiptCounter, keyCounter }).toEqual({
        lastAlarmId: 7 * MAX_ALARMS + 1,
        receiptCounter: 7,
        keyCounter: 7,
      });
      expect(alarms).toEqual([{ id: lastAlarmId, kind: doubt }]);
      expect(alarmLevel(alarms)).toBe("isolate");
    },
  );

  test("numbers that are higher already stay", () => {
    const high = { ...record, lastAlarmId: 900, receiptCounter: 900, keyCounter: 900 };
    expect(recordAtBoot({ record: high, saves: 7, doubt: "tamper" }, none)).toMatchObject({
      lastAlarmId: 901,
      receiptCounter: 900,
      keyCounter: 900,
    });
  });

  test("an identity without its key is none; the other one stays", () => {
    const publicKey = { algorithm: "ES256", bytes: new Uint8Array(65) } as const;
    const ldevid = { chain: [], key: "ldevid-1" };
    const base = { key: "base-2", publicKey };
    const both = { ...record, ldevid, base };
    expect(recordAtBoot({ record: both, saves: 7 }, new Set(["ldevid-1"]))).toEqual({ ...record, base });
    expect(recordAtBoot({ record: both, saves: 7 }, new Set(["base-2"]))).toEqual({ ...record, ldevid });
    expect(recordAtBoot({ record: both, saves: 7 }, none)).toBe(both);
  });
});
