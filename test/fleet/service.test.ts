/** The service's one loop: durable before applied, applied before told, and nothing twice after a crash. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetError } from "../../fleet/errors.js";
import { type Act, type FleetEvent, toBase64Url } from "../../fleet/events.js";
import { FLEET_KEY_NAMES } from "../../fleet/fleet-keys.js";
import type { RegistryRequest } from "../../fleet/registry.js";
import { keyFactOf } from "../../fleet/sealing.js";
import { FleetService } from "../../fleet/service.js";
import { type DeviceView, directiveVersion, releaseVersion } from "../../fleet/view.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument } from "../../protocol/authority.js";
import { Beacon } from "../../protocol/beacon.js";
import { ledgerDigest } from "../protocol/ledger/ledgers.js";
import { decodeFrame } from "../../protocol/frame.js";
import { Lease } from "../../protocol/lease.js";
import { isDenied, type Level, LEVELS } from "../../protocol/level.js";
import { SyncReply } from "../../protocol/sync.js";
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";
import {
  DAY,
  FOUNDED,
  freshKey,
  HandClock,
  known,
  must,
  recordsOf,
  SmallFleet,
  WatchedLog,
} from "./fixtures.js";

/** Acts that set a level of devices. */
type LevelAct = Extract<Act, { readonly kind: "hold" | "release" }>;
const DISK_FULL = new FleetError("storage-failed", "the disk is full");
const hold = (numbers: readonly number[], level: Level = "isolate"): LevelAct => ({
  kind: "hold",
  numbers,
  level,
  reason: "story",
});
const receipt = (number: number, counter: number): RegistryRequest => ({
  type: "receipt",
  number,
  counter,
  held: {
    authority: 1,
    ledger: [1, 0],
    advisories: NO_VERSION,
    removals: NO_VERSION,
    directive: [1, 1],
    release: NO_VERSION,
    level: "none",
    done: {},
  },
});

/** A promise and the call that keeps it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** What a service would know that started now; it writes nothing. */
async function reopened({ service, log }: SmallFleet) {
  const before = (await recordsOf(log)).length;
  const { view } = await FleetService.open(service.options);
  expect(await recordsOf(log)).toHaveLength(before);
  return known(view);
}

async function fleetOf(devices: number, log = new WatchedLog()): Promise<SmallFleet & { log: WatchedLog }> {
  const fleet = await SmallFleet.open({ log, policy: { massActDevices: 3 } });
  for (let number = 1; number <= devices; number++) await fleet.bear(`SN-${number}`);
  return Object.assign(fleet, { log });
}

describe("what the log holds is what the service knows", () => {
  const number = fc.integer({ min: 1, max: 8 });
  const level = fc.constantFrom<Level>(...(Object.keys(LEVELS) as Level[]));
  const numbers = fc.uniqueArray(number, { minLength: 1, maxLength: 5 });
  const alarm = fc.record({
    id: fc.integer({ min: 0, max: 6 }),
    kind: fc.constantFrom("tamper", "unreadable"),
  });
  const some = fc.integer({ min: 0, max: 5 });
  const step = fc.oneof(
    fc.record({ do: fc.constant("bear"), number, hardware: number }),
    fc.record({
      do: fc.constant("act"),
      kind: fc.constantFrom<LevelAct["kind"]>("hold", "release"),
      numbers,
      level,
    }),
    fc.record({ do: fc.constant("approve"), some }),
    fc.record({
      do: fc.constant("certify"),
      via: fc.constantFrom("renew", "return", "enroll"),
      number,
      some,
    }),
    fc.record({ do: fc.constant("sync"), number, some, alarms: fc.array(alarm, { maxLength: 3 }) }),
    fc.record({ do: fc.constant("receipt"), number, some }),
    fc.record({ do: fc.constant("wait"), seconds: fc.integer({ min: -DAY, max: 2 * DAY }) }),
  );
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
  const keys = Array.from({ length: 6 }, () => keyFactOf(freshKey().publicKey));

  function take(fleet: SmallFleet, step: Step): Promise<unknown> {
    const { service, clock } = fleet;
    switch (step.do) {
      case "bear": {
        const key = must(keys[step.hardware % keys.length]);
        const about = { number: step.number, hardwareId: `hw-${step.hardware}`, model: "camera" };
        const birth = { ...about, key, index: step.number - 1, record: "", voucher: "", idevid: "" };
        return service.request({ type: "import", birth }, "station");
      }
      case "act":
        return service.act(
          { kind: step.kind, numbers: step.numbers, level: step.level, reason: "story" },
          "operator",
        );
      case "approve": {
        const pending = [...service.view.acts.values()].at(-1 - step.some);
        return service.approve(pending?.id ?? "", pending ? service.actDigest(pending.act) : "", "approver");
      }
      case "certify": {
        const newKey = must(keys[step.some]);
        const request = {
          type: "certify",
          via: step.via,
          number: step.number,
          nonce: `n${step.some}`,
          newKey,
          key: newKey.bytes,
        };
        return service.request(request as RegistryRequest, `device/${step.number}`);
      }
      case "sync": {
        const { number, some, alarms } = step;
        const key = keys[some]?.bytes ?? "";
        const { held } = receipt(number, 1) as RegistryRequest & { type: "receipt" };
        const nonce = toBase64Url(new Uint8Array(16).fill(some));
        return service.request(
          { type: "sync", number, nonce, key, held, alarms, time: some },
          `device/${number}`,
        );
      }
      case "receipt":
        return service.request(receipt(step.number, step.some), `device/${step.number}`);
      case "wait":
        clock.seconds += step.seconds;
        return Promise.resolve();
    }
  }

  const versionBy = (device: DeviceView): Version =>
    [directiveVersion(device), releaseVersion(device)].sort(compareVersions)[1] ?? [0, 0];

  /** @returns what broke P3 or P13, at each event as it is told. */
  function watchOver(service: FleetService): readonly string[] {
    const before = new Map<number, DeviceView>();
    const broken: string[] = [];
    service.onEvent((event) => {
      if (!("number" in event) || event.type === "holder-certified") return;
      const is = must(service.view.devices.get(event.number));
      const was = before.get(is.number) ?? is;
      before.set(is.number, is);
      if (compareVersions(versionBy(is), versionBy(was)) < 0) broken.push(`${is.number}: a version fell`);
      const lowered = LEVELS[is.level] < LEVELS[was.level];
      if (lowered && event.type !== "release-issued") broken.push(`${is.number}: lowered by ${event.type}`);
      if (lowered && was.level === "revoked") broken.push(`${is.number}: no longer revoked`);
    });
    return broken;
  }

  test("I6: after hundreds of requests, several at a time, the log gives the same view again", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 250, maxLength: 300 }), async (steps) => {
        const fleet = await SmallFleet.open({ policy: { massActDevices: 2 } });
        const broken = watchOver(fleet.service);
        const bear = (number: number) => take(fleet, { do: "bear", number, hardware: number });
        await Promise.all([1, 2, 3, 4, 5, 6].map(bear));
        for (let i = 0; i < steps.length; i += 4) {
          await Promise.all(steps.slice(i, i + 4).map((step) => take(fleet, step)));
        }
        const { view } = fleet.service;
        expect(broken).toEqual([]);
        expect(await reopened(fleet)).toEqual(known(view));
        const held = [...view.devices.values()].filter((device) => isDenied(device.level));
        expect(view.denied).toEqual(new Set(held.map((device) => device.number)));
        expect(view.beacon).toMatchObject({ version: [1, view.epoch], denied: held.length });
        const times = (await fleet.events()).map(({ at }) => at);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
      { numRuns: 3, seed: 4711 },
    );
  });
});

describe("P4: durable, then applied, then told", () => {
  test("nobody hears of an event, and no reply leaves, before its append was answered", async () => {
    const fleet = await fleetOf(1);
    const [written, answered] = [gate(), gate()];
    const told: FleetEvent[] = [];
    fleet.service.onEvent((event) => told.push(event));
    fleet.log.after = () => {
      written.open();
      return answered.opened;
    };
    const before = structuredClone(fleet.service.view);
    let replied = false;
    const reply = fleet.service.act(hold([1]), "operator").then(() => (replied = true));
    await written.opened;
    expect([told, replied, fleet.service.view]).toEqual([[], false, before]);
    answered.open();
    await reply;
    expect(told.map(({ type }) => type)).toEqual(["act-requested", "directive-issued", "beacon-issued"]);
    expect(fleet.device(1).level).toBe("isolate");
  });

  test("what is told is applied already, the whole decision", async () => {
    const fleet = await fleetOf(0);
    const seen: (Level | undefined)[] = [];
    fleet.service.onEvent((event) => {
      if ("number" in event) seen.push(fleet.service.view.devices.get(event.number)?.directive?.level);
    });
    await fleet.bear("SN-1");
    expect(seen).toEqual(["none", "none"]);
  });

  test("a listener that fails leaves nothing half applied", async () => {
    const fleet = await fleetOf(1);
    const stop = fleet.service.onEvent(() => {
      throw new Error("a listener's own mistake");
    });
    await expect(fleet.bear("SN-2")).rejects.toThrow("own mistake");
    stop();
    expect(fleet.device(2).directive).toBeDefined();
    expect(await reopened(fleet)).toEqual(known(fleet.service.view));
  });
});

describe("P4: an append that fails", () => {
  test("applies nothing and tells nobody; its caller gets the error, and later requests work", async () => {
    const fleet = await fleetOf(1);
    const told: FleetEvent[] = [];
    fleet.service.onEvent((event) => told.push(event));
    const before = structuredClone(fleet.service.view);
    fleet.log.before = () => Promise.reject(DISK_FULL);
    await expect(fleet.service.act(hold([1]), "operator")).rejects.toBe(DISK_FULL);
    await expect(fleet.service.request(receipt(1, 1), "device/1")).rejects.toBe(DISK_FULL);
    expect([fleet.service.view, told]).toEqual([before, []]);
    fleet.log.before = () => undefined;
    expect(await fleet.act("hold", [1], "isolate")).toBeUndefined();
    expect(await reopened(fleet)).toEqual(known(fleet.service.view));
  });

  test("after it was written: it counts, and what comes next goes on from it", async () => {
    const fleet = await fleetOf(2);
    fleet.log.after = () => Promise.reject(DISK_FULL);
    await expect(fleet.service.request(receipt(1, 1), "device/1")).rejects.toBe(DISK_FULL);
    fleet.log.after = () => undefined;
    expect(fleet.device(1).receiptCounter).toBe(1);
    expect(await fleet.service.request(receipt(1, 2), "device/1")).toEqual({});
    expect(await fleet.service.request(receipt(2, 1), "device/2")).toEqual({});
    expect(await reopened(fleet)).toEqual(known(fleet.service.view));
  });

  test("in the middle of an act leaves work that the next request finishes, once per device", async () => {
    const fleet = await fleetOf(3);
    let left = 2;
    fleet.log.before = (events) => {
      if (events.some(({ type }) => type === "directive-issued") && left-- === 0) throw DISK_FULL;
    };
    await expect(fleet.service.act(hold([1, 2, 3]), "operator")).rejects.toBe(DISK_FULL);
    expect([1, 2, 3].map((number) => fleet.device(number).level)).toEqual(["isolate", "isolate", "none"]);
    await fleet.service.request(receipt(1, 1), "device/1");
    expect([1, 2, 3].map((number) => fleet.device(number).level)).toEqual(["isolate", "isolate", "isolate"]);
    const directives = (await fleet.events()).filter(
      (event) => event.type === "directive-issued" && event.act,
    );
    expect(directives).toHaveLength(3);
  });
});

describe("P4: a service that dies in the middle of an act", () => {
  /** `[what is asked, records that it makes]`. */
  const acts: readonly (readonly [string, LevelAct["kind"], Level, number])[] = [
    ["three holds", "hold", "isolate", 1 + 3 + 1],
    ["three revocations, approved", "hold", "revoked", 2 + 3 + 1],
    ["three releases, approved", "release", "restrict", 2 + 3],
  ];
  test.each(acts)(
    "%s: wherever it stops, started again it does the rest, once",
    async (_, kind, level, records) => {
      for (let stopAfter = 0; stopAfter <= records; stopAfter++) {
        const fleet = await fleetOf(3);
        let left = stopAfter;
        fleet.log.before = () => {
          if (left-- <= 0) throw DISK_FULL;
        };
        await Promise.allSettled([fleet.act(kind, [1, 2, 3], level)]);
        fleet.log.before = () => undefined;
        const { view } = (await SmallFleet.open({ log: fleet.log })).service;
        const events = await fleet.events();
        const asked = events.find((event) => event.type === "act-requested");
        const inForce = asked && (!asked.expiresAt || events.some((event) => event.type === "act-approved"));
        const levels = [...view.devices.values()].map((device) => device.level);
        expect([stopAfter, levels]).toEqual([stopAfter, Array(3).fill(inForce ? level : "none")]);
        const issued = events.filter((event) => "act" in event && event.act === asked?.id).length;
        expect([stopAfter, issued]).toEqual([stopAfter, inForce ? 3 : 0]);
        expect(view.beacon?.version).toEqual([1, view.epoch]);
      }
    },
  );
});

describe("the digest that an approval names", () => {
  const act: LevelAct = { kind: "release", numbers: [1, 2], level: "none", reason: "found" };
  const others: readonly (readonly [string, Partial<LevelAct>])[] = [
    ["kind", { kind: "hold" }],
    ["level", { level: "observe" }],
    ["reason", { reason: "lost" }],
    ["set of devices", { numbers: [1, 3] }],
  ];
  test.each(others)("P13: is another for another %s", async (_, change) => {
    const { service } = await fleetOf(0);
    expect(service.actDigest({ ...act, ...change })).not.toBe(service.actDigest(act));
  });
});

describe("the Beacon", () => {
  test("P3: follows each change of the denied set with its count and digest, and nothing else", async () => {
    const fleet = await fleetOf(3);
    const expectations: [LevelAct["kind"], readonly number[], Level, readonly number[], number][] = [
      ["hold", [1], "restrict", [], 0],
      ["hold", [2], "isolate", [2], 1],
      ["hold", [1, 3], "isolate", [1, 2, 3], 3],
      ["release", [2], "none", [1, 3], 4],
      ["hold", [1], "revoked", [1, 3], 4],
    ];
    for (const [kind, numbers, level, denied, epoch] of expectations) {
      await fleet.act(kind, numbers, level);
      const bytes = fleet.door.beacon();
      const { value } = openDocument(Beacon, bytes, fleet.service.trust, nodeCrypto);
      const digest = ledgerDigest(denied, new Map(), nodeCrypto);
      expect(value).toMatchObject({ version: [1, epoch], denied: denied.length, digest });
    }
    const beacons = (await fleet.events()).filter(({ type }) => type === "beacon-issued");
    expect(beacons).toHaveLength(4); // the first at the founding
  });
});

describe("fleet time", () => {
  test("P3: never falls when the clock jumps back, not in a service started later either", async () => {
    const fleet = await SmallFleet.open();
    const camera = await fleet.member("SN-1");
    const leased = async () => {
      const [reply] = await camera.send(camera.syncRequest());
      const { lease } = decodeFrame(SyncReply, must(reply));
      return openDocument(Lease, must(lease), fleet.service.trust, nodeCrypto).value.time;
    };
    fleet.clock.seconds = FOUNDED + DAY;
    expect(await leased()).toEqual([1, FOUNDED + DAY]);
    fleet.clock.seconds = FOUNDED - 400 * DAY;
    expect(await leased()).toEqual([1, FOUNDED + DAY]);
    expect((await fleet.events()).at(-1)?.at).toBe(FOUNDED + DAY);
    const clock = new HandClock();
    clock.seconds = 0;
    const later = await SmallFleet.open({ log: fleet.log, clock });
    expect(later.service.now()).toBe(FOUNDED + DAY);
  });
});

describe("keys that are not those of the log", () => {
  const named = FLEET_KEY_NAMES.filter((name) => name !== "station"); // its certificate is in the log
  test.each(named)("%s: the fleet does not open, and the log is left alone", async (name) => {
    const fleet = await SmallFleet.open();
    const before = await recordsOf(fleet.log);
    const options = { ...fleet.service.options, keys: { ...fleet.keys, [name]: freshKey() } };
    await expect(FleetService.open(options)).rejects.toMatchObject({ code: "denied" });
    expect(await recordsOf(fleet.log)).toEqual(before);
  });
});

test("P11: what waits for the log is bounded; what is over it is refused, and nothing else", async () => {
  const fleet = await fleetOf(1);
  const slow = gate();
  fleet.log.before = () => slow.opened;
  const many = Array.from({ length: 10_001 }, (_, i) =>
    fleet.service.request(receipt(i === 0 ? 1 : 99, 1), "x"),
  );
  const settled = Promise.allSettled(many);
  slow.open();
  const results = await settled;
  const refused = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  expect(refused).toMatchObject([{ code: "overloaded" }]);
  expect(results.at(-1)?.status).toBe("rejected");
  expect(fleet.device(1).receiptCounter).toBe(1);
});
