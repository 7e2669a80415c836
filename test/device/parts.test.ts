/** How a device comes to its ledger: the Beacon, the parts, and when it asks for those that are missing (P1, P11). */
import { describe, expect, test } from "vitest";
import { type Build, heldVector } from "../../device/state.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { encodeFrame } from "../../protocol/frame.js";
import { encodeContent, holdsNumber } from "../../protocol/ledger/content.js";
import { LedgerPart } from "../../protocol/ledger-part.js";
import { ErrorReply } from "../../protocol/notice.js";
import { SyncReply, type SyncRequest } from "../../protocol/sync.js";
import { boot } from "../../device/machine.js";
import { Bench } from "./bench.js";
import { DAY, Owner } from "./owner.js";

/** Enough for several parts of 64 bytes. */
const DENIED = Array.from({ length: 300 }, (_, i) => 7 * i + (i % 5) + 1);
const MAX_PART_BYTES = 64;
const bench = (build: Build = { maxPartBytes: MAX_PART_BYTES }) => {
  const made = new Bench(new Owner(), 1, build).speaking();
  made.owner.denied = DENIED;
  return made;
};
const beaconOf = ({ owner }: Bench, epoch = 1) => owner.beacon(epoch, {}, owner.denied);
const content = encodeContent({ denied: DENIED, generations: new Map() });
const part = (offset: number, to = 1, bytes = content) =>
  encodeFrame(LedgerPart, {
    to: [1, to],
    size: bytes.length,
    offset,
    bytes: bytes.slice(offset, offset + MAX_PART_BYTES),
  });
const ledgerOf = (of: Bench) => heldVector(of.state).ledger?.version;
function syncOf(of: Bench): SyncRequest {
  const asked = of.asked();
  if (asked.kind !== "sync") throw new Error(`it asks for a ${asked.kind}`);
  return asked.value;
}
/** A reply with the first part of what leads to the newest ledger, and a lease that wants it. */
function replyWithFirstPart(to: Bench): Uint8Array {
  const request = syncOf(to);
  const required = { ...to.owner.required(request), ledger: [1, 1] } as const;
  const lease = to.owner.lease(request, { required });
  const first = LedgerPart.decode(part(0).slice(3));
  return encodeFrame(SyncReply, { nonce: request.nonce, lease, documents: [beaconOf(to)], ledger: first });
}
const answerAll = (of: Bench) => {
  let asked = 0;
  for (; of.state.job?.kind === "ledger"; asked++) of.answer();
  return asked;
};

describe("the vector names the Beacon whose set is stored", () => {
  test("not the newest one, until its set has come; and the set survives a reboot", () => {
    const device = bench();
    device.receive(beaconOf(device));
    expect(device.state.held.ledger.head?.value.version).toEqual([1, 1]);
    expect(ledgerOf(device)).toBeUndefined();
    for (let offset = 0; offset < content.length; offset += MAX_PART_BYTES) device.receive(part(offset));
    expect(ledgerOf(device)).toEqual([1, 1]);
    device.reboot();
    expect(ledgerOf(device)).toEqual([1, 1]);
    expect(holdsNumber(device.state.held.ledger.set!.content, DENIED[77]!)).toBe(true);
    expect(device.disk.ledger?.content).toEqual(content);
  });

  test("P4: parts on their way are not saved one by one", () => {
    const device = bench();
    device.receive(beaconOf(device));
    const types = device.receive(part(0)).map(({ type }) => type);
    expect(types).toEqual(["wake"]);
  });
});

describe("a sync", () => {
  test("brings the first part; the others are asked for at once, and a sync follows that brings the lease", () => {
    const device = bench();
    device.connect("device");
    expect(syncOf(device).maxPartBytes).toBe(MAX_PART_BYTES);
    device.receive(replyWithFirstPart(device));
    expect(device.asked()).toMatchObject({
      kind: "ledger",
      value: { offset: 64, to: [1, 1], maxPartBytes: 64 },
    });
    expect(answerAll(device)).toBe(Math.ceil(content.length / 64) - 1);
    expect(ledgerOf(device)).toEqual([1, 1]);
    expect(syncOf(device).holds.ledger?.version).toEqual([1, 1]);
    device.answer();
    expect(device.state.speaking).toBe(true);
  });

  test("a device that takes parts of any size says none, and asks for the largest", () => {
    const device = bench({});
    device.connect("device");
    expect(syncOf(device).maxPartBytes).toBeUndefined();
    device.receive(replyWithFirstPart(device));
    expect(device.asked()).toMatchObject({ value: { maxPartBytes: 65_536 } });
  });

  test("goes first, though parts are missing", () => {
    const device = bench();
    device.receive(beaconOf(device));
    device.connect("device");
    expect(device.asked().kind).toBe("sync");
  });
});

describe("P11: a newer Beacon that everyone hears", () => {
  const waits = () => {
    const device = bench();
    device.receive(beaconOf(device));
    return (device.state.session?.ledgerAtMs ?? 0) - device.atMs;
  };

  test("is followed up after 2 to 30 seconds, each device at its own time", () => {
    const all = Array.from({ length: 12 }, waits);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...all)).toBeLessThanOrEqual(30_000);
    expect(new Set(all).size).toBeGreaterThan(6);
  });

  test("not at all when its parts arrive, and the wait begins anew with each that does", () => {
    const device = bench();
    device.receive(beaconOf(device));
    const before = device.sent().length;
    for (let offset = 0; offset < content.length; offset += MAX_PART_BYTES) {
      device.pass(1);
      device.receive(part(offset));
    }
    device.pass(60);
    expect(device.sent()).toHaveLength(before);
    expect(ledgerOf(device)).toEqual([1, 1]);
  });

  test("by itself otherwise: it wakes up, asks until it has all, and goes on speaking", () => {
    const device = bench();
    device.receive(beaconOf(device));
    device.receive(part(0));
    const [wake] = device.feed({ type: "tick" }).flatMap((e) => (e.type === "wake" ? [e.atMs] : []));
    device.pass(((wake ?? 0) - device.atMs) / 1000);
    expect(answerAll(device)).toBeGreaterThan(1);
    expect(ledgerOf(device)).toEqual([1, 1]);
    expect(device.state.speaking).toBe(true);
  });
});

describe("a part that is wrong", () => {
  test("P1: is found out by the digest; the device pauses, then asks for the whole", () => {
    const device = bench();
    device.connect("device");
    device.receive(replyWithFirstPart(device));
    const wrong = content.with(content.length - 1, content.at(-1)! ^ 1);
    for (let offset = 64; offset < content.length; offset += 64) device.receive(part(offset, 1, wrong));
    expect(ledgerOf(device)).toBeUndefined();
    expect(device.state.job).toBeUndefined();
    device.pass(2);
    expect(device.asked()).toMatchObject({ kind: "ledger", value: { offset: 0 } });
    answerAll(device);
    expect(ledgerOf(device)).toEqual([1, 1]);
  });

  test("P11: an error to it delays, ever longer, and a sync that is due goes first", () => {
    const device = bench();
    device.connect("device");
    device.receive(replyWithFirstPart(device));
    const error = encodeFrame(ErrorReply, { code: "retry-later" });
    device.receive(error);
    device.pass(2);
    expect(device.asked().kind).toBe("sync");
    device.receive(encodeFrame(SyncReply, { nonce: syncOf(device).nonce, documents: [] }));
    device.pass(4.001);
    expect(["ledger", "sync"]).toContain(device.asked().kind);
    expect(device.state.session?.fruitless).toBeGreaterThan(1);
  });

  test("no answer does not cost the connection", () => {
    const device = bench();
    device.receive(beaconOf(device));
    for (let pass = 0; pass < 6; pass++) device.pass(30);
    expect(device.state.session).toBeDefined();
    expect(device.sent().filter((_, i) => device.question(i).kind === "ledger").length).toBeLessThanOrEqual(
      6,
    );
  });
});

test("a newer Beacon makes what was asked for out of date", () => {
  const device = bench();
  device.connect("device");
  device.receive(replyWithFirstPart(device));
  expect(device.state.job?.kind).toBe("ledger");
  device.owner.denied = [...DENIED, 5_000];
  device.receive(beaconOf(device, 2));
  expect(device.state.job?.kind).not.toBe("ledger");
  device.pass(DAY);
  while (ledgerOf(device)?.[1] !== 2) {
    expect(device.state.job).toBeDefined();
    device.answer();
  }
});

test("the lease of who lacks the ledger does not count", () => {
  const device = bench();
  device.connect("device");
  device.receive(replyWithFirstPart(device));
  expect(device.state.session?.synced).toBe(false);
  expect(boot(device.disk, nodeCrypto, 0).held.ledger.set).toBeUndefined();
});
