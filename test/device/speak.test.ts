/** Hear before speak (I4): a device sends application messages only when all of five things are so. */
import { describe, expect, test } from "vitest";
import { Directive } from "../../protocol/directive.js";
import type { Level } from "../../protocol/level.js";
import { maySpeak } from "../../device/machine.js";
import { Bench } from "./bench.js";
import { disorder } from "./order.js";
import { LEASE_SECONDS, Owner } from "./owner.js";

/** In this fleet freshness is lost in the last second of the lease, so that the two can be told apart. */
const owner = () => new Owner([{ afterSeconds: 0, level: "restrict" }]);
const speaking = () => new Bench(owner()).speaking();
const may = ({ state, atMs }: Bench) => maySpeak(state, atMs);
const speaks = (bench: Bench) =>
  bench.steps.flatMap(({ effects }) => effects.flatMap((e) => (e.type === "speak" ? [e.allowed] : [])));

test("I4: connected as a device, synced, leased and not held, it may speak", () => {
  const bench = speaking();
  expect(may(bench)).toBe(true);
  expect(speaks(bench)).toEqual([true]);
});

describe("I4: it may not speak", () => {
  const held = (level: Directive["level"]) => (bench: Bench) =>
    bench.receive(bench.owner.directive(1, 1, level));
  /** The same map with one more key, 20, which this version does not know. */
  const unreadable = (bench: Bench) => {
    const later = {
      ...Directive,
      encode(value: Directive) {
        const [first = 0, ...rest] = Directive.encode(value);
        return Uint8Array.of(first + 1, ...rest, 0x14, 0x00);
      },
    };
    const head = { subject: 1, version: [1, 1], level: "none" } as const;
    bench.receive(bench.owner.seal(later, { ...head, reason: "", lowestGeneration: 1, issuedAt: 0 }, "hold"));
  };

  test.each<[string, (bench: Bench) => void]>([
    ["without a connection", (bench) => bench.feed({ type: "disconnected" })],
    ["before the gateway has named its role", (bench) => bench.feed({ type: "connected", door: "front" })],
    ["in the role held", (bench) => bench.notice("held", "quarantined")],
    ["in the role pledge", (bench) => bench.notice("pledge", "expired")],
    ["in the role lobby", (bench) => bench.notice("lobby", "future")],
    ["before a sync on this very connection", (bench) => bench.connect("device")],
    ["once its lease ran out", (bench) => bench.pass(LEASE_SECONDS + 1)],
    ["by freshness, though its lease lasts a second longer", (bench) => bench.pass(LEASE_SECONDS)],
    ["by a directive: restrict", held("restrict")],
    ["by a directive: isolate", held("isolate")],
    ["by a release that revokes it", (bench) => bench.receive(bench.owner.release(1, 1, "revoked"))],
    [
      "by its own alarm: two beacons of one epoch",
      (bench) => {
        bench.receive(bench.owner.beacon(1));
        bench.receive(bench.owner.beacon(1, { denied: 1 }));
      },
    ],
    ["by its own alarm: a directive that it cannot read", unreadable],
  ])("%s", (_, happens) => {
    const bench = speaking();
    happens(bench);
    expect(may(bench)).toBe(false);
    expect(speaks(bench)).toEqual([true, false]); // said so, once, and in the step in which it came to be
  });

  test("once its lease ran out, in a fleet that leaves freshness alone", () => {
    const bench = new Bench(new Owner([])).speaking();
    bench.pass(LEASE_SECONDS);
    expect(may(bench)).toBe(true); // the last second counts
    bench.pass(1);
    expect(may(bench)).toBe(false);
  });

  test("when a sync brought no lease, or one that does not count", () => {
    const bench = new Bench(owner()).enrolled();
    bench.connect("device");
    const asked = bench.asked();
    if (asked.kind !== "sync") throw new Error("a device syncs first");
    bench.receive(
      bench.owner.syncReply(asked.value, [], bench.owner.lease(asked.value, { time: [2, bench.owner.now] })),
    );
    expect(may(bench)).toBe(false);
    expect(bench.state.session?.synced).toBe(false);
  });
});

test.each<Level>(["none", "observe"])("at the level %s a device goes on speaking", (level) => {
  const bench = speaking();
  bench.receive(bench.owner.directive(1, 1, level === "none" ? "none" : "observe"));
  expect(may(bench)).toBe(true);
});

test("P6: freshness restores what it took, and nothing else does", () => {
  const bench = speaking();
  bench.pass(LEASE_SECONDS + 1); // it asks for a sync at once
  expect(may(bench)).toBe(false);
  bench.receive(bench.owner.beacon(1));
  expect(may(bench)).toBe(false);
  bench.answer();
  expect(may(bench)).toBe(true);
});

test("a reconnect forgets that it was synced, and a notice alone does not bring it back", () => {
  const bench = speaking();
  bench.feed({ type: "disconnected" });
  bench.feed({ type: "connected", door: "front" });
  expect(bench.notice("device").some(({ type }) => type === "speak")).toBe(false);
  expect(bench.asked().kind).toBe("sync");
  bench.answer();
  expect(may(bench)).toBe(true);
});

test("P4: in every step of a long life it stops to speak first, saves next, and may speak last", () => {
  const bench = speaking();
  const { owner: fleet } = bench;
  bench.receive(fleet.directive(1, 1, "isolate"));
  bench.receive(fleet.release(1, 2, "none"));
  bench.notice("held", "quarantined");
  bench.answer();
  bench.notice("device");
  bench.answer();
  for (let day = 0; day < 25; day++) {
    bench.pass(86_400);
    bench.answer(); // a sync
    bench.answer(); // on day 20 a renewal, and then it comes back with its new identity
    if (!bench.state.session) bench.connect("device");
    bench.answer();
  }
  expect(bench.disk.ldevid?.key).toBe("ldevid-2");
  expect(speaks(bench)).toContain(false);
  expect(speaks(bench).at(-1)).toBe(true);
  for (const taken of bench.steps) expect(disorder(taken)).toBeUndefined();
});
