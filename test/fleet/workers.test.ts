/** Several services decide on one log: whatever the order, they decide as one (P3), and none answers with less than it knows. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import { decodeFrame } from "../../protocol/frame.js";
import { ErrorReply } from "../../protocol/notice.js";
import { SyncReply } from "../../protocol/sync.js";
import { Lease } from "../../protocol/lease.js";
import { reopenEnvelope } from "../../protocol/envelope.js";
import { openBirth } from "../../fleet/edge.js";
import { type DecidedFact, type FleetEvent, toBase64Url } from "../../fleet/events.js";
import { emptyFold, foldEvent } from "../../fleet/fold.js";
import type { FleetView } from "../../fleet/view.js";
import { FOUNDED, freshKey, known, must, SmallDevice, SmallFleet } from "./fixtures.js";
import { type Draw, LaggingLog } from "./lagging-log.js";
import { certify, codeOf, fleetOf, sync } from "./registry-rig.js";
import { always, at, eventsOf } from "./several-services.js";

/** Two services of one fleet on one log. */
interface Pair {
  readonly shared: MemoryEventLog;
  readonly a: SmallFleet;
  readonly b: SmallFleet;
  readonly logs: readonly [LaggingLog, LaggingLog];
}

async function pair(draw: Draw): Promise<Pair> {
  const shared = new MemoryEventLog();
  const first = new LaggingLog(shared, draw);
  const a = await SmallFleet.open({ log: first });
  const second = new LaggingLog(shared, draw);
  const b = await SmallFleet.open({ log: second });
  return { shared, a, b, logs: [first, second] };
}

async function rebuilt(log: MemoryEventLog): Promise<FleetView> {
  let folded = emptyFold();
  for (const event of await eventsOf(log)) folded = foldEvent(folded, event, nodeCrypto);
  return folded.view;
}

/** Draws that let another go first now and then. */
function drawsFrom(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 30 !== 0;
  };
}

let fleets: Pair;
beforeEach(async () => {
  fleets = await pair(always);
});
afterEach(async () => {
  await fleets.a.service.close();
  await fleets.b.service.close();
});

describe("what one service decides, the other knows", () => {
  test("P10: a level change reaches those who watch at the other", async () => {
    const { a, b } = fleets;
    const camera = await a.member("SN-1");
    const changes: string[] = [];
    b.door.watch((change) =>
      changes.push("number" in change ? `${change.type} ${change.number}` : change.type),
    );
    await a.act("hold", [camera.number], "isolate");
    expect(changes).toEqual(["push 1", "standing 1", "beacon"]);
    expect(must(b.door.standing(camera.number)).level).toBe("isolate");
  });

  test("nobody is refused for what it has not heard yet: a device enrolls at one and syncs at the other", async () => {
    const heard = { a: true, b: true };
    const shared = new MemoryEventLog();
    const a = await SmallFleet.open({ log: new LaggingLog(shared, () => heard.a) });
    const late = new LaggingLog(shared, () => heard.b);
    const b = await SmallFleet.open({ log: late });
    heard.b = false;
    const camera = await a.member("SN-1");
    expect(b.service.view.devices.size).toBe(0);
    const reply = b.door.handle(camera.number, at(b, camera).syncRequest());
    heard.b = true;
    decodeFrame(SyncReply, must((await reply)[0]));
  });

  test("nor for a hold that was lifted meanwhile at the other", async () => {
    const heard = { b: true };
    const shared = new MemoryEventLog();
    const a = await SmallFleet.open({ log: new LaggingLog(shared, always) });
    const b = await SmallFleet.open({ log: new LaggingLog(shared, () => heard.b) });
    const camera = await a.member("SN-1");
    await a.act("hold", [camera.number], "restrict");
    heard.b = false;
    await a.act("release", [camera.number], "none");
    expect(b.device(camera.number).level).toBe("restrict");
    const renewed = at(b, camera).certify("renew");
    heard.b = true;
    await renewed;
  });

  test("nor is anybody kept waiting for it: while others write on, a stranger is refused at once", async () => {
    const shared = new MemoryEventLog();
    const b = await SmallFleet.open({ log: new BusyLog(shared) });
    const nobody = { type: "receipt", number: 99, counter: 1, held: heldNothing } as const;
    expect(await b.service.request(nobody, "device/99")).toMatchObject({ refusal: { code: "denied" } });
  });

  test("a genuine stranger is refused all the same", async () => {
    const { b } = fleets;
    const stranger = new SmallDevice(b, 99, freshKey(), {
      idevid: [],
      voucher: new Uint8Array(),
      record: new Uint8Array(),
    });
    const [reply] = await b.door.handle(99, stranger.syncRequest());
    expect(decodeFrame(ErrorReply, must(reply)).code).toBe("denied");
  });

  test("work that one leaves open the other finishes", async () => {
    const { a, b } = fleets;
    const devices = await Promise.all(["SN-1", "SN-2", "SN-3"].map((id) => a.member(id)));
    const numbers = devices.map(({ number }) => number);
    const { id } = await requested(a, numbers);
    expect(b.device(1).level).toBe("none");
    await b.service.request({ type: "receipt", number: 1, counter: 1, held: heldNothing }, "device/1");
    expect(numbers.map((number) => b.device(number).level)).toEqual(["isolate", "isolate", "isolate"]);
    const directives = (await eventsOf(fleets.shared)).filter((event) => "act" in event && event.act === id);
    expect(directives).toHaveLength(3);
  });
});

describe("what came late", () => {
  test("P7: a lease by keys that were replaced meanwhile is nothing of the device's", async () => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll"));
    const [late] = registry.facts(sync({ key: "new-key" }));
    registry.happen({
      type: "device-reenrolled",
      number: 1,
      key: { algorithm: "ES256", bytes: "base-2" },
      act: "a",
    });
    const before = registry.device();
    registry.happen({ ...must(late), nonce: "late" } as DecidedFact);
    expect(registry.device()).toEqual(before);
  });

  test("P3: a Beacon over a ledger that has changed since, or beside another of its version, is refused", () => {
    const registry = fleetOf(1);
    const { epoch } = registry.view;
    registry.facts({ type: "issue-beacon", epoch, digest: "digest" });
    expect(codeOf(registry.ask({ type: "issue-beacon", epoch, digest: "digest" }))).toBe("conflict");
    registry.act("hold", "isolate");
    expect(codeOf(registry.ask({ type: "issue-beacon", epoch, digest: "digest" }))).toBe("conflict");
  });

  test("P3: a lease that was decided while the fence was raised elsewhere does not leave", async () => {
    const heard = { b: true };
    const shared = new MemoryEventLog();
    const a = await SmallFleet.open({ log: new LaggingLog(shared, always) });
    const b = await SmallFleet.open({ log: new LaggingLog(shared, () => heard.b) });
    const camera = await a.member("SN-1");
    heard.b = false;
    const proof = { kind: "token", number: 1, shown: 9, issued: 1 } as const;
    await a.service.record("fleet", () => ({ type: "fence-raised", proof }));
    const asked = at(b, camera).send(at(b, camera).syncRequest());
    heard.b = true;
    expect(decodeFrame(ErrorReply, must((await asked)[0])).code).toBe("fleet-unreachable");
  });
});

describe("P3: whoever is first", () => {
  test("founds the fleet; the other is told what to do", async () => {
    const shared = new MemoryEventLog();
    const logs = [1, 2].map((seed) => new LaggingLog(shared, drawsFrom(seed)));
    const [one, other] = await Promise.allSettled(
      logs.map((log, i) => SmallFleet.open({ log, label: `${i}` })),
    );
    const refused = one?.status === "rejected" ? one : other;
    expect([one, other].filter((each) => each?.status === "fulfilled")).toHaveLength(1);
    expect(refused).toMatchObject({
      reason: { code: "conflict", message: expect.stringContaining("backup") as string },
    });
    const founded = (await eventsOf(shared)).filter(({ type }) => type === "fleet-created");
    expect(founded).toHaveLength(1);
  });

  test("the same hardware, born at both at once, gets one number", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const both = await pair(drawsFrom(seed));
      const key = freshKey();
      const [one, other] = await Promise.all([both.a.birth("SN-1", key), both.b.birth("SN-1", key)]);
      expect(one.record).toEqual(other.record);
      expect((await rebuilt(both.shared)).devices.size).toBe(1);
    }
  });

  test("different hardware, born at both at once, gets different numbers, dense", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const both = await pair(drawsFrom(seed));
      const born = [0, 1, 2, 3].map((i) => (i % 2 === 0 ? both.a : both.b).birth(`SN-${i}`, freshKey()));
      await Promise.all(born);
      expect([...(await rebuilt(both.shared)).devices.keys()].toSorted((a, b) => a - b)).toEqual([
        1, 2, 3, 4,
      ]);
    }
  });

  test("whatever both decide at once: no version twice, one LDevID for a generation's request, equal views", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1 }),
        fc.array(happening(), { minLength: 4, maxLength: 24 }),
        async (seed, plan) => {
          const both = await pair(drawsFrom(seed));
          const members = await Promise.all(["SN-1", "SN-2", "SN-3"].map((id) => both.a.member(id)));
          await both.b.service.caughtUp();
          await Promise.all(plan.map((each) => carryOut(both, members, each)));
          await Promise.all([both.a.service.caughtUp(), both.b.service.caughtUp()]);
          const events = await eventsOf(both.shared);
          expect(repeatedVersions(events)).toEqual([]);
          const view = await rebuilt(both.shared);
          expect(known(both.a.service.view)).toEqual(known(view));
          expect(known(both.b.service.view)).toEqual(known(view));
        },
      ),
      { numRuns: 40, seed: 20261122 },
    );
  }, 60_000);

  test("P7: alarms of two numbers of one hardware, heard at both at once: no version twice", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const both = await pair(drawsFrom(seed));
      const first = await both.a.member("SN-1");
      const key = freshKey();
      const place = { number: 900, index: 900, hardwareId: utf8("SN-1"), model: "camera", bornAt: FOUNDED };
      const papers = both.a.papersOf({ ...place, publicKey: key.publicKey });
      const twin = new SmallDevice(both.a, 900, key, papers);
      const { trust } = both.a.service;
      const birth = openBirth(papers, { trust, crypto: nodeCrypto, now: FOUNDED });
      await both.a.service.request({ type: "import", birth }, "batch");
      await twin.certify("enroll");
      await both.b.service.caughtUp();
      const alarms = [{ id: 1, kind: "tamper" as const }];
      const there = at(both.b, twin);
      await Promise.all([
        first.send(first.syncRequest({ alarms })),
        there.send(there.syncRequest({ alarms })),
      ]);
      expect(repeatedVersions(await eventsOf(both.shared))).toEqual([]);
      const view = await rebuilt(both.shared);
      expect([1, 900].map((number) => must(view.devices.get(number)).level)).toEqual(["isolate", "isolate"]);
    }
  });

  test("P4: a lease that is answered names all that stands before it in the log", async () => {
    let afterHold = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const both = await pair(drawsFrom(seed));
      const camera = await both.a.member("SN-1");
      await both.b.service.caughtUp();
      const there = at(both.b, camera);
      const held = both.a.act("hold", [camera.number], "isolate");
      for (let turn = 0; turn < seed; turn++) await Promise.resolve(); // the sync comes earlier or later
      const [reply] = await there.send(there.syncRequest());
      await held;
      const { lease } = decodeFrame(SyncReply, must(reply));
      const events = await eventsOf(both.shared);
      const leaseAt = events.findIndex(({ signed }) => signed === toBase64Url(must(lease)));
      const isHeld = events
        .slice(0, leaseAt)
        .some((event) => event.type === "directive-issued" && event.level === "isolate");
      const { value } = reopenEnvelope(Lease, must(lease), nodeCrypto);
      expect(value.required.level, `seed ${seed}`).toBe(isHeld ? "isolate" : "none");
      if (isHeld) afterHold += 1;
    }
    expect(afterHold).toBeGreaterThan(5);
    expect(afterHold).toBeLessThan(55);
  });
});

/** Each time it has caught up, somebody else has written something. */
class BusyLog extends LaggingLog {
  readonly #others: MemoryEventLog;
  #counter = 0;

  constructor(shared: MemoryEventLog) {
    super(shared, always);
    this.#others = shared;
  }

  override async caughtUp(): Promise<void> {
    const counter = ++this.#counter;
    const about = { number: 7, held: heldNothing, at: FOUNDED, actor: "device/7" };
    await this.#others.append(
      `device/${1000 + counter}`,
      [{ type: "receipt-received", counter, ...about }],
      0,
    );
    await super.caughtUp();
  }
}

type Happening = { readonly where: "a" | "b" } & (
  | { readonly what: "sync" | "renew"; readonly device: number }
  | { readonly what: "hold" | "release"; readonly device: number }
  | { readonly what: "birth"; readonly hardware: number }
  | { readonly what: "advise" }
);

function happening(): fc.Arbitrary<Happening> {
  const where = fc.constantFrom("a" as const, "b" as const);
  const device = fc.integer({ min: 0, max: 2 });
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ where, what: fc.constantFrom("sync" as const, "renew" as const), device }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ where, what: fc.constantFrom("hold" as const, "release" as const), device }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        where,
        what: fc.constant("birth" as const),
        hardware: fc.integer({ min: 10, max: 12 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ where, what: fc.constant("advise" as const) }) },
  );
}

/** Refusals are answers too: what matters is what comes into the log. */
async function carryOut(both: Pair, members: readonly SmallDevice[], each: Happening): Promise<void> {
  const fleet = both[each.where];
  switch (each.what) {
    case "sync":
    case "renew": {
      const device = at(fleet, must(members[each.device]));
      if (each.what === "sync") await device.send(device.syncRequest());
      else await device.certify("renew").catch(() => undefined);
      return;
    }
    case "hold":
    case "release":
      await fleet.act(
        each.what,
        [must(members[each.device]).number],
        each.what === "hold" ? "restrict" : "none",
      );
      return;
    case "birth":
      await fleet.birth(`SN-${each.hardware}`, freshKey()).catch(() => undefined); // born already, with another key
      return;
    case "advise":
      await fleet.advise('model == "camera"', "observe");
  }
}

/** Names of documents that exist twice with other content. */
function repeatedVersions(events: readonly FleetEvent[]): readonly string[] {
  const seen = new Map<string, string>();
  const repeated: string[] = [];
  for (const event of events) {
    if (!("version" in event)) continue;
    const about =
      event.type === "directive-issued" || event.type === "release-issued"
        ? `device ${event.number}`
        : event.type;
    const name = `${about} ${JSON.stringify(event.version)}`;
    if (seen.has(name)) repeated.push(name);
    seen.set(name, event.signed ?? "");
  }
  return repeated;
}

const heldNothing = {
  authority: 1,
  ledger: [0, 0],
  advisories: [0, 0],
  removals: [0, 0],
  directive: [0, 0],
  release: [0, 0],
  level: "none",
  done: {},
} as const;

/** Asked for at `fleet`, which is gone before it does anything about it. */
async function requested(fleet: SmallFleet, numbers: readonly number[]): Promise<{ id: string }> {
  const id = "00000000000000aa";
  const act = { kind: "hold", level: "isolate", numbers, reason: "story" } as const;
  await fleet.log.append(
    "fleet",
    [{ type: "act-requested", id, act, at: fleet.service.now(), actor: "operator" }],
    await endOf(fleet),
  );
  return { id };
}

async function endOf(fleet: SmallFleet): Promise<number> {
  let end = 0;
  for await (const { position, subject } of fleet.log.read(0)) if (subject === "fleet") end = position;
  return end;
}
