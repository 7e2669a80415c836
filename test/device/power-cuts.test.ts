/**
 * Power cuts at every write of every exchange, enumerated: each exchange runs once on a disk that is looked at
 * before each step, as it would be found if the power went there. From each of these the device starts, holds
 * nothing older than was durable or confirmed before, and comes to where the exchange leads.
 */
import { describe, expect, test } from "vitest";
import { beBorn, type StationLink } from "../../device/birth.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { BirthChallenge, BirthGrant, BirthRequest } from "../../protocol/birth.js";
import { equalBytes, toHex } from "../../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { encodeFrame } from "../../protocol/frame.js";
import { atLeast } from "../../protocol/level.js";
import type { HeldVector } from "../../protocol/vector.js";
import { compareVersions, NO_VERSION } from "../../protocol/version.js";
import { CutDisk } from "../contracts/cut-disk.js";
import { type Exchange, exchanges, HARDWARE, isWorking } from "./exchanges.js";
import { entropy, Owner } from "./owner.js";
import { Afloat, diskParts, type Found, found, Shore, type Told } from "./shore.js";

/** Every exchange has at least a save: two or three files, each in six steps. */
const FEWEST_STEPS = 18;
/** A file that was not renamed yet: nobody reads it, and the next one takes its place (contracts/device-store.test.ts). */
const UNFINISHED = /\.new$/;

/** A device that was born, and nothing else. */
async function born(): Promise<{ readonly disk: CutDisk; readonly shore: Shore }> {
  const [disk, owner] = [new CutDisk(), new Owner()];
  const { store, keys } = diskParts(disk);
  const idevid = await keys.create(IDEVID_KEY, "Ed25519");
  const record = owner.bear(1, idevid);
  await store.save(record);
  const shore = Object.assign(new Shore([owner, new Owner()], idevid), { voucher: record.voucher });
  return { disk, shore };
}

/** A disk as it may be found after a cut, and what the device had told by then. */
interface Moment {
  readonly step: number;
  readonly disks: readonly CutDisk[];
  readonly told: Told | undefined;
}

/** Runs `work` once, and looks at the disk before each step of it, and after the last. */
async function momentsOf(disk: CutDisk, told: () => Told | undefined, work: () => Promise<void>) {
  const moments: Moment[] = [];
  const look = () => void moments.push({ step: moments.length, disks: disk.afterCut(), told: told() });
  disk.beforeStep = look;
  await work();
  disk.beforeStep = () => undefined;
  look();
  return moments;
}

/** What `holds` has, and the device that was found has not; empty when nothing went back. */
function lost({ record, holds: now }: Found, { fleetId, holds: before }: Told): readonly string[] {
  if (!equalBytes(record.fleetId, fleetId)) {
    const past = record.former?.some((former) => equalBytes(former.fleetId, fleetId));
    return past ? [] : ["the owner"];
  }
  const kinds = ["ledger", "advisories", "removals", "directive", "release"] as const;
  const versionOf = (holds: HeldVector, kind: (typeof kinds)[number]) => holds[kind]?.version ?? NO_VERSION;
  const older = kinds.filter((kind) => compareVersions(versionOf(now, kind), versionOf(before, kind)) < 0);
  const acts = ["rekey", "reboot", "attest", "wipe"] as const;
  return [
    ...older,
    ...(now.authority.version < before.authority.version ? ["authority"] : []),
    ...(record.freed || atLeast(now.level, before.level) ? [] : ["level"]), // only a release in force lowers it
    ...acts.filter((act) => (now.done?.[act] ?? 0) < (before.done?.[act] ?? 0)),
  ];
}

/** Numbers that are never used twice, and time. */
const COUNTERS = ["lastAlarmId", "receiptCounter", "keyCounter", "signedSeconds"] as const;

/** What is wrong with a device as it was found; `durable` was found before on whatever disk there could be. */
function wrongs(
  now: Found | undefined,
  told: Told | undefined,
  durable: Found | undefined,
): readonly string[] {
  if (!now) return told || durable ? ["the device"] : [];
  const { record } = now;
  const before = durable?.record;
  const sameOwner = before !== undefined && equalBytes(before.fleetId, record.fleetId);
  const fallen = COUNTERS.filter((counter) => sameOwner && record[counter] < before[counter]);
  return [
    ...(now.doubt === "none" ? [] : [now.doubt]),
    ...(told ? lost(now, told).map((what) => `${what} that was told`) : []),
    ...(durable ? lost(now, { fleetId: durable.record.fleetId, holds: durable.holds }) : []),
    ...fallen,
  ];
}

/**
 * Looks at every disk that may be found, and lets each content go on, once. @returns what went back, by step.
 * @throws when a device does not go on.
 */
async function wentBack(
  moments: readonly Moment[],
  goesOn: (disk: CutDisk) => Promise<void>,
): Promise<readonly string[]> {
  const known = new Map<string, Found | undefined>();
  const all: string[] = [];
  let durable: Found | undefined;
  for (const { step, disks, told } of moments) {
    const here = new Set<Found | undefined>();
    for (const disk of disks) {
      const content = disk.content(UNFINISHED);
      if (!known.has(content)) {
        known.set(content, await found(disk));
        await goesOn(disk).catch((cause: unknown) => {
          throw new Error(`it does not go on from step ${step}`, { cause });
        });
      }
      const now = known.get(content);
      here.add(now);
      all.push(...wrongs(now, told, durable).map((what) => `step ${step}: ${what}`));
    }
    if (here.size === 1) [durable] = here; // whatever becomes of the disk, this is there
  }
  return all;
}

/** Keys that are left though the device has no use for them (P8). */
async function keysTooMany(disk: CutDisk): Promise<readonly string[]> {
  const { ldevid, base, request } = (await found(disk))!.record;
  const named = [{ key: IDEVID_KEY }, ldevid, base, request].flatMap((by) => by?.key ?? []);
  const there = disk.paths().filter((path) => path.startsWith("keys/") && !UNFINISHED.test(path));
  return there.filter((path) => !named.includes(path.slice("keys/".length, -".pem".length)));
}

/** Runs the exchange once, and then from every point at which the power may have gone. @returns what went back. */
async function cutThrough(disk: CutDisk, shore: Shore, { begin, ends }: Omit<Exchange, "name">) {
  const afloat = await Afloat.start(disk, shore);
  if (shore.told) await afloat.until(isWorking, "it is back");
  const run = async () => {
    begin(afloat);
    await afloat.until(ends, "the exchange ends");
    await afloat.rest();
    await afloat.device.close();
  };
  const moments = await momentsOf(disk, () => shore.told, run);
  expect(moments.length).toBeGreaterThan(FEWEST_STEPS);
  return wentBack(moments, async (cut) => {
    const again = await Afloat.start(cut, shore.copy());
    if (!ends((await found(cut))!.record)) begin(again);
    await again.until(ends, "the exchange ends after all");
    await again.device.close();
    expect(await keysTooMany(cut)).toEqual([]);
  });
}

describe("P3, P4: the power is cut at every step of", () => {
  test("an enrollment, from the first contact to the first lease", async () => {
    const { disk, shore } = await born();
    expect(await cutThrough(disk, shore, { begin: () => undefined, ends: isWorking })).toEqual([]);
  });

  test.each(exchanges)("$name", async ({ prepare, begin, ends }) => {
    const { disk, shore } = await born();
    const afloat = await Afloat.start(disk, shore);
    await afloat.until(isWorking, "it works");
    await prepare?.(afloat);
    await afloat.device.close();
    expect(await cutThrough(disk, shore, { begin, ends })).toEqual([]);
  });

  test("a birth", async () => {
    const [disk, owner] = [new CutDisk(), new Owner()];
    const station = stationOf(owner);
    const about = {
      hardwareId: HARDWARE,
      model: "camera",
      algorithm: "Ed25519",
      crypto: nodeCrypto,
    } as const;
    const be = (on: CutDisk) => beBorn({ ...diskParts(on), ...about }, station);
    const moments = await momentsOf(
      disk,
      () => undefined,
      async () => void (await be(disk)),
    );
    expect(moments.length).toBeGreaterThan(FEWEST_STEPS);
    const back = await wentBack(moments, async (cut) => {
      expect((await be(cut)).number).toBe(1);
      const idevid = (await diskParts(cut).keys.publicKey(IDEVID_KEY))!;
      const afloat = await Afloat.start(cut, new Shore([owner], idevid));
      await afloat.until(isWorking, "it works");
      await afloat.device.close();
    });
    expect(back).toEqual([]);
  });
});

/** A station that gives one device its papers, the same for the same key. */
function stationOf(owner: Owner): StationLink {
  const given = new Map<string, Uint8Array>();
  return async (message) => {
    if (!looksSigned(message))
      return encodeFrame(BirthChallenge, { nonce: entropy(16), fleetId: owner.trust.fleetId });
    const { type, payload } = parseEnvelope(message);
    if (type !== BirthRequest.type) return new Uint8Array(); // stored: there is no answer
    const { publicKey } = BirthRequest.decode(payload);
    const key = toHex(publicKey.bytes);
    const papers = given.get(key) ?? encodeFrame(BirthGrant, owner.papers(1, HARDWARE, publicKey));
    given.set(key, papers);
    return papers;
  };
}
