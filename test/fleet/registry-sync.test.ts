/** What a sync and a receipt are worth. */
import { describe, expect, test } from "vitest";
import type { HoldLevel } from "../../protocol/level.js";
import { DAY } from "./fixtures.js";
import { birth, codeOf, fleetOf, held, only, range, type Registry, sync, types } from "./registry-rig.js";

/** What a directive has room for. */
const MAX_REASON_BYTES = 64;

describe("alarms", () => {
  const rows: readonly (readonly [readonly string[], HoldLevel])[] = [
    [["rollback"], "isolate"],
    [["tamper"], "isolate"],
    [["fork"], "isolate"],
    [["unreadable"], "restrict"],
    [["unreadable", "rollback"], "isolate"],
    [["of a later version"], "isolate"],
  ];
  test.each(rows)("%s latch into one directive at %s, and the lease demands it", (kinds, level) => {
    const registry = fleetOf(1);
    const alarms = kinds.map((kind, i) => ({ id: i + 1, kind }));
    const facts = registry.facts(sync({ alarms }));
    const { version, level: asked } = only("directive-issued", facts);
    expect(asked).toBe(level);
    expect(registry.device().level).toBe(level);
    expect(types(facts)).toEqual([...kinds.map(() => "alarm-reported"), "directive-issued", "lease-issued"]);
    expect(only("lease-issued", facts).required).toMatchObject({ directive: version, level });
    expect(types(registry.facts(sync({ alarms, nonce: "next" })))).toEqual(["lease-issued"]);
  });

  test("P13: below what stands already, an alarm lowers nothing", () => {
    const registry = fleetOf(1);
    registry.act("hold", "isolate");
    const facts = registry.facts(sync({ alarms: [{ id: 1, kind: "unreadable" }] }));
    expect(only("directive-issued", facts).level).toBe("isolate");
  });

  test("P7: one that is old and one that is new: only the new one latches", () => {
    const registry = fleetOf(1);
    registry.facts(sync({ alarms: [{ id: 1, kind: "tamper" }] }));
    const again = [
      { id: 1, kind: "tamper" },
      { id: 2, kind: "unreadable" },
    ];
    const facts = registry.facts(sync({ alarms: again, nonce: "next" }));
    expect(only("alarm-reported", facts)).toMatchObject({ id: 2 });
    expect(only("directive-issued", facts).level).toBe("isolate");
  });

  test("P2: a later release clears what one before it cleared, since the device may have missed that one", () => {
    const registry = fleetOf(1);
    registry.facts(sync({ alarms: [{ id: 1, kind: "tamper" }] }));
    registry.act("release", "none");
    registry.act("hold", "observe");
    registry.facts(sync({ alarms: [{ id: 2, kind: "fork" }], nonce: "next" }));
    const { clearedAlarms } = only("release-issued", registry.act("release", "none"));
    expect(clearedAlarms).toEqual([1, 2]);
  });

  test("P7: only a release clears them, by id; a late repeat does not bring them back", () => {
    const registry = fleetOf(1);
    const alarms = [{ id: 7, kind: "tamper" }];
    registry.facts(sync({ alarms }));
    const { clearedAlarms } = only("release-issued", registry.act("release", "none"));
    expect(clearedAlarms).toEqual([7]);
    expect(registry.device()).toMatchObject({ level: "none", alarms: [], lastAlarmId: 7 });
    expect(types(registry.facts(sync({ alarms, nonce: "next" })))).toEqual(["lease-issued"]);
    expect(registry.device().level).toBe("none");
  });

  test("P7: they latch for every number of the hardware, but for one that is revoked", () => {
    const registry = fleetOf(1);
    for (const number of [2, 3]) registry.facts(birth(number, "hw-1"));
    const revoked = { type: "release-issued", number: 3, version: [1, 2], level: "revoked" } as const;
    registry.happen({ ...revoked, reason: "story", clearedAlarms: [], wipe: 0 });
    const facts = registry.facts(sync({ alarms: [{ id: 1, kind: "tamper" }] }));
    expect(types(facts)).toEqual(["alarm-reported", "directive-issued", "directive-issued", "lease-issued"]);
    expect([1, 2, 3].map((number) => registry.device(number).level)).toEqual([
      "isolate",
      "isolate",
      "revoked",
    ]);
  });

  test("P9: sixteen at once make a reason that still fits into a directive", () => {
    const alarms = range(16).map((id) => ({ id, kind: "unreadable" }));
    const { reason } = only("directive-issued", fleetOf(1).facts(sync({ alarms })));
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(MAX_REASON_BYTES);
  });
});

describe("a sync", () => {
  test("the same again while nothing changed is answered from the view", () => {
    const registry = fleetOf(1);
    expect(types(registry.facts(sync()))).toEqual(["lease-issued"]);
    expect(registry.facts(sync())).toEqual([]);
    expect(types(registry.facts(sync({ nonce: "next" })))).toEqual(["lease-issued"]);
  });

  test("P2: the same nonce after the standing changed gets a lease over what stands now", () => {
    const registry = fleetOf(1);
    registry.facts(sync());
    registry.act("hold", "restrict");
    const { required } = only("lease-issued", registry.facts(sync()));
    expect(required).toMatchObject({ directive: registry.device().directive?.version, level: "restrict" });
    registry.act("release", "none");
    const freed = only("lease-issued", registry.facts(sync())).required;
    expect(freed).toMatchObject({ release: registry.device().release?.version, level: "none" });
  });

  test("P9: the same nonce after the lease ended gets one that is good", () => {
    const registry = fleetOf(1);
    const { goodUntil } = only("lease-issued", registry.facts(sync()));
    registry.now = goodUntil;
    expect(registry.facts(sync())).toEqual([]);
    registry.now = goodUntil + 1;
    expect(only("lease-issued", registry.facts(sync())).goodUntil).toBe(registry.now + 7 * DAY);
  });

  test("P3: the lease demands all that the fleet has decided until now", () => {
    const registry = fleetOf(1);
    registry.act("hold", "isolate");
    registry.act("release", "observe");
    registry.facts({ type: "issue-beacon", epoch: registry.view.epoch, digest: "digest" });
    const { directive, release } = registry.device();
    const { required } = only("lease-issued", registry.facts(sync()));
    expect(required).toEqual({
      authority: 1,
      ledger: [1, 2],
      advisories: [0, 0],
      removals: [0, 0],
      directive: directive?.version,
      release: release?.version,
      level: "observe",
    });
  });

  test("P9: of a revoked device is accepted, and nothing is issued or recorded, alarms neither", () => {
    const registry = fleetOf(1);
    registry.act("hold", "revoked");
    for (const nonce of ["a", "b", "a"]) {
      expect(registry.facts(sync({ nonce, alarms: [{ id: 1, kind: "tamper" }] }))).toEqual([]);
    }
  });

  test("of a number that nobody has is denied", () => {
    expect(codeOf(fleetOf(1).ask(sync({ number: 2 })))).toBe("denied");
  });
});

describe("a receipt", () => {
  const receipt = (registry: Registry, counter: number) =>
    registry.facts({ type: "receipt", number: 1, counter, held: { ...held, directive: [1, counter] } });
  test("P3: counts only when its counter is above all before", () => {
    const registry = fleetOf(1);
    expect([2, 2, 1, 0, 3].map((counter) => receipt(registry, counter).length)).toEqual([1, 0, 0, 0, 1]);
    expect(registry.device()).toMatchObject({ receiptCounter: 3, held: { directive: [1, 3] } });
  });
  test("of a number that nobody has is denied", () => {
    const request = { type: "receipt", number: 2, counter: 1, held } as const;
    expect(codeOf(fleetOf(1).ask(request))).toBe("denied");
  });
});
