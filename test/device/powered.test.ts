/** Powered time is kept without wearing the counter out, and the levels that it brings are not lost with it. */
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { IDEVID_KEY } from "../../device/jobs.js";
import { keeping, PERSIST_SECONDS } from "../../device/powered.js";
import type { DeviceRecord } from "../../device/record.js";
import { levelInForce } from "../../device/state.js";
import { CutDisk } from "../contracts/cut-disk.js";
import { Bench } from "./bench.js";
import { LEASE_SECONDS, Owner } from "./owner.js";
import { Afloat, diskParts, found, Shore } from "./shore.js";

const HOUR = 3600;
const isWorking = ({ ldevid, lease }: DeviceRecord) => ldevid !== undefined && lease !== undefined;

test("P11: at one sync a day the counter moves about once a day; the hours are kept beside the state", async () => {
  const [disk, owner] = [new CutDisk(), new Owner()];
  const { store, keys } = diskParts(disk);
  const idevid = await keys.create(IDEVID_KEY, "Ed25519");
  await store.save(owner.bear(1, idevid));
  const afloat = await Afloat.start(disk, new Shore([owner], idevid));
  await afloat.until(isWorking, "it works");
  await afloat.rest();
  const before = (await store.load())!.saves;
  const writtenBefore = disk.written.length;
  const days = 14;
  for (let hour = 0; hour < days * 24; hour++) {
    afloat.pass(HOUR);
    for (let turn = 0; turn < 3; turn++) await setImmediate();
  }
  await afloat.device.close();
  const saves = (await diskParts(disk).store.load())!.saves - before;
  const sessions = disk.written.slice(writtenBefore).filter((path) => path.endsWith("session.json"));
  expect(saves).toBeGreaterThanOrEqual(days - 1); // a lease a day
  expect(saves).toBeLessThanOrEqual(days + 2);
  expect(sessions.length).toBeGreaterThan(20 * days);
  expect(sessions.length).toBeLessThanOrEqual(24 * days);
});

describe("where a change is kept", () => {
  const record = { alarms: [], signedSeconds: 1000, poweredSeconds: 5 } as unknown as DeviceRecord;
  const later = { ...record, poweredSeconds: 9 };

  test.each<[string, DeviceRecord, boolean, string[]]>([
    ["nothing changed", record, true, []],
    ["nothing changed, in another object", { ...record }, true, []],
    ["time", later, true, ["save-session"]],
    ["time, and a level that it brought", later, false, ["save"]],
    ["time and something else", { ...later, lastAlarmId: 1 }, true, ["save"]],
    ["another signed time", { ...later, signedSeconds: 1001 }, true, ["save"]],
  ])("%s", (_, after, sameLevel, expected) => {
    expect(keeping(record, after, sameLevel).map(({ type }) => type)).toEqual(expected);
  });

  test("something that went is a change", () => {
    const { alarms: _gone, ...rest } = record;
    expect(keeping(record, rest as DeviceRecord, true).map(({ type }) => type)).toEqual(["save"]);
  });
});

test("P6: a level that time brought is stored to the second: losing the session does not lift it", () => {
  const bench = new Bench(new Owner([{ afterSeconds: HOUR / 2, level: "restrict" }])).speaking();
  bench.feed({ type: "disconnected" });
  const { disk } = bench;
  bench.pass(LEASE_SECONDS);
  bench.disk = disk; // all that a boot finds without the session, where the hours are
  const effects = bench.pass(HOUR / 2 + 1); // before the next hour is kept
  expect(effects.map(({ type }) => type)).toEqual(expect.arrayContaining(["save", "level"]));
  bench.reboot();
  expect(levelInForce(bench.state, bench.atMs)).toBe("restrict");
});

test("boots are charged beside the state, and the charge is counted on", async () => {
  const [disk, owner] = [new CutDisk(), new Owner()];
  const { store, keys } = diskParts(disk);
  const idevid = await keys.create(IDEVID_KEY, "Ed25519");
  await store.save({ ...owner.bear(1, idevid), signedSeconds: owner.now });
  const shore = new Shore([owner], idevid);
  for (let boots = 1; boots <= 3; boots++) {
    const afloat = await Afloat.start(disk, shore);
    await afloat.device.close();
    const { session, saves } = (await diskParts(disk).store.load())!;
    expect(session).toMatchObject({ signedSeconds: owner.now, poweredSeconds: boots * PERSIST_SECONDS });
    expect(saves).toBe(1);
  }
  expect((await found(disk))!.record.poweredSeconds).toBe(0);
});
