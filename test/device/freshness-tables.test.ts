/** Whose table says what the end of a lease does, from when on, and what the firmware hears of it (P6, P13). */
import { describe, expect, test } from "vitest";
import { type Action, isAllowed } from "../../device/allowed.js";
import { freshnessOf } from "../../device/freshness.js";
import { levelInForce, standing } from "../../device/state.js";
import type { Effect } from "../../device/steps.js";
import type { FreshnessRules } from "../../protocol/authority.js";
import { LEVELS, type Level } from "../../protocol/level.js";
import { Bench } from "./bench.js";
import { DAY, LEASE_SECONDS, Owner, START } from "./owner.js";

const HOUR = 3600;
const FOR_ALL: FreshnessRules = [{ afterSeconds: HOUR, level: "observe" }];
const OF_CAMERAS: FreshnessRules = [{ afterSeconds: HOUR, level: "restrict" }];
const ITS_OWN: FreshnessRules = [{ afterSeconds: HOUR, level: "isolate" }];
const level = ({ state, atMs }: Bench) => levelInForce(state, atMs);
/** Offline until its lease ended an hour ago. */
function lapsed(bench: Bench): Bench {
  bench.feed({ type: "disconnected" });
  bench.pass(LEASE_SECONDS + HOUR);
  return bench;
}
const synced = (bench: Bench) => {
  bench.connect("device");
  bench.answer();
  return bench;
};
const camera = (own?: FreshnessRules, models = [{ model: "camera", freshness: [...OF_CAMERAS] }]) => {
  const bench = new Bench(new Owner([...FOR_ALL], models)).speaking();
  if (own) bench.receive(bench.owner.release(1, 1, "none", { freshness: [...own] }));
  return own ? synced(bench) : bench;
};

describe("the table that counts", () => {
  test.each<[string, Bench, Level]>([
    ["is that of its model", camera(), "restrict"],
    [
      "is the one for all, where its model has none",
      camera(undefined, [{ model: "lock", freshness: [] }]),
      "observe",
    ],
    ["is its own, where a release in force brought one", camera(ITS_OWN), "isolate"],
    ["may ask for nothing at all", camera([]), "none"],
  ])("%s", (_, bench, expected) => {
    expect(level(lapsed(bench))).toBe(expected);
    expect(standing(bench.state)).toBe("none"); // P6
    bench.reboot();
    expect(level(bench)).toBe(expected);
    expect(level(synced(bench))).toBe("none"); // and a lease ends it
  });

  test.each([[[] as FreshnessRules], [ITS_OWN]])(
    "P13: a release that waits brings none yet, whatever is in it: %j",
    (own) => {
      const bench = lapsed(camera());
      bench.receive(bench.owner.release(1, 1, "none", { freshness: [...own] }));
      expect(level(bench)).toBe("restrict");
      bench.reboot();
      expect(level(bench)).toBe("restrict");
      expect(level(lapsed(synced(bench)))).toBe(own.length === 0 ? "none" : "isolate");
    },
  );

  test("the next release ends it, once a lease names that", () => {
    const bench = lapsed(camera([]));
    bench.receive(bench.owner.release(1, 2, "none"));
    expect(level(bench)).toBe("none");
    expect(level(lapsed(synced(bench)))).toBe("restrict");
  });

  test("P6: new terms of time and directives keep how old contact is, and the device's own table", () => {
    const bench = lapsed(camera(ITS_OWN));
    bench.receive(bench.owner.rotate({ terms: ["time", "directive"], timeBase: START }));
    expect(level(bench)).toBe("isolate");
    bench.reboot();
    expect(level(bench)).toBe("isolate");
    expect(freshnessOf(bench.state, bench.atMs)).toMatchObject({ fresh: false, level: "isolate" });
  });
});

describe("the firmware hears", () => {
  const news = (effects: readonly Effect[]) => effects.filter(({ type }) => type === "freshness");

  test("when the lease ends, when a level follows, and when a lease came: each once, though nothing else happens", () => {
    const bench = new Bench(new Owner([...FOR_ALL, { afterSeconds: DAY, level: "restrict" }])).enrolled();
    bench.connect("device");
    const goodUntil = START + LEASE_SECONDS;
    expect(news(bench.answer())).toEqual([{ type: "freshness", fresh: true, goodUntil, level: "none" }]);
    bench.feed({ type: "disconnected" });
    const told: unknown[] = [];
    for (let looks = 0; told.length < 3 && looks < 1000; looks++) {
      const wake = bench.steps.at(-1)?.effects.find((effect) => effect.type === "wake");
      for (const effect of news(bench.pass(((wake?.atMs ?? 0) - bench.atMs) / 1000)))
        told.push([bench.atMs / 1000, effect]);
    }
    const ended = { type: "freshness", fresh: false, goodUntil };
    expect(told).toEqual([
      [LEASE_SECONDS + 1, { ...ended, level: "none" }],
      [LEASE_SECONDS + HOUR, { ...ended, level: "observe" }],
      [LEASE_SECONDS + DAY, { ...ended, level: "restrict" }],
    ]);
    bench.reboot();
    expect(news(bench.feed({ type: "tick" }))).toEqual([]); // known at boot is no news
    bench.connect("device");
    const again = {
      type: "freshness",
      fresh: true,
      goodUntil: bench.owner.now + LEASE_SECONDS,
      level: "none",
    };
    expect(news(bench.answer())).toEqual([again]);
  });

  test("nothing of it where standing changes", () => {
    const bench = camera();
    expect(news(bench.receive(bench.owner.directive(1, 1, "isolate")))).toEqual([]);
  });
});

test("P10: what a device may do at each level", () => {
  const actions = [
    "sync",
    "attest",
    "update",
    "heartbeat",
    "application",
  ] as const satisfies readonly Action[];
  const levels = Object.keys(LEVELS) as Level[];
  const may = levels.map((at) => [at, ...actions.filter((action) => isAllowed(at, action))].join(" "));
  expect(may).toEqual([
    "none sync attest update heartbeat application",
    "observe sync attest update heartbeat application",
    "restrict sync attest update heartbeat",
    "isolate sync",
    "revoked sync",
  ]);
});
