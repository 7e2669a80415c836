/** Advisories as the fleet applies them: what they match, what latches, what another number inherits. */
import { describe, expect, test } from "vitest";
import type { ImportRequest } from "../../fleet/registry-certify.js";
import { must } from "./fixtures.js";
import { birth, certify, codeOf, fleetOf, only, type Registry, sync, types } from "./registry-rig.js";

const levels = ({ view }: Registry) => [...view.devices.values()].map(({ level }) => level);
const born = (number: number, change: Partial<ImportRequest["birth"]>): ImportRequest => {
  const request = birth(number);
  return { ...request, birth: { ...request.birth, ...change } };
};

describe("an advisory holds", () => {
  const rows: readonly (readonly [string, readonly number[]])[] = [
    ["number in 2..3", [2, 3]],
    ['model = "gate"', [3]],
    ["algorithm = Ed25519", [2]],
    ["hardwareId = h'68772d31'", [1]],
    ["station in 7..9", [1, 2, 3]],
    ["station = 4", [1, 2]],
    ["not (station = 8)", [1, 2]],
    ['firmware = "1.2"', [1, 2, 3]],
    ['firmware = "1.2" and number = 2', [2]],
    ["generation in 1..9", [1, 2, 3]],
    ["everything", [1, 2, 3]],
  ];
  test.each(rows)("%s: devices %j, on verified facts; what is not known matches", (match, numbers) => {
    const registry = fleetOf(1);
    registry.facts(born(2, { key: { algorithm: "Ed25519", bytes: "key" } }));
    registry.facts(born(3, { model: "gate", station: 8 }));
    registry.advise(match, "isolate");
    expect([...registry.view.devices.values()].filter(({ level }) => level === "isolate")).toEqual(
      numbers.map((number) => registry.device(number)),
    );
    expect([...registry.view.denied]).toEqual(numbers);
    expect(registry.actView("0000000000000001").act.numbers).toEqual(numbers);
  });

  test("devices that are born later, before they are enrolled", () => {
    const registry = fleetOf(1, { unknownDevices: "accept" });
    registry.advise("number in 2..9", "restrict");
    registry.facts(birth(2));
    expect(registry.device(2)).toMatchObject({ level: "restrict", standing: "none", advised: "restrict" });
    const unknown = certify("enroll", { number: 3, birth: birth(3).birth });
    expect(types(registry.facts(unknown))).toEqual(["device-imported", "directive-issued"]);
    expect(codeOf(registry.ask(certify("enroll")))).toBe("accepted");
    expect(codeOf(registry.ask(certify("enroll", { number: 2, birth: birth(2).birth })))).toBe("held");
  });

  test("P6: the higher of it and the device's own documents, and each ends by itself", () => {
    const registry = fleetOf(1);
    registry.act("hold", "restrict");
    registry.advise("number = 1", "isolate");
    expect(registry.device()).toMatchObject({ level: "isolate", standing: "restrict", advised: "isolate" });
    registry.act("release", "none");
    expect(registry.device()).toMatchObject({ level: "isolate", standing: "none" });
    registry.act("hold", "observe");
    registry.unadvise(1);
    expect(registry.device()).toMatchObject({ level: "observe", advised: "none", latched: [] });
  });

  test("P7: for ever once it matched, until it is removed: a new generation does not shake it off", () => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll"));
    registry.advise("generation = 1", "observe");
    registry.happen({ ...must(registry.device().directive), version: [1, 9], lowestGeneration: 2 });
    registry.facts(certify("renew", { nonce: "next" }));
    expect(registry.device().certificates.at(-1)?.generation).toBe(2);
    expect(registry.device().level).toBe("observe");
  });

  test("a device whose new generation matches, from then on", () => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll"));
    registry.advise("generation = 2", "isolate");
    expect(registry.device().level).toBe("none");
    registry.happen({ ...must(registry.device().directive), version: [1, 9], lowestGeneration: 2 });
    const { epoch } = registry.view;
    registry.facts(certify("renew", { nonce: "next" }));
    expect(registry.device().level).toBe("isolate");
    expect([...registry.view.denied, registry.view.epoch]).toEqual([1, epoch + 1]);
  });
});

describe("P7: another number of the same hardware", () => {
  test("stands as high as the one that matches, by a directive of its own", () => {
    const registry = fleetOf(1);
    registry.facts(birth(2, "hw-1"));
    const issued = registry.advise("number = 1", "isolate");
    expect(registry.actView("0000000000000001").act.numbers).toEqual([1, 2]);
    expect(only("directive-issued", issued)).toMatchObject({ number: 2, level: "isolate" });
    expect(levels(registry)).toEqual(["isolate", "isolate"]);
  });

  test("is raised again when a release would leave it lower than its hardware", () => {
    const registry = fleetOf(1);
    registry.facts(birth(2, "hw-1"));
    registry.advise("number = 1", "isolate");
    expect(types(registry.act("release", "none", [2]))).toEqual([
      "release-issued",
      "release-issued",
      "directive-issued",
    ]);
    expect(levels(registry)).toEqual(["isolate", "isolate"]);
  });

  test("inherits at birth what it does not match itself, and only that", () => {
    const registry = fleetOf(1);
    registry.advise("number = 1", "isolate");
    registry.advise("number in 1..2", "restrict");
    registry.facts(birth(2, "hw-1"));
    expect(registry.device(2)).toMatchObject({ level: "isolate", standing: "isolate", latched: [2] });
    const other = fleetOf(1);
    other.advise("everything", "isolate");
    other.facts(birth(2, "hw-1"));
    expect(other.device(2)).toMatchObject({ level: "isolate", standing: "none" });
    other.unadvise(1);
    expect(other.device(2).level).toBe("none");
  });

  test("that was born first is raised when a later birth matches", () => {
    const registry = fleetOf(1);
    registry.advise("number = 2", "isolate");
    registry.facts(birth(2, "hw-1"));
    expect(levels(registry)).toEqual(["none", "isolate"]);
    expect(types(registry.carryOut())).toEqual(["directive-issued"]);
    expect(levels(registry)).toEqual(["isolate", "isolate"]);
    expect(registry.carryOut()).toEqual([]);
  });
});

describe("a lease demands", () => {
  const required = (registry: Registry) =>
    only("lease-issued", registry.facts(sync({ nonce: `${registry.view.lastAt}`, alarms: [] }))).required;

  test("both versions, and the level that the device, too, must come to", () => {
    const registry = fleetOf(1);
    registry.advise("number = 1", "restrict");
    registry.advise("number = 2", "isolate");
    registry.unadvise(2);
    expect(required(registry)).toMatchObject({ advisories: [1, 2], removals: [1, 1], level: "restrict" });
  });

  test("P9: no level that only the fleet's ignorance gives: the device may know better", () => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll"));
    registry.advise('firmware = "1.2"', "isolate");
    expect(registry.device().level).toBe("isolate");
    expect(required(registry).level).toBe("none");
    registry.act("hold", "observe");
    registry.now += 1;
    expect(required(registry).level).toBe("observe");
  });
});
