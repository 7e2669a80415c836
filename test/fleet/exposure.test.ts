/** Who has confirmed, who was told, who cannot know yet; and which peers refuse a denied device. */
import { describe, expect, test } from "vitest";
import type { HeldFact } from "../../fleet/events.js";
import { exposure, type ExposureSubject, MAX_EXPOSED_DEVICES } from "../../fleet/exposure.js";
import { FOUNDED, must } from "./fixtures.js";
import { birth, certify, fleetOf, held, range, type Registry, sync } from "./registry-rig.js";

/** What the device holds once it has taken all that its newest lease demands. */
function allOf(registry: Registry, number: number): HeldFact {
  const { required } = must(registry.device(number).lease);
  return { ...required, done: {} };
}

/** It asks, at this moment of the fleet's clock, and says that it holds `holds`. */
function ask(registry: Registry, number: number, holds: HeldFact = held): void {
  const time = registry.now;
  registry.facts(sync({ number, nonce: `${number}/${time}`, time, held: holds }));
}

function confirm(registry: Registry, number: number, counter: number, holds = allOf(registry, number)): void {
  registry.facts({ type: "receipt", number, counter, held: holds });
}

const states = (registry: Registry, subject: ExposureSubject) =>
  exposure(registry.view, subject).devices.map(({ number, state, since }) => [
    number,
    state,
    since - FOUNDED,
  ]);

describe("of a directive", () => {
  const subject = { kind: "directive", number: 1, version: [1, 2] } as const;

  test("dark since the import, told by a lease, confirmed by a receipt: each since when", () => {
    const registry = fleetOf(2);
    registry.now += 10;
    registry.act("hold", "restrict");
    expect(states(registry, subject)).toEqual([[1, "dark", 0]]);
    registry.now += 10;
    ask(registry, 1);
    expect(states(registry, subject)).toEqual([[1, "told", 20]]);
    registry.now += 10;
    ask(registry, 1);
    expect(states(registry, subject)).toEqual([[1, "told", 20]]);
    registry.now += 10;
    confirm(registry, 1, 1);
    expect(states(registry, subject)).toEqual([[1, "confirmed", 40]]);
    registry.now += 10;
    ask(registry, 1, allOf(registry, 1));
    expect(states(registry, subject)).toEqual([[1, "confirmed", 40]]);
    expect(exposure(registry.view, subject).counts).toEqual({ confirmed: 1, told: 0, dark: 0 });
  });

  test("a contact that brought no lease is the end of the dark's beginning, and tells nothing", () => {
    const registry = fleetOf(1);
    registry.now += 10;
    registry.facts(certify("enroll"));
    registry.act("hold", "observe");
    expect(states(registry, subject)).toEqual([[1, "dark", 10]]);
  });

  test("a newer one confirms it, an older one does not", () => {
    const registry = fleetOf(1);
    registry.act("hold", "restrict");
    confirm(registry, 1, 1, { ...held, directive: [1, 1] });
    expect(states(registry, subject)).toMatchObject([[1, "dark", 0]]);
    confirm(registry, 1, 2, { ...held, directive: [1, 3] });
    expect(states(registry, subject)).toMatchObject([[1, "confirmed", 0]]);
  });

  test("P6: what the fleet believes is no confirmation: only what the device signed", () => {
    const registry = fleetOf(1);
    registry.act("hold", "restrict");
    ask(registry, 1);
    // The same old question, repeated by whoever carries it, is answered and proves nothing.
    registry.now += 10;
    ask(registry, 1, held);
    expect(states(registry, subject)).toMatchObject([[1, "told", 0]]);
  });

  test("of a number that nobody has is about nobody", () => {
    const { counts, devices } = exposure(fleetOf(1).view, { ...subject, number: 4711 });
    expect([counts, devices]).toEqual([{ confirmed: 0, told: 0, dark: 0 }, []]);
  });
});

describe("of what is for all", () => {
  const rows: readonly (readonly [string, (registry: Registry) => void, ExposureSubject])[] = [
    [
      "an epoch",
      (registry) => void registry.act("hold", "isolate", [4]),
      { kind: "ledger", version: [1, 1] },
    ],
    [
      "an advisory list",
      (registry) => void registry.advise("number = 4", "observe"),
      { kind: "advisories", version: [1, 1] },
    ],
    [
      "an advisory removal",
      (registry) => {
        registry.advise("number = 4", "observe");
        registry.unadvise(1);
      },
      { kind: "removals", version: [1, 1] },
    ],
    [
      "an Authority",
      (registry) => {
        registry.authority = 2;
        registry.happen({ type: "authority-issued", version: 2, newDirectives: false, newTime: false });
      },
      { kind: "authority", version: 2 },
    ],
  ];
  test.each(rows)(
    "%s: one confirmed, one told, two dark, the one that was heard last first",
    (_, change, subject) => {
      const registry = fleetOf(4);
      registry.now += 10;
      ask(registry, 3);
      change(registry);
      registry.beacon();
      registry.now += 10;
      for (const number of [1, 2]) ask(registry, number);
      registry.now += 10;
      confirm(registry, 1, 1);
      expect(states(registry, subject)).toEqual([
        [3, "dark", 10],
        [4, "dark", 0],
        [2, "told", 20],
        [1, "confirmed", 30],
      ]);
      const { counts, peers } = exposure(registry.view, subject);
      expect([counts, peers]).toEqual([{ confirmed: 1, told: 1, dark: 2 }, undefined]);
    },
  );

  test("devices that were given to another owner are left out", () => {
    const registry = fleetOf(2);
    const { hardwareId } = registry.device();
    const given = { number: 1, hardwareId, deviceKey: "", previous: "", owner: "", index: 1 } as const;
    registry.happen({ type: "device-transferred", ...given, level: "none", act: "" });
    expect(states(registry, { kind: "authority", version: 2 })).toEqual([[2, "dark", 0]]);
    expect(exposure(registry.view, { kind: "directive", number: 2, version: [1, 2] }).peers?.of).toBe(0);
  });

  test("P11: pages are bounded, go on where the last one ended, and count all", () => {
    const registry = fleetOf(5);
    registry.now += 10;
    ask(registry, 5);
    const subject = { kind: "authority", version: 9 } as const;
    const page = (after?: number) =>
      exposure(registry.view, subject, { limit: 2, state: "dark", ...(after !== undefined && { after }) });
    const first = page();
    expect([first.devices.map(({ number }) => number), first.next]).toEqual([[5, 1], 1]);
    const second = page(first.next);
    expect([second.devices.map(({ number }) => number), second.next]).toEqual([[2, 3], 3]);
    const third = page(second.next);
    expect([third.devices.map(({ number }) => number), third.next]).toEqual([[4], undefined]);
    expect(third.counts).toEqual({ confirmed: 0, told: 0, dark: 5 });
    for (const number of range(MAX_EXPOSED_DEVICES)) registry.facts(birth(number + 5));
    expect(exposure(registry.view, subject, { limit: 1e9 }).devices).toHaveLength(MAX_EXPOSED_DEVICES);
  });
});

describe("peers of a denied device", () => {
  /** Device 1 is denied from epoch 1 on, free from 2 on, denied again from 3 on; a Beacon at each. */
  function story(): Registry {
    const registry = fleetOf(4);
    registry.beacon();
    for (const [kind, level] of [
      ["hold", "isolate"],
      ["release", "none"],
      ["hold", "isolate"],
    ] as const) {
      registry.act(kind, level);
      registry.beacon();
    }
    return registry;
  }
  const peers = (registry: Registry) =>
    exposure(registry.view, { kind: "directive", number: 1, version: [1, 4] }).peers;

  test("deny it when the ledger that they hold has it, whatever came in between", () => {
    const rows = [
      [0, 0],
      [1, 1],
      [2, 0],
      [3, 1],
    ] as const;
    for (const [epoch, denying] of rows) {
      const registry = story();
      confirm(registry, 2, 1, { ...held, ledger: [1, epoch] });
      expect([epoch, peers(registry)]).toEqual([epoch, { denying, of: 3 }]);
    }
  });

  test("that hold a Beacon which is not ours are not counted", () => {
    const registry = story();
    confirm(registry, 2, 1, { ...held, ledger: [1, 4711] });
    confirm(registry, 3, 1, { ...held, ledger: [2, 3] });
    confirm(registry, 4, 1, { ...held, ledger: [1, 3] });
    expect(peers(registry)).toEqual({ denying: 1, of: 3 });
  });
});
