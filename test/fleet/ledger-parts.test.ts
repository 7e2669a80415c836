/** The ledger on its way to devices: whole or as a change, in parts, whatever they ask and however they are cut. */
import { beforeAll, describe, expect, test } from "vitest";
import { MAX_PUSHED_BYTES, ledgerAnswer, partFrames, pushedParts } from "../../fleet/ledger-parts.js";
import { type LedgerPath, pathFrom } from "../../fleet/ledger-history.js";
import { syncReply } from "../../fleet/replies.js";
import type { FleetView } from "../../fleet/view.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument } from "../../protocol/authority.js";
import { Beacon } from "../../protocol/beacon.js";
import { concatBytes } from "../../protocol/bytes.js";
import { looksSigned } from "../../protocol/cose.js";
import { decodeFrame } from "../../protocol/frame.js";
import { applyChange } from "../../protocol/ledger/change.js";
import { contentDigest, EMPTY_CONTENT } from "../../protocol/ledger/content.js";
import { LedgerPart, type LedgerRequest } from "../../protocol/ledger-part.js";
import { SyncReply } from "../../protocol/sync.js";
import type { Version } from "../../protocol/version.js";
import { freshNonce, must, type SmallDevice, SmallFleet } from "./fixtures.js";

let fleet: SmallFleet;
let camera: SmallDevice;
let view: FleetView;
/** Versions of all Beacons, oldest first. */
let versions: Version[];
beforeAll(async () => {
  fleet = await SmallFleet.open({ policy: { massActDevices: 1000 } });
  camera = await fleet.member("SN-1");
  for (let i = 2; i <= 40; i++) await fleet.bear(`SN-${i}`);
  versions = [must(fleet.service.view.beacon).version];
  fleet.service.onEvent((event) => event.type === "beacon-issued" && versions.push(event.version));
  for (const first of [2, 12, 22]) {
    await fleet.act(
      "hold",
      Array.from({ length: 8 }, (_, i) => first + i),
      "isolate",
    );
  }
  await fleet.act("release", [3, 5, 7, 13, 25], "none");
  view = fleet.service.view;
});

const beacon = () => openDocument(Beacon, fleet.door.beacon(), fleet.service.trust, nodeCrypto).value;
const ask = (request: Partial<LedgerRequest>): readonly Uint8Array[] => {
  const whole = { to: must(versions.at(-1)), offset: 0, maxPartBytes: 65_536 };
  return ledgerAnswer(view, { ...whole, ...request }, nodeCrypto);
};
const part = (answer: readonly Uint8Array[]) => decodeFrame(LedgerPart, must(answer.at(-1)));
const digestAfter = (bytes: Uint8Array) => contentDigest(bytes, nodeCrypto);

describe("a device that asks for a part", () => {
  test.each([64, 65, 1024])("of %i bytes at most gets the whole, part by part", (maxPartBytes) => {
    let content = new Uint8Array();
    for (let size = Number.POSITIVE_INFINITY; content.length < size;) {
      const answer = ask({ offset: content.length, maxPartBytes });
      expect(answer).toHaveLength(1);
      const { bytes, from, offset, ...rest } = part(answer);
      expect([from, offset, bytes.length <= maxPartBytes]).toEqual([undefined, content.length, true]);
      content = concatBytes(content, bytes) as Uint8Array<ArrayBuffer>;
      size = rest.size;
    }
    expect(digestAfter(content)).toEqual(beacon().digest);
  });

  test("P2: from any epoch comes to the newest with one change, which is never larger than the whole", () => {
    const whole = part(ask({})).size;
    for (const [i, from] of versions.slice(0, -1).entries()) {
      const { bytes, size, ...way } = part(ask({ from }));
      const known = i === 0 ? EMPTY_CONTENT : contentAt(from);
      const content = way.from ? applyChange(known, bytes) : bytes;
      expect(digestAfter(content)).toEqual(beacon().digest);
      expect(size).toBeLessThanOrEqual(whole);
    }
  });

  const stale: readonly (readonly [string, () => Partial<LedgerRequest>])[] = [
    ["for a Beacon that is not the newest", () => ({ to: must(versions[1]) })],
    ["beyond the end", () => ({ offset: 1_000_000 })],
    ["from what this fleet never was, further on", () => ({ from: [0, 5], offset: 1 })],
  ];
  test.each(stale)("%s gets the newest Beacon, and the beginning", (_, request) => {
    const [first, second, ...more] = ask(request());
    expect([first, more]).toEqual([fleet.door.beacon(), []]);
    expect(decodeFrame(LedgerPart, must(second))).toMatchObject({ to: versions.at(-1), offset: 0 });
  });

  test("and holds the newest already gets the Beacon that says so, and no part", () => {
    expect(ask({ from: must(versions.at(-1)) })).toEqual([fleet.door.beacon()]);
  });
});

/** What the fleet's ledger was at a Beacon. */
function contentAt(version: Version): Uint8Array {
  return must(pathFrom({ ...view.ledger, newest: version }, undefined, nodeCrypto)).bytes;
}

describe("a change that is sent to everyone", () => {
  const path = (size: number): LedgerPath => ({
    to: [1, 9],
    from: [1, 8],
    bytes: new Uint8Array(size).fill(7),
  });

  test("P11: comes in parts of at most 1 KB that make the whole", () => {
    const parts = partFrames(path(2500), 1024).map((frame) => decodeFrame(LedgerPart, frame));
    expect(parts.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
      [0, 1024],
      [1024, 1024],
      [2048, 452],
    ]);
  });

  test("P11: is left out when it is large: who needs it asks", () => {
    expect(pushedParts(crowded(MAX_PUSHED_BYTES * 2), must(versions.at(-1)))).toEqual([]);
    expect(pushedParts(crowded(100), must(versions.at(-1))).length).toBeGreaterThan(0);
    expect(pushedParts(view, undefined)).toEqual([]);
  });
});

/** The view after one more epoch, at which so many numbers were denied. */
function crowded(count: number): FleetView {
  const numbers = Array.from({ length: count }, (_, i) => 1000 + i * 97 + ((i * i) % 89));
  const { ledger } = view;
  const toggled = [...ledger.toggled, ...numbers];
  const grown = {
    ...ledger,
    toggled,
    toggledEnds: [...ledger.toggledEnds, toggled.length],
    raisedEnds: [...ledger.raisedEnds, ledger.raised.length],
    newest: [1, ledger.toggledEnds.length] as const,
    composed: { to: 0, changes: new Map() },
  };
  return { ...view, ledger: grown };
}

describe("the first part in the reply to a sync", () => {
  const reply = async (maxReplyBytes: number) => {
    const [bytes] = await camera.send(camera.syncRequest({ maxReplyBytes }));
    expect(must(bytes).length).toBeLessThanOrEqual(maxReplyBytes);
    expect(looksSigned(must(bytes))).toBe(false);
    return decodeFrame(SyncReply, must(bytes));
  };

  test("P11: takes what room there is, to the byte", async () => {
    const { ledger } = await reply(4096);
    expect(must(ledger).bytes).toHaveLength(must(ledger).size);
    const full = (await camera.send(camera.syncRequest({ maxReplyBytes: 4096 })))[0]!.length;
    const LEAST = 512; // that a device may ask for
    for (let less = 0; less < must(ledger).size && full - less >= LEAST; less++) {
      const { ledger: cut, documents } = await reply(full - less);
      expect(documents).toHaveLength(2);
      expect(cut?.bytes.length ?? 0).toBe(must(ledger).size - less);
    }
  });

  const limits: readonly (readonly [number, number, number])[] = [
    [65_536, 64, 64],
    [65_536, 1024, 1024],
    [700, 65_536, 0],
    [2000, 65_536, 0],
  ];
  test.each(limits)(
    "P11: of a reply of %i bytes with parts of %i: as much as fits",
    (most, part, exactly) => {
      const { trust } = fleet.service;
      const sync = { subject: camera.number, nonce: freshNonce(), holds: camera.nothingHeld() };
      const asked = { ...sync, maxReplyBytes: most, maxPartBytes: part };
      const bytes = syncReply(crowded(5000), fleet.device(camera.number), asked, trust, nodeCrypto);
      const { ledger } = decodeFrame(SyncReply, bytes);
      expect([must(ledger).bytes.length, bytes.length]).toEqual(
        exactly > 0 ? [exactly, bytes.length] : [must(ledger).bytes.length, most],
      );
    },
  );

  test("is not there for a device that holds the newest", async () => {
    const holds = { ...camera.nothingHeld() };
    const [first] = await camera.send(camera.syncRequest());
    const { documents } = decodeFrame(SyncReply, must(first));
    const known = openDocument(Beacon, must(documents.at(-1)), fleet.service.trust, nodeCrypto);
    const ledger = { version: known.value.version, hash: known.hash };
    const [second] = await camera.send(camera.syncRequest({ holds: { ...holds, ledger } }));
    expect(decodeFrame(SyncReply, must(second)).ledger).toBeUndefined();
  });
});
