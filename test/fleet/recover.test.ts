/** Mending a log: what copies of it say, what there is to do, and that it is done once, wherever it is stopped. */
import { beforeAll, describe, expect, test } from "vitest";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import type { FenceProof, FleetEvent } from "../../fleet/events.js";
import type { LogRecord } from "../../fleet/ports.js";
import { type ClosedLog, NO_HASH, stateOf } from "../../fleet/recovery/closed-log.js";
import { findOut } from "../../fleet/recovery/find-out.js";
import { longestOf, partingOf } from "../../fleet/recovery/histories.js";
import { beginNewTerms, linkWithNewTerms } from "../../fleet/recovery/new-terms.js";
import { covers, type Found, planRecovery } from "../../fleet/recovery/plan.js";
import { liftAfterRefill, refill } from "../../fleet/recovery/refill.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { TermKind } from "../../fleet/ceremony-next.js";
import { FOUNDED, must, recordsOf, SmallFleet } from "./fixtures.js";
import { linkAfter } from "./rotation.js";
import { entropy } from "./served-fleet.js";

let fleet: SmallFleet;
let records: readonly LogRecord[];
beforeAll(async () => {
  fleet = await SmallFleet.open();
  const camera = await fleet.member("SN-1");
  for (let i = 0; i < 3; i++) await camera.send(camera.syncRequest());
  await fleet.act("hold", [1], "observe");
  records = await recordsOf(fleet.log);
});

/** The first records of the fleet's log. */
async function beginning(count: number): Promise<MemoryEventLog> {
  const log = new MemoryEventLog();
  await extend(log, records.slice(0, count));
  return log;
}
async function extend(log: MemoryEventLog, more: readonly Pick<LogRecord, "subject" | "events">[]) {
  const { ends } = await stateOf(log, nodeCrypto);
  const newest = new Map(ends);
  for (const { subject, events } of more)
    newest.set(subject, await log.append(subject, events, newest.get(subject) ?? 0));
}
const mending = { actor: "admin", reason: "the disk was replaced", now: FOUNDED + 60 };
const proof: FenceProof = { kind: "token", number: 1, shown: 3, issued: 1 };
const raised: FleetEvent = { type: "fence-raised", proof, at: FOUNDED, actor: "device/1" };
const hashes = async (log: ClosedLog & MemoryEventLog) => (await recordsOf(log)).map(({ hash }) => hash);

describe("copies", () => {
  test("the longest is found, wherever it stands, and all others are beginnings of it", async () => {
    const copies = await Promise.all(
      [2, records.length, 0, 5].map(async (count) => ({
        name: `copy of ${count}`,
        history: await beginning(count),
      })),
    );
    const { name, end } = await longestOf(copies);
    expect([name, end]).toEqual([`copy of ${records.length}`, records.length]);
  });

  test("one that is of another history is named, with the record where it shows", async () => {
    const other = await beginning(4);
    await extend(other, [{ subject: "fleet", events: [raised] }]);
    const copies = [
      { name: "left", history: await beginning(6) },
      { name: "right", history: other },
    ];
    expect(await partingOf(must(copies[0]).history, other)).toBe(5);
    const message = expect.stringMatching(/left and right .* record 5 /);
    await expect(longestOf(copies)).rejects.toMatchObject({ code: "conflict", message });
  });
});

describe("a refill", () => {
  test("P4: gives back every record, with its hash, and none twice, wherever it is stopped and run again", async () => {
    const source = await beginning(records.length);
    for (let stop = 0; stop < records.length - 3; stop++) {
      const log = await beginning(3);
      let left = stop;
      const stopping: ClosedLog = {
        read: (from) => log.read(from),
        append: (subject, events, expected) =>
          left-- > 0 ? log.append(subject, events, expected) : Promise.reject(new Error("the power went")),
      };
      await expect(refill(stopping, source)).rejects.toThrow("the power went");
      expect(await refill(log, source)).toBe(records.length - 3 - stop);
      expect(await hashes(log)).toEqual(records.map(({ hash }) => hash));
      expect(await refill(log, source)).toBe(0);
    }
  });

  test("ends the fence in the name of somebody, with a reason", async () => {
    const log = await beginning(records.length);
    await extend(log, [{ subject: "fleet", events: [raised] }]);
    await liftAfterRefill(log, await stateOf(log, nodeCrypto), mending);
    const { folded } = await stateOf(log, nodeCrypto);
    expect([folded.view.fence, folded.view.era]).toEqual([undefined, 0]);
    const [lifted] = must((await recordsOf(log)).at(-1)).events;
    expect(lifted).toMatchObject({ actor: "admin", reason: "the disk was replaced", how: "refilled" });
  });

  test("says why it was raised where the log does not, and whose copies were left out", async () => {
    const liftOf = async (log: MemoryEventLog) => {
      const named = { ...mending, fence: proof, without: ["0123456789abcdef"] };
      await liftAfterRefill(log, await stateOf(log, nodeCrypto), named);
      return must(must((await recordsOf(log)).at(-1)).events[0]);
    };
    const log = await beginning(records.length);
    expect(await liftOf(log)).toMatchObject({ fence: proof, without: ["0123456789abcdef"] });
    expect((await stateOf(log, nodeCrypto)).folded.view.leftOut).toEqual(new Set(["0123456789abcdef"]));
    await extend(log, [{ subject: "fleet", events: [raised] }]);
    expect(await liftOf(log)).not.toHaveProperty("fence"); // it stands there
  });

  test("from another history is refused before anything is written", async () => {
    const log = await beginning(4);
    await extend(log, [{ subject: "fleet", events: [raised] }]);
    await expect(refill(log, await beginning(7))).rejects.toMatchObject({ code: "conflict" });
    await expect(refill(log, await beginning(2))).rejects.toMatchObject({ code: "conflict" });
    expect(await recordsOf(log)).toHaveLength(5);
  });
});

describe("new terms", () => {
  const all: readonly TermKind[] = ["directive", "advisory", "ledger", "time"];
  const begin = async (log: MemoryEventLog, link: Uint8Array) =>
    beginNewTerms(log, await stateOf(log, nodeCrypto), link, { current: fleet.keys, staged: {} }, mending, {
      crypto: nodeCrypto,
    });

  test("link and end of the fence are one record, in the name of somebody", async () => {
    const log = await beginning(5);
    await extend(log, [{ subject: "fleet", events: [raised] }]);
    const trust = must((await stateOf(log, nodeCrypto)).folded.chain[0]);
    const link = linkWithNewTerms(trust, fleet.keys.root, { crypto: nodeCrypto, entropy, now: mending.now });
    expect(await begin(log, link)).toBe(2);
    const { events } = must((await recordsOf(log)).at(-1));
    expect(events.map(({ type }) => type)).toEqual(["authority-issued", "fence-lifted"]);
    for (const event of events) expect(event).toMatchObject({ actor: "admin", at: mending.now });
    const { folded } = await stateOf(log, nodeCrypto);
    expect(folded.view).toMatchObject({ era: 1, countsSince: 2 });
    expect(folded.view.fence).toBeUndefined();
    expect(must(folded.chain[1]).authority.value.terms).toMatchObject({
      directive: 2,
      advisory: 2,
      ledger: 2,
      time: 2,
      timeBase: mending.now,
    });
    await expect(begin(log, link)).rejects.toMatchObject({ code: "bad-request" }); // not twice
  });

  test.each(all)("a link that keeps the term of %s is refused", async (kept) => {
    const log = await beginning(5);
    const { trust } = fleet.service;
    const link = linkAfter(trust, { terms: all.filter((kind) => kind !== kept) }, [fleet.keys.root]);
    const message = expect.stringContaining(`keeps the term of ${kept},`);
    await expect(begin(log, link)).rejects.toMatchObject({ code: "bad-request", message });
    expect(await recordsOf(log)).toHaveLength(5);
  });

  test("a link that names keys which are not here is refused, or the server could not start", async () => {
    const log = await beginning(5);
    const hold = { keys: [fleet.keys.release.publicKey], threshold: 1 };
    const link = linkAfter(fleet.service.trust, { terms: all, roles: { hold } }, [fleet.keys.root]);
    await expect(begin(log, link)).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("what is found", () => {
  const look = async (
    log: MemoryEventLog,
    copied: number,
    asides: readonly MemoryEventLog[] = [],
    ends: Readonly<Record<string, number>> = {},
  ) => {
    const history = await beginning(copied);
    const copy = { name: "worker-2", history, end: copied, ends: new Map(Object.entries(ends)) };
    const left = { asides, mark: undefined };
    return findOut(log, left, copy, { newTerms: false, lost: ["a"] }, nodeCrypto);
  };
  const shown = (worker: string, position: number): FleetEvent => ({
    ...raised,
    proof: { kind: "copy", worker, position },
  });

  test("a lease that a worker gave behind the fence counts, what others had signed does not", async () => {
    const lease = must(records.find(({ events }) => events.some(({ type }) => type === "lease-issued")));
    const list: FleetEvent = { type: "checkpoint-signed", size: 1, root: "AA", note: "", at: 1, actor: "a" };
    const log = await beginning(lease.position);
    const more = { subject: "fleet", events: [{ ...list, signed: "AA" }] };
    await extend(log, [{ subject: "fleet", events: [raised] }, more]);
    expect((await look(log, lease.position)).found.beyond).toEqual(new Set());
    await extend(log, [lease]);
    expect((await look(log, lease.position)).found.beyond).toContain("lease-issued");
  });

  test("a copy has to go as far as each that was shown", async () => {
    const log = await beginning(4);
    await extend(log, [{ subject: "fleet", events: [shown("a", 5)] }]);
    const { found, workers } = await look(log, 6);
    expect([found.copy?.covers, found.unproven, workers.has("a")]).toEqual([true, [], true]);
    await extend(log, [{ subject: "fleet", events: [shown("b", 7)] }]);
    expect((await look(log, 6)).found).toMatchObject({
      copy: { covers: false },
      fence: { worker: "b", position: 7 },
    });
  });

  test.each([
    ["gateway", []],
    ["service", ["holder-certified"]],
    ["station", ["holder-certified"]],
  ] as const)("the certificate of a %s that the log gave since: %j", async (profile, said) => {
    const log = await beginning(6);
    const key = { algorithm: "ES256", bytes: "AA" } as const;
    const about = { number: 0xf000_0001, profile, hosts: [], key, at: FOUNDED, actor: "fleet" } as const;
    await extend(log, [{ subject: "fleet", events: [{ type: "holder-certified", ...about, signed: "AA" }] }]);
    expect([...(await look(log, 6)).found.beyond]).toEqual(said);
  });

  test("what no worker takes is found wherever it begins", async () => {
    const log = await beginning(7);
    const broken: LogRecord = { position: 8, subject: "-", events: [], hash: NO_HASH };
    const own: ClosedLog = {
      append: () => Promise.reject(new Error("only read")),
      async *read(from) {
        yield* log.read(from);
        yield broken;
      },
    };
    const copy = { name: "worker-2", history: await beginning(6), end: 6, ends: new Map() };
    const wanted = { newTerms: false, lost: [] };
    const { found } = await findOut(own, { asides: [], mark: undefined }, copy, wanted, nodeCrypto);
    expect(found).toMatchObject({ end: 8, shared: 6, isBroken: true });
  });

  test("what was put aside counts as if it still stood there, until the fence is lifted", async () => {
    const aside = await beginning(4);
    const said: FleetEvent = { type: "checkpoint-signed", size: 1, root: "AA", note: "", at: 1, actor: "a" };
    await extend(aside, [
      { subject: "fleet", events: [said] },
      { subject: "fleet", events: [raised] },
    ]);
    const log = await beginning(6);
    expect(await look(log, 8, [aside])).toMatchObject({
      found: { fence: proof, shared: 6, isResumed: true, beyond: new Set(["checkpoint-signed"]) },
      isSettled: false,
    });
    await extend(log, records.slice(6, 8));
    await liftAfterRefill(log, await stateOf(log, nodeCrypto), mending);
    expect(await look(log, 8, [aside])).toMatchObject({ found: { isResumed: false }, isSettled: true });
  });

  test("a fence that was lifted before the last record is none that a stopped run has lifted", async () => {
    const log = await beginning(8);
    await liftAfterRefill(log, await stateOf(log, nodeCrypto), mending);
    const aside = await beginning(4);
    expect(await look(log, 8, [aside])).toMatchObject({ isSettled: true });
    await extend(log, [{ subject: "fleet", events: [raised] }]);
    expect(await look(log, 8, [aside])).toMatchObject({ found: { isResumed: true }, isSettled: false });
  });
});

describe("whether a log has all that workers acknowledged", () => {
  const fleetEvent = { at: FOUNDED, actor: "fleet" } as const;
  const joined = (id: string): FleetEvent => ({ type: "worker-joined", id, name: id, ...fleetEvent });
  const shown = (worker: string, position: number): FleetEvent => ({
    ...raised,
    proof: { kind: "copy", worker, position },
  });
  const lifted: FleetEvent = {
    type: "fence-lifted",
    how: "new-terms",
    reason: "r",
    without: ["b"],
    ...fleetEvent,
  };
  const hasAll = async (ends: Readonly<Record<string, number>>, ...own: readonly FleetEvent[]) => {
    const log = await beginning(6);
    await extend(
      log,
      own.map((event) => ({ subject: "fleet", events: [event] })),
    );
    const copy = {
      name: "worker-2",
      history: await beginning(5),
      end: 5,
      ends: new Map(Object.entries(ends)),
    };
    const wanted = { newTerms: false, lost: [] };
    const { found } = await findOut(log, { asides: [], mark: undefined }, copy, wanted, nodeCrypto);
    return found.hasAll;
  };

  test("every copy is there, and as long as it was when its worker raised the fence", async () => {
    expect(await hasAll({ a: 5 }, joined("a"), shown("a", 5))).toBe(true);
    expect(await hasAll({ a: 4 }, joined("a"), shown("a", 5))).toBe(false);
    expect(await hasAll({ a: 5 }, joined("a"), joined("b"), shown("a", 5))).toBe(false);
    expect(await hasAll({ a: 5 }, shown("a", 5), shown("b", 1))).toBe(false);
    expect(await hasAll({ a: 5 }, joined("a"), shown("a", 5), raised)).toBe(false); // a device has seen more
  });

  test("a copy that was left out before is asked for no more", async () => {
    expect(await hasAll({ a: 5 }, joined("b"), shown("b", 9), lifted, shown("a", 5))).toBe(true);
  });
});

describe("the plan", () => {
  const found = (changes: Partial<Found> = {}): Found => ({
    fence: proof,
    end: 6,
    shared: 5,
    beyond: new Set(),
    unproven: [],
    isResumed: false,
    isBroken: false,
    hasAll: false,
    copy: { name: "worker-2", end: 9, covers: true },
    newTerms: false,
    ...changes,
  });
  const { copy: _none, ...alone } = found();
  const short = { name: "worker-2", end: 5, covers: false };

  test("what the log has of its own is put aside, and what it lacks is given back", () => {
    expect(planRecovery(found())).toEqual({ refill: "replace", missing: 4, aside: 1, lift: "refilled" });
    const cut = found({ fence: undefined, end: 5 });
    expect(planRecovery(found({ beyond: new Set(["worker-joined"]) }))).toMatchObject({ refill: "replace" });
    expect(planRecovery(cut)).toEqual({ refill: "append", missing: 4, aside: 0, lift: "refilled" });
  });

  test("with new terms too: what was said since is below them", () => {
    const said = { newTerms: true, beyond: new Set<FleetEvent["type"]>(["lease-issued"]) };
    expect(planRecovery(found(said))).toMatchObject({ refill: "replace", lift: "new-terms" });
    expect(planRecovery({ ...alone, newTerms: true })).toMatchObject({
      refill: "nothing",
      lift: "new-terms",
    });
    expect(planRecovery(found({ copy: short, newTerms: true }))).toMatchObject({ refill: "nothing" });
  });

  test.each<[string, Partial<Found>, string]>([
    [
      "things that devices may hold were said since",
      { beyond: new Set(["lease-issued"]) },
      "add --new-terms",
    ],
    ["the copy does not know what was shown", { copy: { ...short, end: 9 } }, "ends too early"],
    ["a copy is left out that may have gone further", { unproven: ["b"] }, "how far the copies went"],
    ["the copy has nothing that the log lacks", { copy: short }, "nothing that the log lacks"],
    ["nothing is wrong", { fence: undefined, copy: { ...short, end: 6 }, shared: 6 }, "no fence"],
  ])("is refused when %s", (_, changes, words) => {
    expect(() => planRecovery(found(changes))).toThrow(words);
  });

  test("a log that has all that workers acknowledged goes on as it is, whatever it said meanwhile", () => {
    const fence: FenceProof = { kind: "copy", worker: "a", position: 5 };
    const copy = { ...short, covers: true };
    const whole = found({ fence, copy, hasAll: true, beyond: new Set(["lease-issued"]) });
    expect(planRecovery(whole)).toEqual({ refill: "nothing", missing: 0, aside: 0, lift: "refilled" });
    expect(() => planRecovery({ ...whole, hasAll: false })).toThrow("bring the copy of worker a");
    expect(() => planRecovery({ ...whole, isBroken: true })).toThrow("lease-issued"); // which would be put aside
    const resumed = { ...whole, isResumed: true };
    expect(() => planRecovery(resumed)).toThrow("lease-issued"); // which stands in what was put aside
  });

  test("a run that was stopped before the end only ends the fence", () => {
    const whole = found({ end: 5, copy: { ...short, covers: true }, isResumed: true });
    expect(planRecovery(whole)).toEqual({ refill: "nothing", missing: 0, aside: 0, lift: "refilled" });
  });

  test("nobody guesses how it is to be mended", () => {
    expect(() => planRecovery(alone)).toThrow("say how");
    expect(() => planRecovery({ ...alone, fence: undefined })).toThrow("there is no fence");
  });

  test("a copy covers what was shown when it goes as far", async () => {
    const { folded, end } = await stateOf(fleet.log, nodeCrypto);
    const is = (shown: FenceProof) => covers(folded.view, end, shown);
    expect([is(proof), is({ ...proof, shown: 4 })]).toEqual([true, false]);
    const at = (version: readonly [number, number]) =>
      is({ kind: "document", name: "directive", version, number: 1 });
    expect([at([1, 2]), at([1, 3])]).toEqual([true, false]);
    expect(is({ kind: "document", name: "beacon", version: [1, 9] })).toBe(false);
    const copied = (position: number) => is({ kind: "copy", worker: "a", position });
    expect([copied(end), copied(end + 1)]).toEqual([true, false]);
  });
});
