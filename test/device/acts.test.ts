/** One-shot acts, and what a wipe leaves. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { askedActs, dueActs, markDone, mergeDone, wiped } from "../../device/acts.js";
import type { Directive } from "../../protocol/directive.js";
import type { Release } from "../../protocol/release.js";
import type { ActName, ActsDone } from "../../protocol/vector.js";
import { Owner, softSigner } from "./owner.js";

const SEED = 20270101;
const NAMES: readonly ActName[] = ["rekey", "reboot", "attest", "wipe"];

const directive: Directive = {
  subject: 4711,
  version: [1, 9],
  level: "none",
  reason: "",
  lowestGeneration: 1,
  issuedAt: 0,
  rekey: 3,
  attest: 1,
};
const release: Release = { subject: 4711, version: [1, 8], level: "none", issuedAt: 0, wipe: 2 };

describe("what is asked for", () => {
  test("keys, restarts and proofs by the directive, wipes by the release quorum", () => {
    expect(askedActs(directive, release)).toStrictEqual({ wipe: 2, rekey: 3, attest: 1 });
    expect(askedActs(undefined, undefined)).toStrictEqual({});
  });

  test("a directive cannot ask for a wipe", () => {
    expect(askedActs({ ...directive, wipe: 7 } as Directive, undefined)).not.toHaveProperty("wipe");
  });
});

describe("what is due", () => {
  test.each<[string, ActsDone, ActsDone, readonly ActName[]]>([
    ["nothing asked for", {}, {}, []],
    [
      "all at once: in this order",
      { reboot: 1, attest: 1, rekey: 1, wipe: 1 },
      {},
      ["wipe", "rekey", "attest", "reboot"],
    ],
    ["as often done as asked for", { rekey: 3, reboot: 1 }, { rekey: 3, reboot: 1 }, []],
    ["more often done than asked for", { rekey: 3 }, { rekey: 4 }, []],
    ["less often", { rekey: 3, attest: 2 }, { rekey: 2, attest: 2 }, ["rekey"]],
    ["asked for no more", {}, { reboot: 2 }, []],
  ])("%s", (_, asked, done, due) => expect(dueActs(asked, done)).toEqual(due));
});

describe("P2: a count is a level", () => {
  const asked = { reboot: 5, rekey: 1 };

  test("once settles it, however many were missed", () => {
    const done = markDone({ reboot: 2 }, "reboot", asked);
    expect(done).toStrictEqual({ reboot: 5 });
    expect(dueActs(asked, done)).toEqual(["rekey"]);
  });

  test("what the fleet has a receipt for is not done again by a restored image", () => {
    expect(dueActs(asked, mergeDone({}, { reboot: 5 }))).toEqual(["rekey"]);
    expect(mergeDone({ rekey: 1 }, undefined)).toStrictEqual({ rekey: 1 });
  });

  test("a fleet that has forgotten what was done makes nothing happen again", () => {
    expect(mergeDone({ reboot: 5, wipe: 1 }, { reboot: 2 })).toStrictEqual({ reboot: 5, wipe: 1 });
    expect(markDone({ reboot: 5 }, "reboot", { reboot: 2 })).toStrictEqual({ reboot: 5 });
  });

  test("any documents and leases in any order: no count falls, and each rise is one act", () => {
    const counts = fc.record(
      Object.fromEntries(NAMES.map((name) => [name, fc.integer({ min: 1, max: 6 })])) as Record<
        ActName,
        fc.Arbitrary<number>
      >,
      { requiredKeys: [] },
    );
    const life = fc.array(fc.record({ asked: counts, lease: fc.option(counts, { nil: undefined }) }));
    fc.assert(
      fc.property(life, (steps) => {
        let done: ActsDone = {};
        for (const { asked: now, lease } of steps) {
          const before = done;
          done = mergeDone(done, lease);
          const due = dueActs(now, done);
          for (const name of due) done = markDone(done, name, now);
          expect(dueActs(now, done)).toEqual([]);
          for (const name of NAMES)
            expect(done[name] ?? 0).toBe(
              Math.max(before[name] ?? 0, lease?.[name] ?? 0, due.includes(name) ? now[name]! : 0),
            );
        }
      }),
      { seed: SEED, numRuns: 1_000 },
    );
  });
});

describe("a wipe", () => {
  const stays = {
    ...new Owner().bear(4711, softSigner().publicKey),
    directive: Uint8Array.of(3),
    holds: [{ version: [1, 9] as const, level: "isolate" as const }],
    alarms: [{ id: 1, kind: "fork" as const }],
    signedSeconds: 1_800_000_000,
    keyCounter: 4,
    done: { wipe: 1 },
  };
  const works = {
    ...stays,
    ldevid: { chain: [Uint8Array.of(4)], key: "ldevid-3" },
    request: { kind: "renew" as const, nonce: new Uint8Array(16), key: "ldevid-4" },
    lease: Uint8Array.of(5),
  };

  test("P7: takes the identity it worked under, and nothing that holds it", () => {
    expect(wiped(works)).toStrictEqual({ record: stays, keys: ["ldevid-3", "ldevid-4"] });
  });

  test("leaves the key that a re-enrollment gave it, also where its LDevID is of that", () => {
    const based = { ...stays, base: { key: "base-2", publicKey: softSigner().publicKey } };
    const ldevid = { chain: [Uint8Array.of(4)], key: "base-2" };
    expect(wiped({ ...based, ldevid })).toStrictEqual({ record: based, keys: [] });
    expect(wiped({ ...works, base: based.base })).toStrictEqual({
      record: based,
      keys: ["ldevid-3", "ldevid-4"],
    });
  });

  test("leaves the key that a re-enrollment is giving it", () => {
    const request = { kind: "reenroll" as const, nonce: new Uint8Array(16), key: "base-4" };
    const { record, keys } = wiped({ ...works, request });
    expect({ record, keys }).toStrictEqual({ record: { ...stays, request }, keys: ["ldevid-3"] });
  });

  test("of a device that had neither certificate nor request", () => {
    expect(wiped({ ...stays, lease: works.lease })).toStrictEqual({ record: stays, keys: [] });
  });
});
