/** Advisories as they take hold of a device: by its own facts, at once, and until a lease names their removal (P13). */
import { describe, expect, test } from "vitest";
import { factsOf } from "../../device/facts.js";
import { heldVector } from "../../device/state.js";
import type { AdvisoryList } from "../../protocol/advisory.js";
import type { Level } from "../../protocol/level.js";
import type { Predicate } from "../../protocol/predicate.js";
import { Bench } from "./bench.js";
import { Owner } from "./owner.js";

type Entry = AdvisoryList["entries"][number];
const entry = (id: number, level: Entry["level"], match: Predicate): Entry => ({
  id,
  level,
  match,
  reason: "recall",
});
const everything = { op: "everything" } as const;
const speaking = (build = {}) => new Bench(new Owner(), 1, build).speaking();

test("the facts are those of its papers, its LDevID and its firmware", () => {
  const device = speaking({ firmware: "1.4.2" });
  expect(factsOf(device.state)).toEqual({
    number: 1,
    model: "camera",
    hardwareId: device.disk.hardwareId,
    algorithm: "ES256",
    station: 900,
    generation: 1,
    firmware: "1.4.2",
  });
  const asked = device.question(-1);
  expect(asked).toMatchObject({ kind: "sync", value: { health: { firmware: "1.4.2" } } });
});

test.each<[string, Predicate, Level]>([
  ["its number", { op: "range", fact: "number", min: 1, max: 9 }, "restrict"],
  ["another number", { op: "range", fact: "number", min: 2, max: 9 }, "none"],
  ["its model", { op: "in", fact: "model", values: ["camera"] }, "restrict"],
  ["its station", { op: "in", fact: "station", values: [900] }, "restrict"],
  ["another station", { op: "in", fact: "station", values: [901] }, "none"],
  ["what it cannot tell", { op: "in", fact: "firmware", values: ["9"] }, "restrict"],
])("an advisory for %s", (_, match, expected) => {
  const device = speaking();
  device.receive(device.owner.advisories(1, [entry(1, "restrict", match)]));
  expect(device.state.reported).toBe(expected);
  expect(heldVector(device.state)).toMatchObject({ advisories: { version: [1, 1] }, level: expected });
});

test("the highest of directive, advisories and alarms counts", () => {
  const device = speaking();
  device.receive(device.owner.advisories(1, [entry(1, "restrict", everything)]));
  device.receive(device.owner.directive(1, 1, "observe"));
  expect(device.state.reported).toBe("restrict");
  device.receive(device.owner.directive(1, 2, "isolate"));
  expect(device.state.reported).toBe("isolate");
});

describe("P13: a removal lowers nothing before a lease names it", () => {
  const advised = () => {
    const device = speaking();
    device.receive(device.owner.advisories(1, [entry(1, "isolate", everything)]));
    device.notice("held", "quarantined");
    device.answer();
    return device;
  };

  test("then it does, together with the release", () => {
    const device = advised();
    device.receive(device.owner.directive(1, 1, "restrict"));
    device.receive(device.owner.release(1, 2, "none"));
    device.receive(device.owner.removal(1, [1]));
    expect(device.state.reported).toBe("isolate");
    device.reboot();
    expect(device.state.reported).toBe("isolate");
    device.connect("held");
    device.answer();
    expect(device.state.reported).toBe("none");
    device.reboot();
    expect(device.state.reported).toBe("none");
  });

  test("a lease that names another one does not count", () => {
    const device = advised();
    device.receive(device.owner.removal(2, [1]));
    device.connect("held");
    const asked = device.asked();
    if (asked.kind !== "sync") throw new Error("it syncs first");
    const required = { ...device.owner.required(asked.value), removals: [1, 1] } as const;
    device.receive(device.owner.syncReply(asked.value, [], device.owner.lease(asked.value, { required })));
    expect(device.state.session?.synced).toBe(false);
    expect(device.state.reported).toBe("isolate");
  });

  test("P11: a removal that frees many makes them sync at different times", () => {
    const device = advised();
    const before = device.sent().length;
    device.receive(device.owner.removal(1, [1]));
    expect(device.sent()).toHaveLength(before);
    device.pass(30);
    expect(device.asked().kind).toBe("sync");
    device.answer();
    expect(device.state.reported).toBe("none");
  });
});

describe("P11: what everyone was told at once", () => {
  test("is confirmed by whom it holds, after 2 to 30 seconds, and by nobody else", () => {
    const device = speaking();
    const before = device.sent().length;
    device.receive(
      device.owner.advisories(1, [entry(1, "isolate", { op: "in", fact: "number", values: [7] })]),
    );
    device.pass(60);
    expect(device.sent()).toHaveLength(before);
    device.receive(
      device.owner.advisories(2, [
        entry(1, "isolate", { op: "in", fact: "number", values: [7] }),
        entry(2, "observe", everything),
      ]),
    );
    expect(device.sent()).toHaveLength(before);
    device.pass(30);
    expect(device.asked().kind).toBe("receipt");
  });
});

test("P3: two lists of one version are a fork", () => {
  const device = speaking();
  device.receive(device.owner.advisories(1, []));
  device.receive(device.owner.advisories(1, [entry(1, "observe", everything)]));
  expect(device.disk.alarms).toEqual([{ id: 1, kind: "fork" }]);
  expect(device.state.reported).toBe("isolate");
});

test("a new generation is a new fact, and what is not known yet matches", () => {
  const device = new Bench(new Owner()).timed();
  const second = { op: "range", fact: "generation", min: 2, max: 9 } as const;
  device.connect("pledge");
  expect(factsOf(device.state).generation).toBeUndefined();
  device.receive(device.owner.advisories(1, [entry(1, "observe", second)]));
  expect(device.state.reported).toBe("observe");
  device.answer();
  expect(factsOf(device.state).generation).toBe(1);
  expect(device.state.reported).toBe("observe"); // latched
});

test("at boot it is held against what the device runs then", () => {
  const device = speaking({ firmware: "1.0" });
  const old = { op: "in", fact: "firmware", values: ["0.9"] } as const;
  device.receive(device.owner.advisories(1, [entry(1, "restrict", old)]));
  expect(device.state.reported).toBe("none");
  Object.assign(device.build, { firmware: "0.9" });
  device.reboot();
  expect(device.state.reported).toBe("restrict");
  expect(device.disk.latched).toHaveLength(1);
});
