/** How often something may happen, and what everyone who asks the same is answered. */
import { describe, expect, test } from "vitest";
import { addressKey, FairQueue } from "../../broker/addresses.js";
import { Answers } from "../../broker/answers.js";
import { Bucket, Buckets } from "../../broker/buckets.js";
import { Overload, spreadSeconds } from "../../broker/overload.js";
import { utf8 } from "../../protocol/bytes.js";

const T0 = 1_800_000_000_000;

describe("a token bucket", () => {
  const rate = { perSecond: 2, burst: 3 };

  test("gives its burst, then as it refills, and says how long to wait", () => {
    const bucket = new Bucket(rate, T0);
    expect([0, 0, 0, 0].map((late) => bucket.take(T0 + late))).toEqual([0, 0, 0, 500]);
    expect(bucket.take(T0 + 400)).toBe(100);
    expect(bucket.take(T0 + 500)).toBe(0);
    expect(bucket.take(T0 + 500)).toBe(500);
  });

  test("never holds more than its burst, and a clock that was set back gives nothing", () => {
    const bucket = new Bucket(rate, T0);
    for (let i = 0; i < 3; i++) expect(bucket.take(T0 + 1e9)).toBe(0);
    expect(bucket.take(T0 + 1e9)).toBe(500);
    expect(bucket.take(T0)).toBe(500);
    expect(bucket.take(T0 + 500)).toBe(0);
  });

  test("of one key leaves the others alone; of many keys the one not seen for the longest is forgotten", () => {
    const buckets = new Buckets<number>({ perSecond: 0.001, burst: 1 });
    expect([buckets.take(1, T0), buckets.take(2, T0), buckets.take(1, T0)]).toEqual([0, 0, 1_000_000]);
    for (let key = 3; key <= 65_537; key++) buckets.take(key, T0);
    expect(buckets.take(1, T0)).toBe(1_000_000); // seen after 2, which made room
    expect(buckets.take(2, T0)).toBe(0);
  });
});

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["", ""],
])("the network of %s is %s", (address, network) => {
  expect(addressKey(address)).toBe(network);
});

describe("a queue of many networks", () => {
  const taken = <Item>(queue: FairQueue<Item>, count: number) =>
    Array.from({ length: count }, () => queue.next(() => true));

  test("serves them in turn, each in its order", () => {
    const queue = new FairQueue<string>(10);
    for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.add(item.slice(0, 1), item);
    expect(taken(queue, 7)).toEqual(["a1", "b1", "c1", "a2", "c2", "a3", undefined]);
  });

  test("passes over a network whose turn may not come", () => {
    const queue = new FairQueue<string>(10);
    for (const item of ["a1", "b1", "b2"]) queue.add(item.slice(0, 1), item);
    const withoutA = () => queue.next((address) => address !== "a");
    expect([withoutA(), withoutA(), withoutA(), queue.next(() => true)]).toEqual([
      "b1",
      "b2",
      undefined,
      "a1",
    ]);
  });

  test("takes no more than its bound, and forgets who left", () => {
    const queue = new FairQueue<string>(2);
    expect(["a1", "a2", "a3"].map((item) => queue.add("a", item))).toEqual([true, true, false]);
    queue.remove("a", "a1");
    queue.remove("a", "a1");
    queue.remove("b", "b1");
    expect([queue.size, queue.add("b", "b1"), queue.size]).toEqual([1, true, 2]);
    expect(taken(queue, 3)).toEqual(["a2", "b1", undefined]);
  });
});

describe("answers that are the same for everyone", () => {
  const question = utf8("which links?");
  const asked = (answers: Answers, reply = utf8("these")) => {
    let times = 0;
    const ask = () => answers.to(question, () => (times++, Promise.resolve([reply])));
    return { ask, times: () => times };
  };

  test("are asked for once, also by those who ask meanwhile", async () => {
    const { ask, times } = asked(new Answers());
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(Array(3).fill([utf8("these")]));
    await ask();
    expect(times()).toBe(1);
  });

  test("are asked for again after a change, one that failed too", async () => {
    const answers = new Answers();
    const { ask, times } = asked(answers);
    await ask();
    answers.forget();
    await ask();
    expect(times()).toBe(2);
    answers.forget();
    await expect(answers.to(question, () => Promise.reject(new Error("away")))).rejects.toThrow("away");
    await ask();
    expect(times()).toBe(3);
  });

  test("are kept within a bound", async () => {
    const answers = new Answers();
    const { ask, times } = asked(answers);
    await ask();
    for (let i = 0; i < 70; i++)
      await answers.to(utf8(`part ${i}`), () => Promise.resolve([new Uint8Array(61_440)]));
    await ask();
    expect(times()).toBe(2);
  });
});

describe("when more is asked than the fleet can take", () => {
  const entered = (overload: Overload, held: boolean) => {
    for (let count = 0; ; count++) if (!overload.enter(held)) return count;
  };

  test("P10: held devices have a share that nobody else takes", () => {
    const overload = new Overload(64);
    const [others, held] = [entered(overload, false), entered(overload, true)];
    expect([others, held]).toEqual([56, 8]);
    overload.leave();
    expect([overload.enter(false), overload.enter(true)]).toEqual([false, true]);
  });

  test("one device that asks again and again waits, and the others do not", () => {
    const overload = new Overload(64);
    for (let i = 0; i < 60; i++) expect(overload.pauseSeconds(1, true, T0)).toBe(0);
    expect(overload.pauseSeconds(1, true, T0)).toBe(1);
    expect(overload.pauseSeconds(1, false, T0)).toBe(0); // frames are counted by themselves
    expect(overload.pauseSeconds(2, true, T0)).toBe(0);
    expect(overload.pauseSeconds(1, true, T0 + 1_000)).toBe(0);
  });

  test("those who are sent away come back at different times", () => {
    expect(spreadSeconds(Uint8Array.of(0, 0, 0, 0))).toBe(1);
    expect(spreadSeconds(Uint8Array.of(255, 255, 255, 255))).toBe(10);
  });
});
