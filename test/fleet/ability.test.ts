/** Whether a worker can do its share: it follows its log, is not stopped, and has its keys. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Ability, type Judged, LOOK_MS, MAX_BEHIND, SOON } from "../../fleet/ability.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { FleetError } from "../../fleet/errors.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { freshKey, SmallFleet } from "./fixtures.js";
import { LaggingLog } from "./lagging-log.js";
import { alone, MemoryStagedKeys, nextLink } from "./rotation.js";
import { always } from "./several-services.js";

const arrived = () => new Promise((resolve) => setImmediate(resolve));
const away = () => Promise.reject(new FleetError("unreachable", "JetStream does not answer"));

let clock: JumpClock;
let ability: Ability;
/** What was told: that it can, or why it cannot. */
let told: (string | undefined)[];
beforeEach(() => {
  clock = new JumpClock();
});
afterEach(() => ability.close());

function watch(service: Judged): void {
  ability = new Ability(service, clock);
  told = [];
  ability.onChange(() => told.push(ability.why));
}

async function seconds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    clock.advance(LOOK_MS);
    await arrived();
  }
}

describe("a log that is asked", () => {
  const fleetAt = SmallFleet.open();
  /** Looks that wait for their answer. */
  let waiting: (() => void)[];
  let caughtUp: () => Promise<void>;
  beforeEach(async () => {
    const { service } = await fleetAt;
    waiting = [];
    caughtUp = () => Promise.resolve();
    watch({
      stopped: undefined,
      keys: service.keys,
      caughtUp: () => caughtUp(),
      onEvent: () => () => undefined,
    });
  });
  const never = () => new Promise<void>((resolve) => waiting.push(resolve));
  /** Each look is answered when so many more were due. */
  async function slow(looks: number, times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      await seconds(looks + 1);
      await answered();
    }
  }
  async function answered(): Promise<void> {
    for (const answer of waiting.splice(0)) answer();
    await arrived();
  }
  const behind = expect.stringContaining("what is new in the log does not come here in time");

  test("and answers: nothing is told, however long", async () => {
    await seconds(10 * MAX_BEHIND);
    expect([told, ability.why]).toEqual([[], undefined]);
  });

  test("P10: and does not answer: it is behind at the bound, once, and asked once at a time", async () => {
    await seconds(5);
    caughtUp = never;
    await seconds(MAX_BEHIND);
    expect([told, waiting.length]).toEqual([[], 1]);
    await seconds(1);
    expect([told, ability.behind]).toEqual([[behind], behind]);
    await seconds(MAX_BEHIND);
    expect([told.length, waiting.length]).toEqual([1, 1]);
  });

  test("and answers too late: only a prompt answer says that it is there again", async () => {
    caughtUp = never;
    await seconds(MAX_BEHIND + 1);
    await answered();
    await slow(SOON + 1, 3);
    expect(told).toEqual([behind]);
    await slow(SOON, 1);
    expect(told).toEqual([behind, undefined]);
  });

  test("and is slow but healthy: it is not behind, however long", async () => {
    caughtUp = never;
    await slow(5, 20);
    expect(told).toEqual([]);
  });

  test("and is slower than that: it is left once, and does not flap", async () => {
    caughtUp = never;
    await slow(MAX_BEHIND - 2, 20);
    expect(told).toEqual([behind]);
  });

  test("and is out of reach with all of NATS: left once, and back once", async () => {
    caughtUp = away;
    await seconds(10 * MAX_BEHIND);
    expect(told).toEqual([behind]);
    caughtUp = () => Promise.resolve();
    await seconds(MAX_BEHIND);
    expect(told).toEqual([behind, undefined]);
  });

  test("a clock that leaps ahead, or a process that stood still, makes nobody late", async () => {
    caughtUp = never;
    await seconds(1);
    clock.advance(100 * MAX_BEHIND * LOOK_MS);
    await answered();
    expect(told).toEqual([]);
  });
});

describe("a service", () => {
  test("that is fenced says so at once", async () => {
    const fleet = await SmallFleet.open();
    watch(fleet.service);
    const proof = { kind: "token", number: 7, shown: 12, issued: 3 } as const;
    await fleet.service.record("fleet", () => ({ type: "fence-raised", proof }));
    expect(told).toEqual([expect.stringContaining("device 7 showed sync token 12")]);
    expect(ability.behind).toBeUndefined();
    ability.close();
    watch(fleet.service);
    expect(ability.why).toBeDefined();
    await fleet.service.close();
  });

  test("that lacks keys which another one put in force cannot, until they are here", async () => {
    const shared = new MemoryEventLog();
    const [first, second] = [new MemoryStagedKeys(), new MemoryStagedKeys()];
    const a = await SmallFleet.open({ log: new LaggingLog(shared, always), staged: first });
    const b = await SmallFleet.open({ log: new LaggingLog(shared, always), staged: second });
    watch(b.service);
    const rotate = (lease = freshKey()) => {
      first.waiting = { lease };
      const install = () =>
        a.service.installAuthority(nextLink(a, { roles: { lease: alone(lease.publicKey) } }), "operator");
      return { lease, install };
    };
    const lacking = rotate();
    await lacking.install();
    await arrived();
    expect(told).toEqual([expect.stringContaining("lease; lay their files into keys/next")]);
    second.waiting = { lease: lacking.lease };
    await seconds(1);
    expect(told).toEqual([expect.anything(), undefined]);
    const there = rotate();
    second.waiting = { lease: there.lease };
    await there.install();
    await seconds(1);
    expect(told).toHaveLength(2);
    for (const { service } of [a, b]) await service.close();
  });
});
