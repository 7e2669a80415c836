/** What operators may ask for, who must agree, and what is refused whole. */
import { describe, expect, test } from "vitest";
import type { Act } from "../../fleet/events.js";
import { DEFAULT_POLICY } from "../../fleet/policy.js";
import type { Decision } from "../../fleet/registry.js";
import { MAX_ACT_DEVICES } from "../../fleet/registry-acts.js";
import type { DeviceView } from "../../fleet/view.js";
import type { Level } from "../../protocol/level.js";
import { FOUNDED } from "./fixtures.js";
import { codeOf, fleetOf, range, Registry } from "./registry-rig.js";

/** What a directive has room for. */
const MAX_REASON_BYTES = 64;

describe("who may act alone", () => {
  const alone: readonly (readonly ["hold" | "release", Level, number])[] = [
    ["hold", "observe", 1],
    ["hold", "restrict", 1],
    ["hold", "isolate", DEFAULT_POLICY.massActDevices],
  ];
  const together: readonly (readonly ["hold" | "release", Level, number])[] = [
    ["hold", "revoked", 1],
    ["hold", "observe", DEFAULT_POLICY.massActDevices + 1],
    ["release", "none", 1],
    ["release", "observe", 1],
    ["release", "restrict", 1],
    ["release", "isolate", 1],
  ];
  test.each(alone)("%s at %s of %i: in force at once", (kind, level, count) => {
    const registry = fleetOf(count);
    registry.pending(kind, level, range(count));
    expect(registry.carryOut()).toHaveLength(count);
  });
  test.each(together)("P13: %s at %s of %i: waits for a second person", (kind, level, count) => {
    const registry = fleetOf(count);
    const id = registry.pending(kind, level, range(count));
    expect(registry.view.acts.get(id)?.expiresAt).toBe(FOUNDED + DEFAULT_POLICY.approvalSeconds);
    expect(registry.carryOut()).toEqual([]);
    expect(codeOf(registry.approve(id))).toBe("accepted");
    expect(registry.carryOut()).toHaveLength(count);
    expect(registry.carryOut()).toEqual([]);
  });
});

describe("an approval is refused", () => {
  const wait = (registry: Registry, seconds: number) => void (registry.now += seconds);
  const rows: readonly (readonly [string, (registry: Registry, id: string) => Decision, string])[] = [
    ["to the one who asked", (registry, id) => registry.approve(id, "operator"), "denied"],
    ["for another set of devices", (registry, id) => registry.approve(id, "approver", "other"), "conflict"],
    ["for a request that nobody made", (registry) => registry.approve("none"), "not-found"],
    [
      "the second time",
      (registry, id) => {
        expect(codeOf(registry.approve(id))).toBe("accepted");
        return registry.approve(id, "eve");
      },
      "conflict",
    ],
    [
      "after its last second",
      (registry, id) => {
        wait(registry, registry.policy.approvalSeconds + 1);
        return registry.approve(id);
      },
      "conflict",
    ],
    ["for what needs none", (registry) => registry.approve(registry.pending("hold", "isolate")), "conflict"],
  ];
  test.each(rows)("%s", (_, approve, code) => {
    const registry = fleetOf(1);
    const id = registry.pending("release", "none");
    expect(codeOf(approve(registry, id))).toBe(code);
  });
  test("not in its last second", () => {
    const registry = fleetOf(1);
    const id = registry.pending("release", "none");
    wait(registry, registry.policy.approvalSeconds);
    expect(codeOf(registry.approve(id))).toBe("accepted");
  });
});

describe("an act is refused, whole", () => {
  const good = { kind: "hold", numbers: [1, 2], level: "isolate", reason: "stolen" } as const;
  const rows: readonly (readonly [string, object, string])[] = [
    ["on an unknown device", { numbers: [1, 4711] }, "not-found"],
    ["on no device", { numbers: [] }, "bad-request"],
    ["on one device twice", { numbers: [1, 2, 1] }, "bad-request"],
    ["on a revoked device", { numbers: [1, 3] }, "conflict"],
    ["on a revoked device, to free it", { kind: "release", level: "none", numbers: [3] }, "conflict"],
    ["without a reason", { reason: "" }, "bad-request"],
    ["with a blank reason", { reason: " \t\n" }, "bad-request"],
    ["with a reason over the bound", { reason: "x".repeat(MAX_REASON_BYTES + 1) }, "bad-request"],
    [
      "with a reason over the bound in UTF-8",
      { reason: "é".repeat(MAX_REASON_BYTES / 2 + 1) },
      "bad-request",
    ],
    ["to hold at none", { level: "none" }, "bad-request"],
    ["to release at revoked", { kind: "release", level: "revoked" }, "bad-request"],
  ];
  test.each(rows)("%s", (_, change, code) => {
    const registry = fleetOf(3);
    registry.act("hold", "revoked", [3]);
    const before = structuredClone(registry.view);
    expect(codeOf(registry.ask({ type: "act", id: "a", act: { ...good, ...change } as Act }))).toBe(code);
    expect(registry.view).toEqual(before);
    expect(codeOf(registry.ask({ type: "act", id: "a", act: good }))).toBe("accepted");
  });
  test("with a reason of just the bound it is not", () => {
    const act = { ...good, reason: "é".repeat(MAX_REASON_BYTES / 2) };
    expect(codeOf(fleetOf(2).ask({ type: "act", id: "a", act }))).toBe("accepted");
  });
  test("P11: on more devices than the bound", () => {
    const registry = new Registry();
    const devices = new Map(range(MAX_ACT_DEVICES + 1).map((number) => [number, {} as DeviceView]));
    registry.view = { ...registry.view, devices };
    const ask = (count: number) =>
      registry.ask({ type: "act", id: `${count}`, act: { ...good, numbers: range(count) } });
    expect(codeOf(ask(MAX_ACT_DEVICES + 1))).toBe("bad-request");
    expect(codeOf(ask(MAX_ACT_DEVICES))).toBe("accepted");
  });
  test("under an id that was used before", () => {
    const registry = fleetOf(2);
    const ask = () => codeOf(registry.ask({ type: "act", id: "a", act: good }));
    expect([ask(), ask()]).toEqual(["accepted", "bad-request"]);
  });
});

describe("P4: work on an act is refused", () => {
  const work = (registry: Registry, id: string) => codeOf(registry.ask({ type: "follow-up", id, number: 1 }));
  test("that was done already", () => {
    const registry = fleetOf(2);
    const id = registry.pending("hold", "isolate", [1, 2]);
    expect([work(registry, id), work(registry, id)]).toEqual(["accepted", "conflict"]);
  });
  test("before it was approved", () => {
    const registry = fleetOf(1);
    expect(work(registry, registry.pending("release", "none"))).toBe("conflict");
  });
  test("that nobody asked for", () => {
    expect(work(fleetOf(1), "none")).toBe("conflict");
  });
});
