/** A device without a network: its question and its receipt on a stick, the answer back, and what it hands on (P1, P13). */
import { afterEach, describe, expect, test } from "vitest";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openFirstAuthority, walkAuthorities } from "../../protocol/authority-chain.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { encodeFrame } from "../../protocol/frame.js";
import { ErrorReply, RoleNotice } from "../../protocol/notice.js";
import type { SyncRequest } from "../../protocol/sync.js";
import { joinBundle, splitBundle } from "../../protocol/bundle.js";
import { nowSeconds } from "../../device/state.js";
import { Bench } from "./bench.js";
import { DAY, LEASE_SECONDS, Owner, softSigner } from "./owner.js";
import { readQuestion } from "./questions.js";
import { closeRigs, Rig } from "./rig.js";

afterEach(closeRigs);

function challengeOf(device: Bench): SyncRequest {
  device.feed({ type: "wanted", what: "challenge" });
  const question = readQuestion(device.handedOut.at(-1)!, device.made, device.owner);
  if (question.kind !== "sync") throw new Error("a challenge is a sync request");
  return question.value;
}

describe("the answer to a challenge", () => {
  const held = () => {
    const device = new Bench(new Owner()).speaking();
    device.feed({ type: "disconnected" });
    device.receive(device.owner.directive(1, 1, "isolate"));
    device.receive(device.owner.release(1, 2, "none"));
    return device;
  };

  test("P13: frees a device that has no network, after a reboot too", () => {
    const device = held();
    const request = challengeOf(device);
    expect(device.disk.challenge).toEqual(request.nonce);
    expect(request.holds).toMatchObject({ release: { version: [1, 2] }, level: "isolate" });
    device.reboot();
    expect(device.state.reported).toBe("isolate");
    device.receive(device.owner.syncReply(request));
    expect(device.state.reported).toBe("none");
    expect(device.state.session).toBeUndefined();
  });

  test("P4: the nonce is saved before the question leaves", () => {
    const device = held();
    const effects = device.feed({ type: "wanted", what: "challenge" }).map(({ type }) => type);
    expect(effects).toEqual(["save", "hand-out", "wake"]);
  });

  test("counts once", () => {
    const device = held();
    const request = challengeOf(device);
    const reply = device.owner.syncReply(request);
    device.receive(reply);
    expect(device.disk.challenge).toBeUndefined();
    device.receive(device.owner.directive(1, 3, "isolate"));
    const { state } = device;
    device.receive(reply);
    expect(device.state).toEqual(state);
  });

  test("brings documents, links and ledger like any other reply", () => {
    const device = held();
    const request = challengeOf(device);
    const link = device.owner.rotate();
    const required = {
      ...device.owner.required(request),
      authority: 2,
      release: [1, 4],
      directive: [1, 3],
    } as const;
    const documents = [device.owner.directive(1, 3, "restrict"), device.owner.release(1, 4, "observe"), link];
    const lease = device.owner.lease(request, { required });
    device.receive(device.owner.syncReply(request, documents, lease));
    expect(device.state.reported).toBe("observe");
  });

  test("that does not count leaves the question open", () => {
    const device = held();
    const request = challengeOf(device);
    const required = { ...device.owner.required(request), ledger: [1, 1] } as const;
    device.receive(device.owner.syncReply(request, [], device.owner.lease(request, { required })));
    expect(device.state.reported).toBe("isolate");
    device.receive(device.owner.beacon(1));
    device.receive(device.owner.syncReply(request, [], device.owner.lease(request, { required })));
    expect(device.state.reported).toBe("none");
  });

  test("to an earlier challenge, or to nobody's, changes nothing", () => {
    const device = held();
    const first = challengeOf(device);
    const second = challengeOf(device);
    expect(second.nonce).not.toEqual(first.nonce);
    const { state } = device;
    device.receive(device.owner.syncReply(first));
    device.receive(device.owner.syncReply({ ...second, nonce: new Uint8Array(16) }));
    expect(device.state).toEqual(state);
  });

  test("P6: one that was kept back makes no device fresher: its time runs on", () => {
    const device = held();
    const request = challengeOf(device);
    const reply = device.owner.syncReply(request);
    device.pass(LEASE_SECONDS + DAY);
    const before = nowSeconds(device.state, device.atMs);
    device.receive(reply);
    expect(nowSeconds(device.state, device.atMs)).toBe(before);
    expect(device.state.held.lease!.value.goodUntil).toBeLessThan(before);
    expect(device.state.reported).toBe("none"); // freed all the same: that needs no clock (P5)
  });

  test("does not make a connection one that was synced", () => {
    const device = held();
    const request = challengeOf(device);
    device.connect("device");
    device.receive(device.owner.syncReply(request));
    expect(device.state.session?.synced).toBe(false);
  });
});

describe("a device as an application has it", () => {
  test("gives a challenge and takes the answer, and gives a receipt that says what it holds", async () => {
    const rig = await Rig.speaking();
    rig.line.onCall = (call) => call.close();
    rig.line.call.close();
    rig.device.receive(rig.fleet.directive(1, 1, "isolate"));
    rig.device.receive(rig.fleet.release(1, 2, "none"));
    const keys = await Promise.all(["idevid", "ldevid-1"].map((name) => rig.keys.publicKey(name)));
    const by = keys.flatMap((key) => key ?? []);
    const asked = readQuestion(await rig.device.challenge(), by, rig.fleet);
    if (asked.kind !== "sync") throw new Error("a challenge is a sync request");
    rig.device.receive(rig.fleet.syncReply(asked.value));
    const told = readQuestion(await rig.device.receipt(), by, rig.fleet);
    expect(told).toMatchObject({
      kind: "receipt",
      value: { holds: { level: "none", release: { version: [1, 2] } } },
    });
    const again = readQuestion(await rig.device.receipt(), by, rig.fleet);
    expect(again).toMatchObject({ value: { counter: (told.value as { counter: number }).counter + 1 } });
    expect(rig.device.standing).toBe("none");
    expect(rig.device.lease).toEqual((await rig.store.load())?.record.lease);
  });

  test("P1: takes no notices and no errors by hand: those are a gateway's", async () => {
    const rig = await Rig.speaking();
    const calls = rig.line.calls.length;
    rig.device.receive(encodeFrame(RoleNotice, { role: "lobby", reason: "bad-certificate", authority: 9 }));
    rig.device.receive(encodeFrame(ErrorReply, { code: "retry-later", retryAfterSeconds: 3600 }));
    await rig.told("refused", 2);
    expect(rig.all("refused").map(({ code }) => code)).toEqual(["unknown-type", "unknown-type"]);
    await rig.device.publish("temperature", Uint8Array.of(1));
    expect(rig.line.calls).toHaveLength(calls);
  });

  test("once stopped it says so", async () => {
    const rig = await Rig.speaking();
    await rig.device.close();
    await expect(rig.device.challenge()).rejects.toMatchObject({ code: "stopped" });
    await expect(rig.device.receipt()).rejects.toMatchObject({ code: "stopped" });
  });

  test("judges peers by its ledger and the application's own rules", async () => {
    const rig = await Rig.born(undefined, new Owner());
    rig.serve();
    const open = { maxLedgerAgeSeconds: DAY, whenStale: "closed" } as const;
    await rig.start({ peerPolicy: { "open-valve": open } });
    await rig.told("speak");
    const peer = { chain: rig.fleet.ldevid(7, softSigner().publicKey) };
    expect(rig.device.peerVerdict(peer, "open-valve")).toMatchObject({
      verdict: "unknown",
      reason: "no-ledger",
    });
    rig.device.receive(rig.fleet.beacon(1));
    await rig.looked();
    expect(rig.device.peerVerdict(peer, "open-valve").verdict).toBe("trusted");
    expect(rig.device.peerVerdict(peer, "close-valve")).toMatchObject({ reason: "no-rule" });
    rig.fleet.denied = [7];
    rig.device.receive(rig.fleet.beacon(2, {}, [7]));
    rig.device.receive(rig.fleet.ledgerPart({ to: [1, 2], offset: 0, maxPartBytes: 64 }));
    await rig.looked();
    expect(rig.device.peerVerdict(peer, "open-valve").verdict).toBe("denied");
  });

  test("P4: keys that it gave up and a power cut left behind go at the next boot", async () => {
    const rig = await Rig.born();
    const stored = await rig.store.load();
    await rig.keys.create("ldevid-1", "ES256");
    await rig.store.save({ ...stored!.record, discarded: ["ldevid-1"] });
    await rig.start();
    expect(await rig.keys.publicKey("ldevid-1")).toBeUndefined();
    expect((await rig.store.load())?.record.discarded).toBeUndefined();
  });
});

describe("what it hands on", () => {
  test("brings another device of the fleet to where it is, in one bundle", async () => {
    const fleet = new Owner();
    const rig = await Rig.speaking(fleet);
    const numbers = Array.from({ length: 2_000 }, (_, i) => 3 * i + 1 + (i % 3));
    fleet.denied = numbers;
    const entry = { id: 1, level: "observe", match: { op: "everything" }, reason: "" } as const;
    for (let i = 0; i < 3; i++) rig.device.receive(fleet.rotate());
    rig.device.receive(fleet.beacon(1, {}, numbers));
    rig.device.receive(fleet.ledgerPart({ to: [1, 1], offset: 0, maxPartBytes: 60_000 }));
    rig.device.receive(fleet.advisories(1, [entry]));
    rig.device.receive(fleet.removal(1, [1]));
    rig.device.receive(fleet.directive(1, 1, "observe"));
    rig.device.receive(fleet.beacon(2)); // whose ledger is the empty one
    await rig.looked();
    const items = splitBundle(joinBundle(rig.device.documents()));
    expect(items.every((item) => item.length <= 4_096)).toBe(true);

    const other = await Rig.speaking(fleet);
    for (const item of items) other.device.receive(item);
    await other.looked();
    expect((await other.store.load())?.record.ledger).toEqual((await rig.store.load())?.record.ledger);
    expect(other.device.documents().slice(0, 4)).toEqual(rig.device.documents().slice(0, 4)); // the links
    expect(other.device.standing).toBe("observe"); // by the advisory: the directive is for another
  });

  test("says the ledger in parts that the smallest peer takes, each Beacon before what it proves", async () => {
    const rig = await Rig.speaking(new Owner());
    rig.fleet.denied = Array.from({ length: 3_000 }, (_, i) => 5 * i + 1 + (i % 4));
    rig.device.receive(rig.fleet.beacon(1, {}, rig.fleet.denied));
    rig.device.receive(rig.fleet.ledgerPart({ to: [1, 1], offset: 0, maxPartBytes: 60_000 }));
    const newest = rig.fleet.beacon(2, {}, [9]); // whose ledger it does not hold
    rig.device.receive(newest);
    await rig.looked();
    const items = rig.device.documents();
    expect(items.filter(looksSigned)).toHaveLength(2);
    expect(items.filter((item) => !looksSigned(item)).every(({ length }) => length <= 1_024)).toBe(true);
    expect(items.at(-1)).toEqual(newest);
    expect(parseEnvelope(items[0]!).type).toBe(2);
  });

  test("nothing while there is nothing, and never its lease", async () => {
    const rig = await Rig.speaking(new Owner());
    expect(rig.device.documents()).toEqual([]);
    expect(rig.device.lease).toBeDefined();
  });

  test("links with which a peer that has only the first Authority walks as far as they reach", async () => {
    const rig = await Rig.speaking(new Owner());
    const { trust } = rig.fleet;
    for (let i = 0; i < 2; i++) rig.device.receive(rig.fleet.rotate());
    await rig.looked();
    const walk = walkAuthorities(
      rig.device.documents(),
      openFirstAuthority(trust.authority.bytes, nodeCrypto),
      nodeCrypto,
    );
    expect(walk.trust.authority.value.version).toBe(3);
  });
});
