/** Acts on advisories: who may ask, what is issued, what is refused. */
import { describe, expect, test } from "vitest";
import type { Fact } from "../../fleet/events.js";
import { MAX_ACT_DEVICES } from "../../fleet/registry-acts.js";
import { MAX_ADVISORIES } from "../../protocol/advisory.js";
import { MAX_PREDICATE_TEXT } from "../../protocol/predicate-text.js";
import { FOUNDED, must } from "./fixtures.js";
import { codeOf, fleetOf, only, range, type Registry, types } from "./registry-rig.js";

const levels = ({ view }: Registry) => [...view.devices.values()].map(({ level }) => level);

describe("who may act alone", () => {
  test("one person advises about few devices; about many, or to remove, it takes two", () => {
    const registry = fleetOf(11);
    const alone = registry.request({ kind: "advise", match: "number in 1..10", level: "isolate" }, []);
    expect(registry.actView(alone)).not.toHaveProperty("expiresAt");
    registry.carryOut();
    const many = registry.request({ kind: "advise", match: "number in 1..11", level: "isolate" }, []);
    const removal = registry.request({ kind: "unadvise", id: 1 }, []);
    for (const id of [many, removal]) expect(registry.actView(id).expiresAt).toBeGreaterThan(FOUNDED);
    expect(registry.carryOut()).toEqual([]);
    registry.approve(removal);
    expect(types(registry.carryOut())).toEqual(["advisories-removed"]);
    registry.approve(many);
    expect(only("advisories-issued", registry.carryOut()).entries).toHaveLength(1);
  });

  test("P13: a removal is approved once, by whichever request", () => {
    const registry = fleetOf(1);
    registry.advise("number = 1", "isolate");
    const ids = [1, 2].map(() => registry.request({ kind: "unadvise", id: 1 }, []));
    expect(codeOf(registry.approve(must(ids[1])))).toBe("accepted");
    expect(types(registry.carryOut())).toEqual(["advisories-removed"]);
    expect(registry.actView(must(ids[0])).finished).toBe(true);
    expect(codeOf(registry.approve(must(ids[0])))).toBe("conflict");
  });
});

describe("documents", () => {
  test("P2: each list says all that counts; ids are never used again", () => {
    const registry = fleetOf(1);
    const ids = (facts: readonly Fact[]) => only("advisories-issued", facts).entries.map(({ id }) => id);
    expect(ids(registry.advise("number = 1", "observe"))).toEqual([1]);
    expect(ids(registry.advise("number = 2", "observe"))).toEqual([1, 2]);
    registry.unadvise(2);
    expect(ids(registry.advise("number = 3", "observe"))).toEqual([1, 3]);
    const removal = only("advisories-removed", registry.unadvise(1));
    expect(removal).toMatchObject({ version: [1, 2], ids: [1, 2] });
    expect(registry.view.advisories.list?.version).toEqual([1, 3]);
    expect(registry.view.advisories.active.map(({ id }) => id)).toEqual([3]);
  });

  test("P3: a new term starts again at 1, with the entries that still count", () => {
    const registry = fleetOf(2);
    registry.advise("number = 1", "isolate");
    registry.advise("number = 2", "isolate");
    registry.unadvise(1);
    registry.terms = { ...registry.terms, advisory: 2 };
    const renewed = only("advisories-issued", registry.carryOut());
    expect(renewed).toMatchObject({ version: [2, 1], entries: [{ id: 2 }] });
    expect(levels(registry)).toEqual(["none", "isolate"]);
    expect(only("advisories-issued", registry.advise("number = 1", "observe")).version).toEqual([2, 2]);
    expect(only("advisories-removed", registry.unadvise(2))).toMatchObject({ version: [2, 1], ids: [2] });
    expect(registry.view.advisories.active.map(({ id }) => id)).toEqual([3]);
  });

  test("the Beacon names the newest of the present term, and is due after each", () => {
    const registry = fleetOf(1);
    const versions = () => {
      const { advisories, removals } = only("beacon-issued", registry.beacon());
      return [advisories, removals];
    };
    expect(versions()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    registry.advise('model = "none"', "observe");
    expect(versions()).toEqual([
      [1, 1],
      [0, 0],
    ]);
    registry.unadvise(1);
    expect(versions()).toEqual([
      [1, 1],
      [1, 1],
    ]);
    registry.terms = { ...registry.terms, advisory: 2 };
    registry.happen({ type: "authority-issued", version: 2, newDirectives: false, newTime: false });
    expect(versions()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(registry.beacon()).toEqual([]);
  });

  test("P3: one list is one epoch, however many devices it holds", () => {
    const registry = fleetOf(5);
    registry.advise("everything", "isolate");
    expect([registry.view.epoch, registry.view.denied.size]).toEqual([1, 5]);
  });
});

describe("an advisory is refused", () => {
  const ask = (registry: Registry, act: object) =>
    codeOf(
      registry.ask({
        type: "act",
        id: "f".repeat(16),
        act: { numbers: [], reason: "story", ...act } as never,
      }),
    );
  const rows: readonly (readonly [string, object, string])[] = [
    ["that cannot be read", { match: "number >" }, "bad-request"],
    ["longer than the bound", { match: `number in {${range(400).join(", ")}}` }, "bad-request"],
    ["without a level", { match: "everything", level: "none" }, "bad-request"],
    ["without a reason", { match: "everything", reason: " " }, "bad-request"],
    ["that names devices beside its rule", { match: "everything", numbers: [1] }, "bad-request"],
    ["removed that never was", { kind: "unadvise", id: 4711 }, "not-found"],
    ["removed twice", { kind: "unadvise", id: 1 }, "not-found"],
  ];
  test.each(rows)("%s", (_, change, code) => {
    const registry = fleetOf(1);
    registry.advise("number = 1", "isolate");
    registry.unadvise(1);
    expect(ask(registry, { kind: "advise", level: "isolate", ...change })).toBe(code);
  });

  test("when its written form is longer than what is read back", () => {
    const values = range(16).map((i) => `"${"\u00a0".repeat(12)}${i}"`);
    const match = `model in {${values.join(",")}}`;
    expect(match.length).toBeLessThan(MAX_PREDICATE_TEXT);
    expect(ask(fleetOf(1), { kind: "advise", level: "isolate", match })).toBe("bad-request");
  });

  test("P11: beyond the bound of a list, also when it was approved before", () => {
    const registry = fleetOf(1);
    for (const number of range(MAX_ADVISORIES - 1)) registry.advise(`number = ${number + 1}`, "observe");
    const [last, waiting] = [1, 2].map(() =>
      registry.request({ kind: "advise", match: "number = 1", level: "observe" }, []),
    );
    expect(types(registry.carryOut())).toEqual(["advisories-issued"]);
    expect(registry.actView(must(last)).finished).toBe(true);
    expect(registry.actView(must(waiting)).finished).toBe(false);
    expect(ask(registry, { kind: "advise", match: "number = 1", level: "observe" })).toBe("conflict");
    registry.unadvise(1);
    expect(registry.actView(must(waiting)).finished).toBe(true);
  });

  test("P11: beyond the bound of devices", () => {
    const registry = fleetOf(1);
    const device = registry.device();
    const devices = new Map(range(MAX_ACT_DEVICES + 1).map((number) => [number, { ...device, number }]));
    const hardware = new Map([[device.hardwareId, [...devices.keys()]]]);
    registry.view = { ...registry.view, devices, numberByHardware: hardware };
    expect(ask(registry, { kind: "advise", match: "number = 1", level: "observe" })).toBe("bad-request");
  });
});
