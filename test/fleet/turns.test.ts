/** Work in turns, also when so much waits that some of it is refused, and when nothing more is to begin. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeEach, describe, expect, test } from "vitest";
import { FleetError } from "../../fleet/errors.js";
import { Turns } from "../../fleet/turns.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";

const MOST = 10_000;
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

let turns: Turns;
/** Ends each piece of work that runs. */
let releases: (() => void)[];
beforeEach(() => {
  turns = new Turns();
  releases = [];
});

/** Work that runs until it is released. */
const held = () => new Promise<void>((resolve) => releases.push(resolve));

/** All that can go on has gone on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("P11: after one was refused, what runs alone still runs alone", async () => {
  const all = Array.from({ length: MOST }, () => turns.take(held));
  await expect(turns.take(held)).rejects.toMatchObject({ code: "overloaded" });
  await settle();
  releases.shift()?.(); // makes room for one more
  await all[0];
  const more = turns.take(held);
  await settle();
  expect(releases).toHaveLength(1);
  for (const one of [...all.slice(1), more]) {
    await settle();
    releases.shift()?.();
    await one;
  }
});

test("P11: what a turn resulted in is not kept", async () => {
  const results: WeakRef<object>[] = [];
  for (const begin of ["take", "share", "take"] as const)
    await turns[begin](async () => {
      const result = { some: "record" };
      results.push(new WeakRef(result));
      return result;
    });
  await turns.take(async () => undefined);
  await settle();
  collectGarbage();
  expect(results.map((result) => result.deref())).toEqual([undefined, undefined, undefined]);
});

test("P11: idle waits for what runs, also after one was refused", async () => {
  const running = turns.take(held);
  const waiting = Array.from({ length: MOST - 1 }, () => turns.share(() => Promise.resolve()));
  await expect(turns.take(held)).rejects.toMatchObject({ code: "overloaded" });
  let isIdle = false;
  const idle = turns.idle().then(() => (isIdle = true));
  await settle();
  expect(isIdle).toBe(false);
  releases.shift()?.();
  await Promise.all([running, ...waiting, idle]);
});

describe("refused", () => {
  const why = new FleetError("unreachable", "it ends");
  const told = { code: "unreachable", message: "it ends" };

  test("P11: what waits is refused at once, and whatever comes later; what runs goes on, and idle waits for it", async () => {
    const running = turns.share(held);
    const waiting = [turns.take(held), turns.share(held), turns.take(held)];
    await settle();
    turns.refuse(why);
    for (const refused of [...waiting, turns.take(held), turns.share(held)])
      await expect(refused).rejects.toMatchObject(told);
    let isIdle = false;
    const idle = turns.idle().then(() => (isIdle = true));
    await settle();
    expect([isIdle, releases.length]).toEqual([false, 1]);
    releases.shift()?.();
    await Promise.all([running, idle]);
  });

  test("P4: what runs is not told of a log that was closed under it, and is told of everything else", async () => {
    const fails = (code: "storage-failed" | "denied") => async () => {
      await held();
      throw new FleetError(code, code);
    };
    const running = [turns.share(fails("storage-failed")), turns.share(fails("denied"))];
    await settle();
    turns.refuse(why);
    for (const release of releases) release();
    await expect(running[0]).rejects.toMatchObject(told);
    await expect(running[1]).rejects.toMatchObject({ code: "denied" });
  });
});

describe("drained", () => {
  const STILL_MS = 5_000;
  let clock: JumpClock;
  beforeEach(() => {
    clock = new JumpClock();
  });

  test("when all has ended, and what was asked for right after it", async () => {
    const drained = turns.drained(clock, () => 0);
    await turns.take(async () => undefined);
    const more = turns.take(held);
    await settle();
    for (let n = 0; n < 3; n++) clock.advance(1);
    releases.shift()?.();
    await more;
    expect(await drained).toBe(true);
  });

  test("P11: not where nothing comes of it any more; as long as something does, it is waited for", async () => {
    let progress = 0;
    void turns.take(held);
    let isOver: boolean | undefined;
    const drained = turns.drained(clock, () => progress).then((is) => (isOver = is));
    for (let n = 0; n < 5; n++) {
      progress += 1;
      clock.advance(STILL_MS);
      await settle();
      expect(isOver).toBeUndefined();
    }
    clock.advance(STILL_MS);
    await drained;
    expect(isOver).toBe(false);
  });
});
