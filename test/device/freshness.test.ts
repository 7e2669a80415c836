/** What time does to a device: it runs on through power cuts, and only freshness hears of it (P5, P6). */
import { describe, expect, test } from "vitest";
import type { Level } from "../../protocol/level.js";
import { levelInForce, nowSeconds, standing } from "../../device/state.js";
import { Bench } from "./bench.js";
import { LEASE_SECONDS, Owner } from "./owner.js";

const HOUR = 3600;
const TABLE = [
  { afterSeconds: 2 * HOUR, level: "restrict" },
  { afterSeconds: HOUR, level: "observe" },
  { afterSeconds: 3 * HOUR, level: "isolate" },
] as const;
const level = ({ state, atMs }: Bench) => levelInForce(state, atMs);

describe("the freshness table", () => {
  test.each<[afterSeconds: number, Level]>([
    [-LEASE_SECONDS, "none"],
    [0, "none"],
    [HOUR - 1, "none"],
    [HOUR, "observe"],
    [2 * HOUR - 1, "observe"],
    [2 * HOUR, "restrict"],
    [3 * HOUR - 1, "restrict"],
    [3 * HOUR, "isolate"],
    [1000 * HOUR, "isolate"],
  ])("%i s after the end of the lease: %s", (afterSeconds, expected) => {
    const bench = new Bench(new Owner(TABLE)).speaking();
    bench.feed({ type: "disconnected" });
    bench.atMs += (LEASE_SECONDS + afterSeconds) * 1000;
    expect(level(bench)).toBe(expected);
    expect(standing(bench.state)).toBe("none"); // P6: unreachable is not untrusted
  });

  test("asks nothing of a device that never had a lease", () => {
    const bench = new Bench(new Owner(TABLE)).enrolled();
    bench.pass(1000 * HOUR);
    expect(level(bench)).toBe("none");
  });

  test("does not lower what documents say", () => {
    const bench = new Bench(new Owner(TABLE)).speaking();
    bench.receive(bench.owner.directive(1, 1, "isolate"));
    bench.pass(LEASE_SECONDS + 2 * HOUR);
    expect(level(bench)).toBe("isolate");
  });

  test("each step of it is told when its time comes, though nothing else happens, and once", () => {
    const bench = new Bench(new Owner(TABLE)).speaking();
    bench.feed({ type: "disconnected" });
    const told: string[] = [];
    for (let happened = 0; told.length < 3 && happened < 1000; happened++) {
      const wake = bench.steps.at(-1)?.effects.find((effect) => effect.type === "wake");
      const effects = bench.pass(((wake?.atMs ?? 0) - bench.atMs) / 1000); // sleeps until it said it would look
      for (const effect of effects) {
        if (effect.type === "level") told.push(`${effect.before} ${effect.level} ${bench.atMs / 1000}`);
      }
    }
    const at = (hours: number) => LEASE_SECONDS + hours * HOUR;
    expect(told).toEqual([`none observe ${at(1)}`, `observe restrict ${at(2)}`, `restrict isolate ${at(3)}`]);
  });

  test("what a device knows at boot is not news", () => {
    const bench = new Bench(new Owner(TABLE)).speaking();
    bench.receive(bench.owner.directive(1, 1, "isolate"));
    bench.reboot();
    expect(bench.state.reported).toBe("isolate");
    expect(bench.feed({ type: "tick" }).map(({ type }) => type)).toEqual(["wake"]);
  });
});

describe("powered time", () => {
  const time = ({ state, atMs }: Bench) => nowSeconds(state, atMs);

  test("is stored once an hour while it runs", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.feed({ type: "disconnected" });
    expect(bench.pass(HOUR - 1).map(({ type }) => type)).toEqual(["wake"]);
    expect(bench.pass(1).map(({ type }) => type)).toEqual(["save-session", "wake"]);
    expect(bench.disk.poweredSeconds).toBe(HOUR);
    expect(bench.pass(HOUR - 1).map(({ type }) => type)).toEqual(["wake"]);
    expect(time(bench)).toBe(bench.owner.now);
  });

  test("each boot is charged an hour, so that no power cut makes it fall", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.feed({ type: "disconnected" });
    for (const seconds of [0, 1, HOUR - 1, HOUR, 5 * HOUR + 7]) {
      bench.pass(seconds);
      const before = time(bench);
      bench.reboot();
      expect(time(bench)).toBeGreaterThan(before);
    }
  });

  test("P6: power cycling does not stop it: after enough boots the lease is out", () => {
    const bench = new Bench(new Owner(TABLE)).speaking();
    for (let boots = 0; boots < LEASE_SECONDS / HOUR + 1; boots++) {
      expect(level(bench)).toBe("none");
      bench.reboot();
    }
    expect(level(bench)).toBe("observe");
  });

  test("a device that never heard the time is charged nothing", () => {
    const bench = new Bench(new Owner());
    bench.reboot();
    bench.pass(10 * HOUR);
    expect(bench.disk).toMatchObject({ signedSeconds: 0, poweredSeconds: 0 });
  });

  test("a lease puts it right: what was charged too much is gone", () => {
    const bench = new Bench(new Owner()).speaking();
    for (let boots = 0; boots < 100; boots++) bench.reboot();
    expect(time(bench)).toBe(bench.owner.now + 100 * HOUR);
    bench.connect("device");
    bench.answer();
    expect(time(bench)).toBe(bench.owner.now);
    expect(bench.state.speaking).toBe(true);
  });
});
