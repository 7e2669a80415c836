/** The witness of killed.test.ts complains of what it is there for, and of nothing else. */
import { expect, test } from "vitest";
import type { FleetEvent, HeldFact } from "../../fleet/events.js";
import type { Level } from "../../protocol/level.js";
import { NO_VERSION, type Version } from "../../protocol/version.js";
import { type Kept, Witness } from "./kept.js";

const NUMBER = 7;
const HASH = new Uint8Array(8);
const at = { number: NUMBER, at: 0, actor: "fleet" };

/** The device told the fleet that it holds directive 3 (isolate), release 2 in force, one new key, Authority 2. */
function witness(): Witness {
  const made = new Witness(NUMBER);
  const versions = { ledger: [1, 4], advisories: NO_VERSION, removals: NO_VERSION } as const;
  const own = { directive: [1, 3], release: [1, 2] } as const;
  const held: HeldFact = { authority: 2, ...versions, ...own, level: "isolate", done: { rekey: 1 } };
  const events = [
    { ...at, type: "directive-issued", version: [1, 1], level: "restrict" },
    { ...at, type: "release-issued", version: [1, 2], level: "none" },
    { ...at, type: "lease-issued", required: held, held },
    { ...at, type: "directive-issued", version: [1, 3], level: "isolate" },
    { ...at, type: "release-issued", version: [1, 4], level: "observe" },
    { ...at, type: "receipt-received", held },
  ];
  for (const event of events) made.hear(event as unknown as FleetEvent);
  made.settle();
  return made;
}

/** What the device's folder has to hold at the least. */
function kept(change: { [K in Kind]?: Version } & Partial<Omit<Kept, "holds">> & Told = {}): Kept {
  const {
    authority = 2,
    level = "isolate",
    done = { rekey: 1 },
    freed,
    signedSeconds = 9,
    doubt,
    ...others
  } = change;
  const versions = { ledger: [1, 4], directive: [1, 3], release: [1, 2], ...others } as const;
  const { ledger, directive, release } = versions;
  const holds = {
    authority: { version: authority, hash: HASH },
    ledger: { version: ledger, hash: HASH },
    directive: { version: directive, hash: HASH },
    release: { version: release, hash: HASH },
    level,
    done,
  };
  return { holds, freed: freed ?? { version: [1, 2], level: "none" }, signedSeconds, doubt: doubt ?? "none" };
}
type Kind = "ledger" | "directive" | "release";
interface Told {
  readonly authority?: number;
  readonly level?: Level;
  readonly done?: Kept["holds"]["done"];
}

test("what it told the fleet, and more, is as it should be", () => {
  expect(witness().look(kept())).toEqual([]);
  expect(witness().look(kept({ directive: [2, 1], authority: 3, done: { rekey: 1, reboot: 1 } }))).toEqual(
    [],
  );
});

test.each([
  ["an older Authority", kept({ authority: 1 }), /Authority is 1, and was 2/],
  ["an older ledger", kept({ ledger: [1, 3] }), /ledger is 1\.3, and was 1\.4/],
  ["an older directive", kept({ directive: [1, 1] }), /directive is 1\.1/],
  ["an older release", kept({ release: NO_VERSION }), /release is 0\.0/],
  ["a key less", kept({ done: {} }), /count of rekey is 0/],
  ["a lower level", kept({ level: "restrict" }), /level is restrict, and isolate was never lifted/],
  [
    "a release that no lease named",
    kept({ freed: { version: [1, 4], level: "none" } }),
    /no lease has named/,
  ],
  ["doubt", kept({ doubt: "rollback" }), /in doubt: rollback/],
])("%s is told", (_what, found, words) => {
  expect(witness().look(found)).toEqual([expect.stringMatching(words)]);
});

test("what a look has found does not fall either", () => {
  const one = witness();
  expect(one.look(kept({ signedSeconds: 10 }))).toEqual([]);
  expect(one.look(kept({ signedSeconds: 9 }))).toEqual([expect.stringMatching(/signed time is 9/)]);
  expect(one.look(kept({ signedSeconds: 10, freed: { version: NO_VERSION, level: "isolate" } }))).toEqual([
    expect.stringMatching(/release in force is 0\.0, and was 1\.2/),
  ]);
});

test("a release in force lifts, down to the level that it leaves", () => {
  const one = witness();
  const required = { release: [1, 4] };
  const held = { ...required, authority: 2, directive: [1, 3], ledger: [1, 4], level: "isolate", done: {} };
  const about = { advisories: NO_VERSION, removals: NO_VERSION };
  const lease = { ...at, type: "lease-issued", required, held: { ...held, ...about } };
  one.hear(lease as unknown as FleetEvent);
  one.settle();
  const freed = { version: [1, 4], level: "observe" } as const;
  expect(one.look(kept({ release: [1, 4], freed, level: "observe" }))).toEqual([]);
  expect(one.look(kept({ release: [1, 4], freed, level: "none" }))).toHaveLength(1);
});

test("what the fleet was made to think of it is told once", () => {
  const one = witness();
  one.hear({ ...at, type: "clone-suspected", shown: 1, newest: 2 } as FleetEvent);
  one.hear({ ...at, type: "alarm-reported", id: 1, kind: "rollback" } as FleetEvent);
  expect(one.look(kept())).toEqual([expect.stringMatching(/two/), expect.stringMatching(/rollback/)]);
  expect(one.look(kept())).toEqual([]);
});

test("what it told the fleet counts for looks that begin later", () => {
  const one = witness();
  const held = { ...at, authority: 2, ledger: [1, 9], directive: [1, 3], release: [1, 2], done: {} };
  const told = { ...held, advisories: NO_VERSION, removals: NO_VERSION };
  one.hear({ ...at, type: "receipt-received", held: told } as unknown as FleetEvent);
  expect(one.look(kept())).toEqual([]);
  one.settle();
  expect(one.look(kept())).toEqual([expect.stringMatching(/ledger is 1.4, and was 1.9/)]);
});

test("other devices are none of its business", () => {
  const held = { authority: 9, ledger: [9, 9] };
  const one = witness();
  one.hear({ ...at, number: 8, type: "receipt-received", held } as unknown as FleetEvent);
  one.settle();
  expect(one.look(kept())).toEqual([]);
});
