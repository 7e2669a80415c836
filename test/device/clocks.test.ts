/**
 * Clocks that nobody should trust: they begin in 1970 or in 2100, and jump by ten years while the device runs
 * and while it is off. Standing does not hear of it, signed time never falls, and one lease puts it right (P5, P6).
 */
import { afterEach, describe, expect, test } from "vitest";
import { leaseIsCurrent, levelInForce, nowSeconds, standing } from "../../device/state.js";
import { steadyClock } from "../../device/steady-clock.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { Bench } from "./bench.js";
import { DAY, LEASE_SECONDS, Owner } from "./owner.js";
import { closeRigs, Rig } from "./rig.js";

const HOUR = 3600;
const TEN_YEARS = 3653 * DAY;
const dateSeconds = (...date: [number, number, number]) => Date.UTC(date[0], date[1] - 1, date[2]) / 1000;
const DATES = {
  "1970": dateSeconds(1970, 1, 1),
  "2005": dateSeconds(2005, 3, 18),
  "after 2038": dateSeconds(2038, 1, 20),
  "2100": dateSeconds(2100, 3, 1),
} as const;

afterEach(closeRigs);

/** A device on a bench whose powered time comes from a clock that says whatever it is told to say. */
class Sailor extends Bench {
  /** What the clock says, Unix seconds. */
  clock: number;
  #steady;

  constructor(clock: number) {
    super(new Owner([{ afterSeconds: HOUR, level: "observe" }]));
    this.clock = clock;
    this.#steady = this.#begun();
    this.speaking();
  }

  #begun() {
    return steadyClock({ nowMs: () => this.clock * 1000, after: () => ({ cancel: () => undefined }) });
  }

  /** Looks at the clock, as the device does whenever something happens. */
  look(): this {
    this.atMs = this.#steady.nowMs();
    this.feed({ type: "tick" });
    return this;
  }

  /** Truly passes, and the clock with it. */
  run(seconds: number): this {
    this.clock += seconds;
    this.owner.now += seconds;
    return this.look();
  }

  restart(): this {
    this.#steady = this.#begun();
    this.atMs = this.#steady.nowMs();
    this.reboot();
    return this;
  }

  get now(): number {
    return nowSeconds(this.state, this.atMs);
  }

  synced(role: "held" | "device" = "device"): this {
    this.connect(role);
    this.answer();
    return this;
  }
}

describe.each(Object.entries(DATES))("a clock that begins in %s", (_, start) => {
  const jumps: readonly (readonly [string, (clock: number) => number])[] = [
    ["forward by ten years", (clock) => clock + TEN_YEARS],
    ["back by ten years", (clock) => clock - TEN_YEARS],
    ...Object.entries(DATES).map(([name, to]) => [`to ${name}`, () => to] as const),
    ["back by a second", (clock) => clock - 1],
  ];
  const cells = jumps.flatMap(([name, jump]) => [false, true].map((off) => [name, off, jump] as const));

  test.each(cells)("and jumps %s (while it is off: %s)", (_name, off, jump) => {
    const sailor = new Sailor(start).run(HOUR);
    const { now, owner } = sailor;
    const { signedSeconds } = sailor.disk;
    expect(now).toBe(owner.now);
    sailor.receive(owner.directive(1, 1, "restrict"));

    sailor.clock = jump(sailor.clock);
    if (off) sailor.restart();
    else sailor.look();
    expect(sailor.now).toBeGreaterThanOrEqual(now); // staler, never fresher
    expect(sailor.now).toBeLessThanOrEqual(now + DAY);
    expect(sailor.disk.signedSeconds).toBe(signedSeconds);
    expect(standing(sailor.state)).toBe("restrict");
    sailor.receive(owner.directive(1, 2, "isolate"));
    sailor.restart();
    expect(levelInForce(sailor.state, sailor.atMs)).toBe("isolate");

    sailor.synced("held"); // one lease
    expect(sailor.now).toBe(owner.now);
    expect(leaseIsCurrent(sailor.state, sailor.atMs)).toBe(true);
    expect(sailor.state.reported).toBe("isolate");
    sailor.run(HOUR);
    expect(sailor.now).toBe(owner.now);
    sailor.receive(owner.release(1, 3, "none"));
    sailor.synced();
    expect(sailor.state.reported).toBe("none");
    expect(sailor.state.speaking).toBe(true);
    expect(sailor.disk.signedSeconds).toBeGreaterThan(signedSeconds);
  });
});

test("P6: a clock that is set back again and again stops no time", () => {
  const sailor = new Sailor(DATES["2100"]);
  sailor.feed({ type: "disconnected" });
  for (let looks = 0; looks <= LEASE_SECONDS / HOUR + 1; looks++) {
    sailor.clock -= 12 * HOUR;
    sailor.look();
  }
  expect(sailor.state.reported).toBe("observe");
});

test("a clock that is put right a little every hour costs no freshness", () => {
  const sailor = new Sailor(DATES["2005"]);
  sailor.feed({ type: "disconnected" });
  for (let hours = 0; hours < 100; hours++) {
    sailor.run(HOUR);
    sailor.clock -= 0.05;
    sailor.look();
  }
  expect(sailor.now - sailor.owner.now).toBeLessThanOrEqual(5);
});

test("time that ran ahead until no gateway's dates fit: the lobby's signed time puts it right", () => {
  const sailor = new Sailor(DATES["1970"]);
  for (let jumps = 0; jumps < 400; jumps++) {
    sailor.clock += TEN_YEARS;
    sailor.look();
  }
  expect(sailor.now).toBeGreaterThan(sailor.owner.now + 300 * DAY);
  sailor.feed({ type: "connected", door: "front" });
  sailor.feed({ type: "server-refused", why: "dates" });
  sailor.timed();
  expect(sailor.now).toBe(sailor.owner.now);
});

describe("steady time", () => {
  const HOUR_MS = HOUR * 1000;
  const DAY_MS = DAY * 1000;
  test.each<[string, readonly number[], number]>([
    ["counts what passes", [5, 0, 1000], 1005],
    ["counts a day at most at once", [DAY_MS, DAY_MS + 1, 9 * DAY_MS], 3 * DAY_MS],
    ["counts a step back as long as it is", [1000, -400], 1400],
    ["… up to an hour", [-HOUR_MS, -HOUR_MS - 1, -9 * DAY_MS], 3 * HOUR_MS],
  ])("%s", (_, steps, expected) => {
    let ms = -4_000_000_000_000;
    const steady = steadyClock({ nowMs: () => ms, after: () => ({ cancel: () => undefined }) });
    expect(steady.nowMs()).toBe(0);
    const counted = steps.map((step) => {
      ms += step;
      return steady.nowMs();
    });
    expect(counted.at(-1)).toBe(expected);
    expect(counted).toEqual(counted.toSorted((a, b) => a - b));
  });
});

test("the device that an application has runs on such a clock: it obeys, recovers, and says what it may", async () => {
  const real = new JumpClock();
  let offMs = -real.nowMs(); // 1970
  const rig = await Rig.born();
  rig.serve();
  const clock = { nowMs: () => real.nowMs() + offMs, after: real.after.bind(real) };
  await rig.start({ clock });
  await rig.told("speak");
  expect(rig.device.freshness).toMatchObject({ fresh: true, level: "none" });
  expect(rig.device.may("application")).toBe(true);

  offMs -= TEN_YEARS * 1000;
  rig.line.call.receive(rig.fleet.directive(1, 1, "isolate"));
  await rig.told("level");
  expect(["sync", "application"].map((action) => rig.device.may(action as "sync"))).toEqual([true, false]);
  offMs += 2 * TEN_YEARS * 1000;
  expect(rig.device.freshness.fresh).toBe(true); // it counts a day, and the lease lasts seven
  rig.line.call.receive(rig.fleet.release(1, 2, "none"));
  await rig.told("level", 2);
  expect(rig.device.level).toBe("none");
  expect(rig.device.freshness.fresh).toBe(true);
  await rig.told("speak", 3);
});
