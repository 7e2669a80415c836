/** Which questions go together, and which wait for one before them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_QUEUED_BYTES, MAX_TOGETHER, QuestionQueue } from "../../broker/question-queue.js";

interface Question {
  readonly name: string;
  readonly device: number | undefined;
  readonly packet: Uint8Array;
}

let drawn = 0;
const question = (device: number | undefined, size = 10): Question => ({
  name: `${device ?? "any"}-${++drawn}`,
  device,
  packet: new Uint8Array(size),
});

describe("questions", () => {
  test("go as many together as fit, oldest first", () => {
    const queue = new QuestionQueue<Question>();
    const all = [1, 2, 3, 4, 5].map((device) => question(device));
    for (const one of all) queue.add(one);
    expect([queue.take(25), queue.take(25), queue.take(25), queue.take(25)]).toEqual([
      all.slice(0, 2),
      all.slice(2, 4),
      all.slice(4),
      [],
    ]);
  });

  test("P11: no more go together than may", () => {
    const queue = new QuestionQueue<Question>();
    for (let device = 1; device <= MAX_TOGETHER + 1; device++) queue.add(question(device));
    expect([queue.take(2 ** 20).length, queue.take(2 ** 20).length]).toEqual([MAX_TOGETHER, 1]);
  });

  test("one that is larger than all that fits goes alone", () => {
    const queue = new QuestionQueue<Question>();
    const [large, small] = [question(1, 100), question(2)];
    queue.add(large);
    queue.add(small);
    expect([queue.take(25), queue.take(25)]).toEqual([[large], [small]]);
  });

  test("those that are put back go first, and keep their device's turn", () => {
    const queue = new QuestionQueue<Question>();
    const [a, behindA, b] = [question(1), question(1), question(2)];
    for (const one of [a, behindA]) queue.add(one);
    expect(queue.take(100)).toEqual([a]);
    queue.add(b);
    queue.putBack([a]);
    expect(queue.take(100)).toEqual([a, b]);
    queue.settled(a);
    expect(queue.take(100)).toEqual([behindA]);
  });

  test("P11: more than may wait is turned away, and there is room again when some have gone", () => {
    const queue = new QuestionQueue<Question>();
    const size = 65_536;
    let added = 0;
    while (queue.add(question(undefined, size))) added += 1;
    expect(added * size).toBeLessThan(MAX_QUEUED_BYTES + 2 * size);
    queue.putBack(queue.take(size)); // one that was put back counts again
    expect(queue.add(question(undefined))).toBe(false);
    queue.take(4 * size);
    expect(queue.add(question(undefined))).toBe(true);
    queue.clear();
    expect(queue.take(size)).toEqual([]);
    expect(queue.add(question(1))).toBe(true);
  });

  test("after all were forgotten, one that is settled late gives nobody a turn", () => {
    const queue = new QuestionQueue<Question>();
    const late = question(1);
    queue.add(late);
    queue.take(100);
    queue.clear();
    queue.settled(late);
    const next = question(1);
    queue.add(next);
    expect(queue.take(100)).toEqual([next]);
  });

  test("whatever happens, each goes once, and of a device one at a time, in order", () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant("add"), device: fc.option(fc.integer({ min: 1, max: 3 })) }),
      fc.record({ type: fc.constant("take"), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ type: fc.constant("settle"), which: fc.nat(5) }),
      fc.record({ type: fc.constant("putBack"), which: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new QuestionQueue<Question>();
        const added: Question[] = [];
        const underWay: Question[] = [];
        const settled: Question[] = [];
        const run = (one: (typeof steps)[number]) => {
          if (one.type === "add") {
            const asked = question(one.device ?? undefined);
            added.push(asked);
            queue.add(asked);
          } else if (one.type === "take") underWay.push(...queue.take(10 * one.count));
          else {
            const [chosen] = underWay.splice(one.which % Math.max(1, underWay.length), 1);
            if (!chosen) return;
            if (one.type === "putBack") return queue.putBack([chosen]);
            settled.push(chosen);
            queue.settled(chosen);
          }
          const devices = underWay.flatMap(({ device }) => device ?? []);
          expect(new Set(devices).size).toBe(devices.length);
        };
        steps.forEach(run);
        while (settled.length < added.length) {
          run({ type: "take", count: 1 });
          run({ type: "settle", which: 0 });
        }
        for (const device of [1, 2, 3]) {
          const of = (all: Question[]) => all.filter((one) => one.device === device).map(({ name }) => name);
          expect(of(settled)).toEqual(of(added));
        }
        expect(new Set(settled).size).toBe(added.length);
      }),
    );
  });
});
