/** Terms: the cure for a key that signed the highest number or the year 2100. Levels are kept across it (P3, P13). */
import { describe, expect, test } from "vitest";
import { heldVector, levelInForce, nowSeconds } from "../../device/state.js";
import type { Effect } from "../../device/steps.js";
import type { SyncRequest } from "../../protocol/sync.js";
import { Bench } from "./bench.js";
import { DAY, LEASE_SECONDS, Owner, START } from "./owner.js";

const HIGHEST = Number.MAX_SAFE_INTEGER;
function syncOf(bench: Bench): SyncRequest {
  const asked = bench.asked();
  if (asked.kind !== "sync") throw new Error(`it asks for a ${asked.kind}`);
  return asked.value;
}

describe("the term of time", () => {
  const YEAR_2100 = Date.UTC(2100, 0, 1) / 1000;
  const inTheYear2100 = () => {
    const bench = new Bench(new Owner()).speaking();
    bench.owner.now = YEAR_2100; // what a stolen lease key says
    bench.pass(DAY);
    bench.answer();
    bench.owner.now = START + 2 * DAY;
    return bench;
  };

  test("within it time never falls; with a new one it begins at the base, and the lease of the old one is gone", () => {
    const bench = inTheYear2100();
    expect(nowSeconds(bench.state, bench.atMs)).toBeGreaterThanOrEqual(YEAR_2100);
    bench.receive(bench.owner.rotate());
    expect(nowSeconds(bench.state, bench.atMs)).toBeGreaterThanOrEqual(YEAR_2100);
    bench.receive(bench.owner.rotate({ terms: ["time"], timeBase: START + DAY }));
    expect(nowSeconds(bench.state, bench.atMs)).toBe(START + DAY);
    expect(bench.disk).toMatchObject({ signedSeconds: START + DAY, poweredSeconds: 0 });
    expect(bench.disk.lease).toBeUndefined();
    expect(bench.state.speaking).toBe(false);
  });

  test("it syncs first, and only what is of the new term counts", () => {
    const bench = inTheYear2100();
    bench.receive(bench.owner.rotate({ terms: ["time"], timeBase: START + DAY }));
    bench.connect("device");
    const asked = syncOf(bench);
    const old = bench.owner.lease(asked, { time: [1, YEAR_2100 + 9 * DAY] });
    bench.receive(bench.owner.syncReply(asked, [], old));
    expect(bench.state.held.lease).toBeUndefined();
    bench.pass(2);
    bench.answer();
    expect(nowSeconds(bench.state, bench.atMs)).toBe(bench.owner.now);
    expect(bench.state.speaking).toBe(true);
  });

  test("P6: it makes no device fresher than it was: the lease stays as long over as it was", () => {
    const bench = new Bench(new Owner([{ afterSeconds: DAY, level: "restrict" }])).speaking();
    bench.feed({ type: "disconnected" });
    bench.pass(LEASE_SECONDS + 2 * DAY);
    expect(bench.state.reported).toBe("restrict");
    bench.receive(bench.owner.rotate({ terms: ["time"], timeBase: START }));
    expect(bench.state.reported).toBe("restrict");
    bench.reboot();
    expect(bench.state.reported).toBe("restrict");
    bench.connect("device");
    bench.answer();
    expect(bench.state.reported).toBe("none");
    expect(bench.disk.lapsedSeconds).toBeUndefined();
  });

  test("P6: and a lease that was current is missed from its base on", () => {
    const bench = new Bench(new Owner([{ afterSeconds: DAY, level: "restrict" }])).speaking();
    bench.feed({ type: "disconnected" });
    bench.receive(bench.owner.rotate({ terms: ["time"], timeBase: START }));
    expect(bench.state.reported).toBe("none");
    bench.pass(DAY);
    expect(levelInForce(bench.state, bench.atMs)).toBe("restrict");
  });
});

describe("the term of directives", () => {
  const atTheEnd = () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.directive(1, HIGHEST, "isolate"));
    return bench;
  };

  test("P13: holds stay, and a document of the new term is newer than the highest of the old one", () => {
    const bench = atTheEnd();
    bench.receive(bench.owner.rotate({ terms: ["directive"] }));
    expect(bench.state.reported).toBe("isolate");
    bench.receive(bench.owner.directive(1, 1, "observe"));
    expect(bench.state.held.directive?.value.version).toEqual([2, 1]);
    expect(bench.state.reported).toBe("isolate"); // the earlier hold stands until it is lifted
    bench.receive(bench.owner.release(1, 2, "none"));
    bench.notice("held", "quarantined");
    bench.answer();
    expect(bench.state.reported).toBe("none");
  });

  test("one of the old term, or of one that is not named yet, changes nothing", () => {
    const bench = atTheEnd();
    bench.receive(bench.owner.rotate({ terms: ["directive"] }));
    const { state } = bench;
    for (const term of [1, 3]) {
      const version = [term, HIGHEST] as const;
      bench.receive(bench.owner.directive(1, 0, "isolate", { version }));
      bench.receive(bench.owner.release(1, 0, "none", { version }));
    }
    expect(bench.state).toEqual(state);
  });

  test("a release of the old term that waits is not said to be held, and no lease puts it in force", () => {
    const bench = atTheEnd();
    bench.feed({ type: "disconnected" });
    bench.receive(bench.owner.directive(1, HIGHEST, "isolate"));
    bench.receive(bench.owner.release(1, HIGHEST, "none"));
    expect(heldVector(bench.state).release?.version).toEqual([1, HIGHEST]);
    bench.receive(bench.owner.rotate({ terms: ["directive"] }));
    expect(heldVector(bench.state).release).toBeUndefined();
    bench.connect("held");
    bench.answer();
    expect(bench.state.session?.synced).toBe(true);
    expect(bench.state.reported).toBe("isolate");
    expect(bench.asked().kind).toBe("receipt"); // and no sync that waits for it
  });

  test("a release in force keeps the level that it left", () => {
    const bench = atTheEnd();
    bench.receive(bench.owner.release(1, HIGHEST, "observe", { version: [1, HIGHEST] }));
    bench.notice("held", "quarantined");
    bench.answer();
    expect(bench.state.reported).toBe("observe");
    bench.receive(bench.owner.rotate({ terms: ["directive"] }));
    bench.reboot();
    expect(bench.state.reported).toBe("observe");
  });
});

describe("P2: one-shot acts are counted within a term of directives", () => {
  const MOST = 0xffff_ffff;
  const acts = (effects: readonly Effect[]) => effects.flatMap((e) => (e.type === "act" ? [e.act] : []));
  const raise = (bench: Bench) => bench.receive(bench.owner.rotate({ terms: ["directive"] }));

  test.each(["reboot", "attest", "wipe"] as const)(
    "%s at its highest is cured, and not begun again",
    (act) => {
      const bench = new Bench(new Owner()).speaking();
      const ask = (n: number, times: number) =>
        act === "wipe"
          ? bench.owner.release(1, n, "none", { wipe: times })
          : bench.owner.directive(1, n, "none", { [act]: times });
      bench.receive(ask(HIGHEST, MOST));
      expect(bench.disk.done).toEqual({ [act]: MOST });
      const effects = raise(bench);
      const saves = effects.flatMap((effect) => (effect.type === "save" ? [effect.record] : []));
      expect(saves.map(({ done }) => done)).toEqual([undefined]); // with the Authority itself
      expect(acts(effects)).toEqual([]);
      bench.reboot();
      expect(acts(bench.connect("pledge"))).toEqual([]);
      expect(acts(bench.receive(ask(1, 1)))).toEqual([act]);
      expect(bench.disk.done).toEqual({ [act]: 1 });
      expect(acts(bench.receive(ask(2, 1)))).toEqual([]);
    },
  );

  test("new keys that were under way are taken, and settle nothing that the new term asks for", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.directive(1, HIGHEST, "none", { rekey: MOST }));
    expect(bench.asked().kind).toBe("renew");
    raise(bench);
    bench.answer();
    expect(bench.disk.ldevid?.key).toBe("ldevid-2");
    expect(bench.disk.done).toBeUndefined();
    bench.connect("device", 2);
    bench.answer();
    expect(bench.state.job).toBeUndefined();
    bench.receive(bench.owner.directive(1, 1, "none", { rekey: 1 }));
    expect(bench.asked().kind).toBe("renew");
    bench.answer();
    expect(bench.disk).toMatchObject({ done: { rekey: 1 }, ldevid: { key: "ldevid-3" } });
  });

  test("any other new Authority leaves them as they are", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.directive(1, 1, "none", { reboot: 2 }));
    bench.receive(bench.owner.rotate({ terms: ["advisory", "ledger"] }));
    expect(bench.disk.done).toEqual({ reboot: 2 });
  });

  test("a lease made before the new Authority, on its way when that came, brings no old count back", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.connect("device");
    const asked = syncOf(bench);
    raise(bench);
    const old = bench.owner.lease(asked, { done: { reboot: MOST } });
    bench.receive(bench.owner.syncReply(asked, [], old));
    expect(bench.state.session?.synced).toBe(true);
    expect(bench.disk.done).toBeUndefined();
    bench.connect("device", 2);
    const again = syncOf(bench);
    bench.receive(bench.owner.syncReply(again, [], bench.owner.lease(again, { done: { reboot: 1 } })));
    expect(bench.disk.done).toEqual({ reboot: 1 });
  });
});

test("the terms of ledger and advisories: what the old one held still holds, and the new one begins below it", () => {
  const bench = new Bench(new Owner()).speaking();
  const all = { match: { op: "everything" }, reason: "" } as const;
  bench.receive(bench.owner.beacon(HIGHEST, {}, []));
  bench.receive(bench.owner.advisories(HIGHEST, [{ id: 1, level: "restrict", ...all }]));
  bench.receive(bench.owner.rotate({ terms: ["ledger", "advisory"] }));
  expect(bench.state.reported).toBe("restrict");
  bench.reboot(); // the old list is still stored, and says nothing
  expect(bench.disk.latched).toEqual([]);
  bench.receive(bench.owner.beacon(HIGHEST, { version: [1, HIGHEST] }));
  expect(heldVector(bench.state).ledger?.version).toEqual([1, HIGHEST]);
  bench.receive(bench.owner.beacon(1));
  bench.receive(bench.owner.advisories(1, [{ id: 1, level: "observe", ...all }]));
  expect(heldVector(bench.state)).toMatchObject({
    ledger: { version: [2, 1] },
    advisories: { version: [2, 1] },
    level: "restrict",
  });
  bench.connect("held");
  bench.answer();
  expect(bench.state.session?.synced).toBe(true);
  expect(bench.state.reported).toBe("restrict");
  bench.receive(bench.owner.removal(1, [1]));
  bench.connect("held");
  bench.answer();
  expect(bench.state.reported).toBe("restrict");
  bench.receive(bench.owner.release(bench.number, 9, "none"));
  bench.connect("held");
  bench.answer();
  expect(bench.state.reported).toBe("none");
});

test("P13: a release that waits since before a new term of advisories does not lift what they held", () => {
  const bench = new Bench(new Owner()).speaking();
  const all = { match: { op: "everything" }, reason: "" } as const;
  bench.receive(bench.owner.advisories(1, [{ id: 1, level: "restrict", ...all }]));
  bench.receive(bench.owner.release(bench.number, 9, "none"));
  bench.receive(bench.owner.rotate({ terms: ["advisory"] }));
  bench.connect("held");
  bench.answer();
  expect(bench.disk.freed).toBeDefined();
  expect(bench.state.reported).toBe("restrict");
});

test("P13: a removal of an old term that waits is put in force by no lease", () => {
  const bench = new Bench(new Owner()).speaking();
  const all = { match: { op: "everything" }, reason: "" } as const;
  bench.receive(bench.owner.advisories(1, [{ id: 1, level: "restrict", ...all }]));
  bench.feed({ type: "disconnected" });
  bench.receive(bench.owner.removal(1, [1]));
  bench.receive(bench.owner.rotate({ terms: ["advisory"] }));
  expect(heldVector(bench.state).removals).toBeUndefined();
  bench.connect("held");
  bench.answer();
  expect(bench.state.session?.synced).toBe(true);
  expect(bench.state.reported).toBe("restrict");
  expect(bench.disk.freedRemovals).toBeUndefined();
});
