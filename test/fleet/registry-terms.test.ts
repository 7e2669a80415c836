/** A raised term is the cure for a key that signed the highest number: what counts afterwards, and what is said again. */
import { describe, expect, test } from "vitest";
import { pathFrom } from "../../fleet/ledger-history.js";
import { beaconDue } from "../../fleet/registry-beacon.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { must } from "./fixtures.js";
import { fleetOf, held, only, range, type Registry, sync, types } from "./registry-rig.js";

function raise(registry: Registry, ...kinds: readonly (keyof Registry["terms"])[]): void {
  registry.authority += 1;
  for (const kind of kinds) registry.terms = { ...registry.terms, [kind]: registry.terms[kind] + 1 };
  const [newDirectives, newTime] = [kinds.includes("directive"), kinds.includes("time")];
  registry.happen({ type: "authority-issued", version: registry.authority, newDirectives, newTime });
}
const leaseOf = (registry: Registry) => only("lease-issued", registry.facts(sync()));

describe("of directives", () => {
  test("P3: what was issued before is demanded no more; what stands stays, and needs no new word where it is none", () => {
    const registry = fleetOf(1);
    raise(registry, "directive");
    const facts = registry.facts(sync());
    expect(types(facts)).toEqual(["lease-issued"]);
    expect(only("lease-issued", facts).required).toMatchObject({
      authority: 2,
      directive: [0, 0],
      release: [0, 0],
    });
  });

  test("P2: what a device may have missed is said again, once, before its lease demands it", () => {
    const registry = fleetOf(1);
    registry.count("reboot");
    registry.act("hold", "restrict");
    raise(registry, "directive");
    const facts = registry.facts(sync());
    const renewed = { version: [2, 1], level: "restrict", counts: { reboot: 1 }, reason: "story" };
    expect(only("directive-issued", facts)).toMatchObject(renewed);
    const demanded = { directive: [2, 1], release: [0, 0], level: "restrict" };
    expect(only("lease-issued", facts).required).toMatchObject(demanded);
    expect(registry.facts(sync())).toEqual([]);
    expect(types(registry.facts(sync({ nonce: "next" })))).toEqual(["lease-issued"]);
  });

  test("so is what a release left, in the first directive, whatever that one is about", () => {
    const [quiet, alarmed] = [fleetOf(1), fleetOf(1)];
    for (const registry of [quiet, alarmed]) {
      registry.act("release", "isolate");
      raise(registry, "directive");
    }
    expect(only("directive-issued", quiet.facts(sync())).level).toBe("isolate");
    const alarms = [{ id: 1, kind: "unreadable" }];
    const facts = alarmed.facts(sync({ alarms }));
    expect(only("directive-issued", facts)).toMatchObject({ version: [2, 1], level: "isolate" });
  });

  test("P2: a device that is revoked is told so in the new term too, by who can sign it", () => {
    const registry = fleetOf(1);
    registry.act("hold", "revoked");
    raise(registry, "directive");
    registry.releaseOnline = false;
    expect(registry.facts(sync())).toEqual([]);
    registry.releaseOnline = true;
    const facts = registry.facts(sync());
    expect(types(facts)).toEqual(["release-issued"]);
    expect(only("release-issued", facts)).toMatchObject({ version: [2, 1], level: "revoked" });
    expect(registry.facts(sync({ nonce: "next" }))).toEqual([]);
  });

  test("P13: and a release of the new term frees", () => {
    const registry = fleetOf(1);
    registry.act("hold", "isolate");
    raise(registry, "directive");
    registry.facts(sync());
    expect(only("release-issued", registry.act("release", "none")).version).toEqual([2, 2]);
    expect(leaseOf(registry).required).toMatchObject({ release: [2, 2], level: "none" });
  });
});

describe("P2: of directives, one-shot acts are counted anew", () => {
  const MOST = 0xffff_ffff;
  /** It signs that it has done so much, under this Authority, and syncs. */
  const report = (registry: Registry, done: object, authority = registry.authority) => {
    registry.now += 60;
    const said = { nonce: `${registry.now}`, time: registry.now, held: { ...held, authority, done } };
    return registry.facts(sync(said));
  };

  test("what has a receipt is not asked for again, what has none is, once, by the first directive", () => {
    const registry = fleetOf(1);
    for (const act of ["reboot", "reboot", "rekey", "rekey"] as const) registry.count(act);
    report(registry, { reboot: 2, rekey: 1 });
    raise(registry, "directive");
    const facts = report(registry, {}, 1);
    expect(only("directive-issued", facts)).toMatchObject({ version: [2, 1], counts: { rekey: 1 } });
    expect(only("directive-issued", facts).counts).not.toHaveProperty("reboot");
    expect(only("lease-issued", facts).done).toEqual({});
    expect(only("directive-issued", registry.count("reboot")).counts).toEqual({ rekey: 1, reboot: 1 });
  });

  test("when all was done, nothing has to be said again; nor after one term more", () => {
    const registry = fleetOf(1);
    registry.count("reboot");
    report(registry, { reboot: 1 });
    for (let term = 2; term <= 3; term++) {
      raise(registry, "directive");
      expect(types(report(registry, {}))).toEqual(["lease-issued"]);
    }
  });

  test("a count at its highest is cured, whenever the device says it again under an older Authority", () => {
    const registry = fleetOf(1);
    report(registry, { reboot: MOST });
    raise(registry, "directive");
    expect(only("lease-issued", report(registry, { reboot: MOST }, 1)).done).toEqual({});
    registry.facts({ type: "receipt", number: 1, counter: 1, held: { ...held, done: { reboot: MOST } } });
    expect(registry.device().done).toEqual({});
    expect(only("directive-issued", registry.count("reboot")).counts).toEqual({ reboot: 1 });
    raise(registry, "ledger");
    expect(only("lease-issued", report(registry, { reboot: 1 }, 2)).done).toEqual({ reboot: 1 });
    expect(registry.device().done).toEqual({ reboot: 1 });
  });

  test("a wipe that has no receipt is asked for again by the next release, which people sign", () => {
    const registry = fleetOf(2);
    for (const number of range(2)) registry.count("wipe", [number]);
    registry.facts({ type: "receipt", number: 2, counter: 1, held: { ...held, done: { wipe: 1 } } });
    raise(registry, "directive");
    expect(types(registry.facts(sync()))).toEqual(["lease-issued"]);
    const wipes = range(2).map((number) => only("release-issued", registry.act("release", "none", [number])));
    expect(wipes.map(({ wipe }) => wipe)).toEqual([1, 0]);
    expect(only("release-issued", registry.count("wipe")).wipe).toBe(2);
  });

  test("P7: a device that is revoked is told of the wipe that it missed, with the revocation", () => {
    const registry = fleetOf(1);
    for (let times = 1; times <= 3; times++) registry.count("wipe");
    registry.act("hold", "revoked");
    raise(registry, "directive");
    expect(only("release-issued", registry.facts(sync()))).toMatchObject({ level: "revoked", wipe: 1 });
  });
});

describe("of the ledger", () => {
  test("P3: no lease demands a Beacon that counts no more, and a new one is due at once", () => {
    const registry = fleetOf(1);
    registry.act("hold", "isolate");
    registry.beacon();
    raise(registry, "ledger");
    expect(leaseOf(registry).required.ledger).toEqual([0, 0]);
    expect(beaconDue(registry.view, registry.context)).toBe(true);
    expect(only("beacon-issued", registry.beacon())).toMatchObject({ version: [2, 2], authority: 2 });
    expect(leaseOf(registry).required.ledger).toEqual([2, 2]);
  });

  test("P2: whoever holds a ledger of the term before goes on from there", () => {
    const registry = fleetOf(30);
    for (let number = 1; number <= 30; number++) registry.act("hold", "isolate", [number]);
    registry.beacon();
    raise(registry, "ledger");
    registry.beacon();
    const path = must(pathFrom(registry.view.ledger, { version: [1, 30] }, nodeCrypto));
    expect(path).toMatchObject({ from: [1, 30], to: [2, 31] });
  });
});

test("each link is kept under its version, the first one that of the founding", () => {
  const registry = fleetOf(1);
  registry.happen({ type: "fleet-created", name: "harbour", signed: "first" });
  registry.happen({
    type: "authority-issued",
    version: 2,
    newDirectives: false,
    newTime: false,
    signed: "second",
  });
  expect([...registry.view.authorities].map(([version, { signed }]) => [version, signed])).toEqual([
    [1, "first"],
    [2, "second"],
  ]);
});

test("of time: news of a device counts again, though it had shown a time that was never true", () => {
  const registry = fleetOf(1);
  const mad = Date.UTC(2100, 0) / 1000;
  registry.facts(sync({ time: mad }));
  raise(registry, "time");
  registry.now += 60;
  registry.facts(sync({ nonce: "cured", time: registry.now - 60 }));
  expect(registry.device()).toMatchObject({ heldTime: registry.now - 60, lastContactAt: registry.now });
});
