/** The rolling sync token as a device handles it: taken when it follows on the one held, stored, then shown. */
import { describe, expect, test } from "vitest";
import { encodeFrame } from "../../protocol/frame.js";
import type { Lease } from "../../protocol/lease.js";
import { SyncReply, type SyncRequest } from "../../protocol/sync.js";
import type { SyncToken } from "../../protocol/sync-token.js";
import type { Effect } from "../../device/steps.js";
import { Bench } from "./bench.js";
import { DAY, entropy, Owner } from "./owner.js";

const token = (n: number, after: number): SyncToken => ({ n, after, seal: entropy(8) });

function syncOf(bench: Bench, at = -1): SyncRequest {
  const asked = bench.question(at);
  if (asked.kind !== "sync") throw new Error(`it asks for a ${asked.kind}`);
  return asked.value;
}

/** Waits for the answer to a sync; it was given these tokens before. */
function holding(...given: readonly SyncToken[]): Bench {
  const bench = new Bench(new Owner()).enrolled();
  for (const one of given) {
    bench.connect("device");
    grant(bench, { token: one });
  }
  bench.connect("device");
  return bench;
}

const grant = (bench: Bench, change: Partial<Lease>) => {
  const asked = syncOf(bench);
  return bench.receive(bench.owner.syncReply(asked, [], bench.owner.lease(asked, change)));
};
const probed = (bench: Bench, probe = entropy(16)) => {
  bench.receive(encodeFrame(SyncReply, { nonce: syncOf(bench).nonce, documents: [], probe }));
  return probe;
};

describe("a token", () => {
  test("is shown by nobody who was given none", () => {
    expect(syncOf(holding()).token).toBeUndefined();
  });

  test("P4: is stored in one save with its lease, and shown in each sync from then on", () => {
    const bench = holding();
    const one = token(1, 0);
    const effects = grant(bench, { token: one });
    const saves = effects.flatMap((effect) => (effect.type === "save" ? [effect.record] : []));
    expect(saves.map((record) => record.token)).toEqual([one]);
    expect(saves[0]?.lease).toEqual(bench.state.record.lease);
    for (const reboots of [0, 1]) {
      if (reboots) bench.reboot();
      bench.connect("device");
      expect(syncOf(bench).token).toEqual(one);
    }
  });

  test.each<[held: readonly SyncToken[], after: number, taken: boolean]>([
    [[], 0, true],
    [[], 1, false],
    [[token(1, 0)], 1, true],
    [[token(1, 0)], 0, false],
    [[token(1, 0)], 2, false],
    [[token(1, 0), token(2, 1)], 2, true],
    [[token(1, 0), token(2, 1)], 1, false],
    [[token(1, 0), token(7, 1)], 7, true],
  ])("%#: counts when it follows on the one held", (held, after, taken) => {
    const bench = holding(...held);
    const next = token(9, after);
    grant(bench, { token: next });
    expect(bench.disk.token).toEqual(taken ? next : held.at(-1));
    expect(bench.state.session?.synced).toBe(true); // the lease counts in any case
  });

  test("comes also with a lease that does not count yet", () => {
    const bench = holding(token(1, 0));
    const asked = syncOf(bench);
    const next = token(2, 1);
    grant(bench, { token: next, required: { ...bench.owner.required(asked), directive: [1, 5] } });
    expect(bench.state.session?.synced).toBe(false);
    expect(bench.disk.token).toEqual(next);
  });

  test.each<[string, (bench: Bench) => Partial<Lease>]>([
    ["for another device", () => ({ subject: 2 })],
    ["for another question", () => ({ nonce: entropy(16) })],
    ["of another term of time", ({ owner }) => ({ time: [2, owner.now] })],
    ["of a time before", ({ owner }) => ({ time: [1, owner.now - DAY] })],
  ])("comes with no lease %s", (_, change) => {
    const bench = holding(token(1, 0));
    grant(bench, { ...change(bench), token: token(2, 1) });
    expect(bench.disk.token?.n).toBe(1);
  });

  test("is shown in a sync that is carried by hand, and its answer, coming late, leads onto no other branch", () => {
    const bench = holding(token(1, 0));
    bench.feed({ type: "wanted", what: "challenge" });
    const carried = bench.handedOut.at(-1)!;
    const { value } = bench.read(carried);
    if (!("token" in value)) throw new Error("it carries a sync with its token");
    expect(value.token?.n).toBe(1);
    grant(bench, { token: token(2, 1) });
    bench.feed({ type: "disconnected" });
    const late = { ...value, holds: syncOf(bench).holds };
    bench.receive(bench.owner.syncReply(late, [], bench.owner.lease(late, { token: token(3, 1) })));
    expect(bench.disk.challenge).toBeUndefined(); // the answer counted
    expect(bench.disk.token?.n).toBe(2);
  });

  test("stays over a wipe: it belongs to this fleet's tale of the device", () => {
    const bench = holding();
    const one = token(1, 0);
    grant(bench, { token: one });
    bench.receive(bench.owner.release(1, 1, "none", { wipe: 1 }));
    expect(bench.disk.ldevid).toBeUndefined();
    expect(bench.disk.token).toEqual(one);
  });
});

describe("a probe", () => {
  test("is said at once in another sync, with a nonce of its own; the lease that follows ends it", () => {
    const bench = holding(token(1, 0));
    const before = syncOf(bench);
    const probe = probed(bench);
    const again = syncOf(bench);
    expect(again.nonce).not.toEqual(before.nonce);
    expect(again).toMatchObject({ probe, token: before.token });
    grant(bench, {});
    expect(bench.state.session?.synced).toBe(true);
    bench.connect("device");
    expect(syncOf(bench).probe).toBeUndefined();
  });

  test("P11: again and again it is followed ever more seldom, and by at least one an hour", () => {
    const bench = holding();
    const pauses = Array.from({ length: 20 }, () => {
      const sent = bench.sent().length;
      probed(bench);
      let waited = 0;
      for (let looks = 0; looks < 100 && bench.sent().length === sent; looks++) waited += wait(bench);
      return waited;
    });
    expect(pauses.slice(0, 4)).toEqual([0, 4, 8, 16]);
    expect(Math.max(...pauses)).toBe(3600);
  });

  test("is said until a reply asks for none, also over the next connection; the newest counts", () => {
    const bench = holding();
    probed(bench);
    const second = probed(bench);
    bench.connect("device");
    expect(syncOf(bench).probe).toEqual(second);
    bench.receive(encodeFrame(SyncReply, { nonce: syncOf(bench).nonce, documents: [] }));
    bench.connect("device");
    expect(syncOf(bench).probe).toBeUndefined();
  });

  test("is asked for in a sync that was not due: it syncs all the same", () => {
    const bench = holding();
    grant(bench, {});
    bench.feed({ type: "wanted", what: "challenge" });
    const sent = bench.sent().length;
    const { value } = bench.read(bench.handedOut.at(-1)!);
    if (!("maxReplyBytes" in value && "holds" in value)) throw new Error("it carries a sync");
    const probe = entropy(16);
    bench.receive(encodeFrame(SyncReply, { nonce: value.nonce, documents: [], probe }));
    expect(bench.sent()).toHaveLength(sent + 1);
    expect(syncOf(bench).probe).toEqual(probe);
  });

  test("goes with what is carried by hand, and is forgotten at a reboot", () => {
    const bench = holding();
    const probe = probed(bench);
    const carried = () => {
      bench.feed({ type: "wanted", what: "challenge" });
      const { value } = bench.read(bench.handedOut.at(-1)!);
      return "probe" in value ? value.probe : undefined;
    };
    expect(carried()).toEqual(probe);
    bench.reboot();
    expect(carried()).toBeUndefined();
  });

  test("that comes beside a lease asks for nothing", () => {
    const bench = holding();
    const asked = syncOf(bench);
    const lease = bench.owner.lease(asked);
    bench.receive(encodeFrame(SyncReply, { nonce: asked.nonce, lease, documents: [], probe: entropy(16) }));
    expect(bench.state.session?.synced).toBe(true);
    expect(bench.state.job).toBeUndefined();
  });
});

/** Sleeps until it said it would look. @returns seconds. */
function wait(bench: Bench): number {
  const wake = bench.steps.at(-1)?.effects.find((effect): effect is Effect & { type: "wake" } => {
    return effect.type === "wake";
  });
  const seconds = ((wake?.atMs ?? 0) - bench.atMs) / 1000;
  bench.pass(seconds);
  return seconds;
}
