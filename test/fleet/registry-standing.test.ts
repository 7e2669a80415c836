/** What directives and releases add up to, and what follows for the denied set. */
import { describe, expect, test } from "vitest";
import type { HoldLevel, Level } from "../../protocol/level.js";
import { compareVersions, NO_VERSION } from "../../protocol/version.js";
import { codeOf, fleetOf, only, type Registry, sync } from "./registry-rig.js";

describe("revoked is final", () => {
  test("P13: a release that was asked for before the revocation cannot be approved after it", () => {
    const registry = fleetOf(1);
    registry.act("hold", "isolate");
    const release = registry.pending("release", "none");
    registry.act("hold", "revoked");
    expect(codeOf(registry.approve(release))).toBe("conflict");
    expect(registry.device().level).toBe("revoked");
  });

  test("P13: in force together, revocation and release leave the device revoked, in both orders", () => {
    for (const order of [
      ["hold", "release"],
      ["release", "hold"],
    ] as const) {
      const registry = fleetOf(1);
      const ids = order.map((kind) => registry.pending(kind, kind === "hold" ? "revoked" : "none"));
      for (const id of ids) registry.approve(id);
      expect(registry.carryOut()).toHaveLength(2);
      expect(registry.carryOut()).toEqual([]);
      expect(registry.device().level).toBe("revoked");
    }
  });
});

describe("documents of one device", () => {
  test("P3: directives and releases share one counter", () => {
    const registry = fleetOf(1);
    const acts: readonly (readonly ["hold" | "release", Level])[] = [
      ["hold", "restrict"],
      ["release", "none"],
      ["release", "observe"],
      ["hold", "isolate"],
      ["hold", "observe"],
      ["release", "none"],
      ["hold", "revoked"],
    ];
    const versions = acts.map(([kind, level]) => {
      const [fact] = registry.act(kind, level);
      return fact && "version" in fact ? fact.version : undefined;
    });
    expect(versions).toEqual(acts.map((_, i) => [1, i + 2])); // directive 1 came with the import
  });

  test("P3: a new term counts from 1, above all of the term before", () => {
    const registry = fleetOf(1);
    registry.act("hold", "restrict");
    const before = registry.device().directive?.version ?? NO_VERSION;
    registry.terms = { ...registry.terms, directive: 2 };
    const { version } = only("release-issued", registry.act("release", "none"));
    expect(version).toEqual([2, 1]);
    expect(compareVersions(version, before)).toBeGreaterThan(0);
    expect(registry.device().level).toBe("none");
  });

  const directive = (registry: Registry, level: HoldLevel) =>
    only("directive-issued", registry.act("hold", level)).level;
  test("P13: a directive says the highest level since the last release, and never lowers", () => {
    const registry = fleetOf(1);
    expect(directive(registry, "observe")).toBe("observe");
    expect(directive(registry, "isolate")).toBe("isolate");
    expect(directive(registry, "restrict")).toBe("isolate");
    expect(registry.device().level).toBe("isolate");
    registry.act("release", "observe");
    expect(registry.device().level).toBe("observe");
    expect(directive(registry, "restrict")).toBe("restrict");
  });

  test("P13: a hold below what a release left does not lower it", () => {
    const registry = fleetOf(1);
    registry.act("release", "restrict");
    registry.act("hold", "observe");
    expect(registry.device().level).toBe("restrict");
  });
});

describe("the denied set", () => {
  test("P3: each change of its content is one epoch, and nothing else is", () => {
    const registry = fleetOf(2);
    const epochs: number[] = [];
    const step = (kind: "hold" | "release", level: Level, numbers: readonly number[] = [1]) => {
      registry.act(kind, level, numbers);
      epochs.push(registry.view.epoch);
    };
    step("hold", "restrict");
    step("hold", "isolate");
    step("hold", "isolate");
    step("release", "isolate");
    step("release", "restrict");
    step("hold", "isolate", [1, 2]);
    step("hold", "revoked", [2]);
    step("release", "none", [1]);
    expect(epochs).toEqual([0, 1, 1, 1, 2, 4, 4, 5]);
    expect([...registry.view.denied]).toEqual([2]);
  });

  test("an alarm that isolates is one too", () => {
    const registry = fleetOf(1);
    registry.facts(sync({ alarms: [{ id: 1, kind: "rollback" }] }));
    expect([registry.view.epoch, [...registry.view.denied]]).toEqual([1, [1]]);
  });
});
