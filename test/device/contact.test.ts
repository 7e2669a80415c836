/** Syncs, leases, receipts and the time: what a device asks to stay in touch, and which answers count (I3, P3, P4). */
import { describe, expect, test } from "vitest";
import { renewalSeconds } from "../../device/jobs.js";
import { heldVector } from "../../device/state.js";
import type { Lease } from "../../protocol/lease.js";
import type { SyncRequest } from "../../protocol/sync.js";
import { Bench } from "./bench.js";
import { DAY, entropy, LEASE_SECONDS, Owner } from "./owner.js";
import { waiting } from "./waiting.js";

function syncOf(bench: Bench): SyncRequest {
  const asked = bench.asked();
  if (asked.kind !== "sync") throw new Error(`it asks for a ${asked.kind}`);
  return asked.value;
}
/** Counter of the receipt that was sent last. */
function receiptOf(bench: Bench): number {
  const asked = bench.asked();
  if (asked.kind !== "receipt") throw new Error(`it asks for a ${asked.kind}`);
  return asked.value.counter;
}

describe("sync", () => {
  test("is asked for first on every connection, and again when the lease says so, to the second", () => {
    const bench = new Bench(new Owner()).speaking();
    const before = bench.sent().length;
    bench.pass(DAY - 1);
    expect(bench.sent()).toHaveLength(before);
    bench.pass(1);
    expect(syncOf(bench).holds).toEqual(heldVector(bench.state));
  });

  test("the machine wakes up for it by itself, and for the renewal, and for the end of the lease", () => {
    const bench = new Bench(new Owner([])).speaking();
    const wakeAfter = () => {
      const [wake] = bench.feed({ type: "tick" }).flatMap((e) => (e.type === "wake" ? [e.atMs] : []));
      return ((wake ?? 0) - bench.atMs) / 1000;
    };
    expect(wakeAfter()).toBe(3600); // in any case: the time is stored
    bench.pass(DAY - 60);
    expect(wakeAfter()).toBe(60);
    bench.feed({ type: "disconnected" });
    bench.pass(LEASE_SECONDS - DAY);
    expect(wakeAfter()).toBe(61); // the second after its last
    const renewal = new Bench(new Owner()).speaking();
    const due = renewalSeconds(renewal.state) ?? 0;
    renewal.pass(due - 20 - renewal.owner.now);
    renewal.answer();
    const [wake] = renewal.feed({ type: "tick" }).flatMap((e) => (e.type === "wake" ? [e.atMs] : []));
    expect(wake).toBe(renewal.atMs + 20_000);
  });

  test("tells how the device is: alarms, uptime, messages that wait", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.beacon(1));
    bench.receive(bench.owner.beacon(1, { denied: 1 }));
    bench.feed({ type: "held-back", messages: 7 });
    bench.connect("held");
    bench.pass(0);
    const { alarms, health } = syncOf(bench);
    expect(alarms).toEqual([{ id: 1, kind: "fork" }]);
    expect(health).toEqual({ uptimeSeconds: 0, heldBack: 7 });
  });

  test("uses a fresh nonce each time, and takes no lease for another one (I3)", () => {
    const bench = waiting("sync");
    const first = syncOf(bench);
    bench.connect("device");
    expect(syncOf(bench).nonce).not.toEqual(first.nonce);
    bench.receive(bench.owner.syncReply(first)); // an answer to the question before
    expect(bench.state.held.lease).toBeUndefined();
    const stale = bench.owner.lease(first);
    bench.receive(bench.owner.syncReply(syncOf(bench), [], stale)); // the right frame, yesterday's lease
    expect(bench.state.held.lease).toBeUndefined();
    expect(bench.state.session?.fruitless).toBe(1);
  });

  test("counts for what proves itself: bad documents are refused by name, good ones and the lease stay", () => {
    const bench = waiting("sync");
    const { owner } = bench;
    const foreign = new Owner().directive(1, 9, "isolate");
    const documents = [foreign, owner.directive(1, 1, "observe"), Uint8Array.of(0xff)];
    const required = {
      authority: 1,
      ledger: [0, 0],
      advisories: [0, 0],
      removals: [0, 0],
      directive: [1, 1],
      release: [0, 0],
      level: "observe",
    } as const;
    bench.receive(owner.syncReply(syncOf(bench), documents, owner.lease(syncOf(bench), { required })));
    expect(bench.state.session?.synced).toBe(true);
    expect(bench.disk.holds).toEqual([{ version: [1, 1], level: "observe" }]);
    expect(bench.refusals).toEqual([
      "directive: the key that signed this may not sign it",
      "not a COSE_Sign1 envelope (tag 18 is missing)",
    ]);
  });

  test("a release is followed by a sync at once: only a lease puts it in force", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.directive(1, 1, "isolate"));
    bench.receive(bench.owner.release(1, 2, "none"));
    expect(bench.state.reported).toBe("isolate");
    expect(syncOf(bench).holds.release?.version).toEqual([1, 2]);
    bench.answer();
    expect(bench.state.reported).toBe("none");
  });
});

test("P2: a hold that a release in force has lifted holds nobody when it comes late", () => {
  const bench = new Bench(new Owner()).speaking();
  bench.receive(bench.owner.release(1, 3, "none")); // it never saw what this lifts
  bench.answer();
  bench.receive(bench.owner.directive(1, 2, "isolate"));
  expect(bench.state.held.directive?.value.version).toEqual([1, 2]);
  expect(bench.state.reported).toBe("none");
  bench.receive(bench.owner.directive(1, 4, "isolate"));
  expect(bench.state.reported).toBe("isolate");
});

describe("a lease counts only", () => {
  test.each<[string, (bench: Bench) => Partial<Lease>]>([
    ["for this device", () => ({ subject: 2 })],
    ["for this question", () => ({ nonce: entropy(16) })],
    ["in the term that the Authority names", ({ owner }) => ({ time: [2, owner.now] })],
    ["when fleet time does not run backwards", ({ owner }) => ({ time: [1, owner.now - DAY - 1] })],
  ])("%s", (_, change) => {
    const bench = new Bench(new Owner()).speaking();
    bench.pass(DAY);
    const { record } = bench.state;
    const asked = syncOf(bench);
    bench.receive(bench.owner.syncReply(asked, [], bench.owner.lease(asked, change(bench))));
    expect(bench.state.record).toBe(record);
    expect(bench.state.session?.fruitless).toBe(1);
  });
});

describe("a receipt", () => {
  test("P4: follows what changed standing, is counted, and says what is stored", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.directive(1, 1, "restrict"));
    const asked = bench.asked();
    expect(asked).toMatchObject({ kind: "receipt", value: { counter: 1, holds: { level: "restrict" } } });
    expect(bench.disk.receiptCounter).toBe(1);
    const { length } = bench.sent();
    bench.receive(bench.owner.directive(1, 1, "restrict", { issuedAt: bench.owner.now })); // the same again
    expect(bench.sent()).toHaveLength(length);
    bench.receive(bench.owner.directive(1, 2, "isolate"));
    expect(receiptOf(bench)).toBe(2);
  });

  test("P3: the counter does not fall over a power cut", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.directive(1, 1, "restrict"));
    bench.reboot();
    bench.connect("held");
    bench.answer();
    bench.receive(bench.owner.directive(1, 2, "isolate"));
    expect(receiptOf(bench)).toBe(2);
  });

  test("waits for the sync of a connection, and for a connection", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.feed({ type: "disconnected" });
    const { length } = bench.sent();
    bench.receive(bench.owner.directive(1, 1, "restrict")); // from a stick
    expect(bench.sent()).toHaveLength(length);
    bench.connect("held");
    expect(bench.asked().kind).toBe("sync");
    bench.answer();
    expect(bench.asked().kind).toBe("receipt");
  });
});

describe("the time", () => {
  test("is asked for in the lobby and nothing else is, whatever role a stranger there may name", () => {
    const bench = waiting("time");
    for (const role of ["lobby", "pledge", "held", "device", "service"] as const) {
      bench.notice(role);
      expect(bench.asked().kind).toBe("time");
    }
    expect(bench.state.speaking).toBe(false);
  });

  test("counts when it answers the question; the device then leaves the lobby", () => {
    const bench = waiting("time");
    const types = bench.answer().map(({ type }) => type);
    expect(types).toEqual(["save", "reconnect", "wake"]);
    expect(bench.disk.signedSeconds).toBe(bench.owner.now);
    expect(bench.state.needsTime).toBe(false);
  });

  test.each<[string, (bench: Bench, nonce: Uint8Array) => Uint8Array]>([
    ["to another question", ({ owner }) => owner.time(entropy(16))],
    ["of another term", ({ owner }, nonce) => owner.time(nonce, { time: [2, owner.now] })],
    ["earlier than what it knows", ({ owner }, nonce) => owner.time(nonce, { time: [1, owner.now - 1] })],
  ])("does not count: %s", (_, answer) => {
    const bench = new Bench(new Owner()).speaking();
    bench.feed({ type: "server-refused", why: "dates" });
    bench.feed({ type: "connected", door: "lobby" });
    bench.answer(); // links
    const asked = bench.asked();
    if (asked.kind !== "time") throw new Error("it asks for the time");
    const { state } = bench;
    bench.receive(answer(bench, asked.value.nonce));
    expect(bench.state).toEqual(state);
    expect(bench.state.needsTime).toBe(true);
  });

  test("signed by another key than the fleet's own for leases is refused", () => {
    const bench = waiting("time");
    const asked = bench.asked();
    if (asked.kind !== "time") throw new Error("it asks for the time");
    const stranger = new Owner();
    Object.assign(stranger, { trust: bench.owner.trust });
    expect(() => bench.receive(stranger.time(asked.value.nonce))).toThrow(
      expect.objectContaining({ code: "wrong-key" }),
    );
    expect(bench.disk.signedSeconds).toBe(0);
  });

  test("a server's certificate refused for its dates leads to the lobby for the time, one refused for good for links", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.feed({ type: "server-refused", why: "chain" });
    expect(bench.state).toMatchObject({ needsTime: false, needsLinks: true });
    bench.feed({ type: "server-refused", why: "dates" });
    expect(bench.state).toMatchObject({ needsTime: true, needsLinks: false });
    bench.feed({ type: "server-refused", why: "chain" });
    expect(bench.state).toMatchObject({ needsTime: false, needsLinks: true });
  });
});
