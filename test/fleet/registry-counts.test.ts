/** One-shot acts as counts: asked for once more each time, and kept whatever else is said (P2). */
import { describe, expect, test } from "vitest";
import { FOUNDED } from "./fixtures.js";
import { codeOf, fleetOf, held, only, range, type Registry, sync } from "./registry-rig.js";

const report = (registry: Registry, done: object, time = 0) =>
  registry.facts(sync({ nonce: `${time}`, time, held: { ...held, done } }));

describe("rekey, reboot and attest", () => {
  test("are one more in the next directive, which says the others again and lowers nothing", () => {
    const registry = fleetOf(1);
    registry.act("hold", "restrict");
    const [first] = registry.count("reboot");
    expect(first).toMatchObject({ type: "directive-issued", version: [1, 3], level: "restrict" });
    expect(first).toMatchObject({ counts: { reboot: 1 } });
    registry.count("rekey");
    expect(only("directive-issued", registry.count("reboot")).counts).toEqual({ reboot: 2, rekey: 1 });
    registry.act("hold", "isolate");
    expect(registry.device().directive?.counts).toEqual({ reboot: 2, rekey: 1 });
    expect(registry.count("attest")).toHaveLength(1);
    expect(registry.device()).toMatchObject({ level: "isolate" });
  });

  test("P2: are asked for above what the device has done, though the fleet forgot that it asked", () => {
    const registry = fleetOf(1);
    report(registry, { reboot: 7 });
    expect(only("directive-issued", registry.count("reboot")).counts).toEqual({ reboot: 8 });
    report(registry, { rekey: 0xffff_ffff }, 1);
    expect(only("directive-issued", registry.count("rekey")).counts.rekey).toBe(0xffff_ffff);
  });

  test("P13: of many devices need more than one person", () => {
    const registry = fleetOf(11);
    const alone = registry.request({ kind: "count", count: "reboot" }, range(10));
    expect(registry.actView(alone)).not.toHaveProperty("expiresAt");
    const many = registry.request({ kind: "count", count: "reboot" }, range(11));
    expect(registry.actView(many).expiresAt).toBeGreaterThan(FOUNDED);
  });

  test("are not asked of a revoked device", () => {
    const registry = fleetOf(1);
    registry.act("hold", "revoked");
    const act = { kind: "count", count: "reboot", numbers: [1], reason: "story" } as const;
    expect(codeOf(registry.ask({ type: "act", id: "a", act }))).toBe("conflict");
  });
});

describe("P13: a wipe", () => {
  test("waits for a second person, for one device too", () => {
    const registry = fleetOf(1);
    const id = registry.request({ kind: "count", count: "wipe" });
    expect(registry.carryOut()).toEqual([]);
    registry.approve(id);
    expect(only("release-issued", registry.carryOut())).toMatchObject({ wipe: 1, level: "none" });
  });

  test("leaves the level that stands when it is carried out, and clears no further alarm", () => {
    const registry = fleetOf(1);
    registry.facts(sync({ alarms: [{ id: 1, kind: "tamper" }] }));
    registry.act("release", "observe");
    const id = registry.request({ kind: "count", count: "wipe" });
    registry.facts(sync({ nonce: "next", alarms: [{ id: 2, kind: "unreadable" }] }));
    registry.approve(id);
    const wipe = only("release-issued", registry.carryOut());
    expect(wipe).toMatchObject({ level: "restrict", clearedAlarms: [1], wipe: 1 });
    expect(registry.device()).toMatchObject({ level: "restrict", alarms: [{ id: 2 }] });
  });

  test("leaves advisories to themselves", () => {
    const registry = fleetOf(1);
    registry.advise("number = 1", "isolate");
    expect(only("release-issued", registry.count("wipe")).level).toBe("none");
    expect(registry.device().level).toBe("isolate");
    registry.unadvise(1);
    expect(registry.device().level).toBe("none");
  });

  test("is said again by every later release", () => {
    const registry = fleetOf(1);
    registry.count("wipe");
    expect(only("release-issued", registry.act("release", "none")).wipe).toBe(1);
    expect(only("release-issued", registry.count("wipe")).wipe).toBe(2);
    expect(only("release-issued", registry.act("hold", "revoked")).wipe).toBe(2);
  });
});

describe("what was done", () => {
  test("is the most that the device ever signed for, and each lease says so", () => {
    const registry = fleetOf(1);
    report(registry, { reboot: 2 });
    registry.facts({
      type: "receipt",
      number: 1,
      counter: 1,
      held: { ...held, done: { rekey: 1, reboot: 1 } },
    });
    expect(registry.device().done).toEqual({ reboot: 2, rekey: 1 });
    expect(only("lease-issued", report(registry, {}, 1)).done).toEqual({ reboot: 2, rekey: 1 });
    expect(only("lease-issued", report(registry, { wipe: 3 }, 2)).done).toEqual({
      reboot: 2,
      rekey: 1,
      wipe: 3,
    });
  });
});
