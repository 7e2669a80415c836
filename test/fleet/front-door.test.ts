/** The fleet as a gateway meets it: what a device asks, what it is told, and what everybody is told. */
import { describe, expect, test } from "vitest";
import { wholeContent } from "../../fleet/ledger-history.js";
import type { FleetChange } from "../../fleet/link.js";
import type { FleetPolicy } from "../../fleet/policy.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument } from "../../protocol/authority.js";
import { Beacon } from "../../protocol/beacon.js";
import { concatBytes, utf8 } from "../../protocol/bytes.js";
import { CertificateReply } from "../../protocol/certify.js";
import { decodeFrame } from "../../protocol/frame.js";
import { applyChange } from "../../protocol/ledger/change.js";
import { contentDigest, EMPTY_CONTENT } from "../../protocol/ledger/content.js";
import { LedgerPart } from "../../protocol/ledger-part.js";
import { Lease } from "../../protocol/lease.js";
import type { Level } from "../../protocol/level.js";
import { ErrorReply } from "../../protocol/notice.js";
import { SyncReply } from "../../protocol/sync.js";
import { DAY, FOUNDED, freshKey, freshNonce, must, signedOf, SmallDevice, SmallFleet } from "./fixtures.js";

describe("the door", () => {
  const reply = (replies: readonly Uint8Array[]) => must(replies[0]);

  test("P4: an identical sync gets an identical reply, to the byte, and makes no event", async () => {
    const fleet = await SmallFleet.open();
    const camera = await fleet.member("SN-1");
    const request = camera.syncRequest();
    const first = reply(await camera.send(request));
    const before = await fleet.events();
    fleet.clock.seconds += DAY;
    expect(reply(await camera.send(request))).toEqual(first);
    expect(await fleet.events()).toEqual(before);
  });

  test("P2: after the standing changed, the same sync gets a new lease and the document it demands", async () => {
    const fleet = await SmallFleet.open();
    const camera = await fleet.member("SN-1");
    const request = camera.syncRequest();
    const first = decodeFrame(SyncReply, reply(await camera.send(request)));
    await fleet.act("hold", [camera.number], "restrict");
    const second = decodeFrame(SyncReply, reply(await camera.send(request)));
    expect(second.nonce).toEqual(first.nonce);
    const lease = openDocument(Lease, must(second.lease), fleet.service.trust, nodeCrypto).value;
    expect(lease).toMatchObject({ nonce: first.nonce, required: { directive: [1, 2], level: "restrict" } });
    expect(second.documents).toContainEqual(signedOf(fleet.device(camera.number).directive));
  });

  test("P9: a device with sixteen alarms is answered like any other", async () => {
    const fleet = await SmallFleet.open();
    const camera = await fleet.member("SN-1");
    const alarms = Array.from({ length: 16 }, (_, i) => ({ id: i + 1, kind: "unreadable" as const }));
    const { lease, documents } = decodeFrame(
      SyncReply,
      reply(await camera.send(camera.syncRequest({ alarms }))),
    );
    expect(lease).toBeDefined();
    expect(documents).toContainEqual(signedOf(fleet.device(camera.number).directive));
    expect(fleet.device(camera.number).level).toBe("restrict");
  });

  test("P9: whose first LDevID ended before the reply arrived gets one in date for the same request", async () => {
    const fleet = await SmallFleet.open();
    const camera = await fleet.bear("SN-1");
    const request = camera.enrollRequest();
    const first = reply(await camera.send(request));
    expect(reply(await camera.send(request))).toEqual(first);
    fleet.clock.seconds += 400 * DAY;
    const second = decodeFrame(CertificateReply, reply(await camera.send(request)));
    expect(second.nonce).toEqual(decodeFrame(CertificateReply, first).nonce);
    const { notAfter } = must(fleet.device(camera.number).certificates.at(-1));
    expect(notAfter).toBe(fleet.clock.seconds + 30 * DAY);
    expect(second.ldevid[0]).toEqual(signedOf(fleet.device(camera.number).certificates.at(-1)));
  });

  test("P9: a revoked device gets the same words each time, no lease, and leaves no event", async () => {
    const fleet = await SmallFleet.open();
    const camera = await fleet.member("SN-1");
    await camera.send(camera.syncRequest());
    await fleet.act("hold", [camera.number], "revoked");
    const before = await fleet.events();
    const told = signedOf(fleet.device(camera.number).release);
    for (let time = 0; time < 3; time++) {
      const answer = decodeFrame(SyncReply, reply(await camera.send(camera.syncRequest())));
      expect(answer.lease).toBeUndefined();
      expect(answer.documents).toContainEqual(told);
    }
    expect(await fleet.events()).toEqual(before);
  });

  const levels: readonly (readonly [Level, ErrorReply["code"]])[] = [
    ["restrict", "held"],
    ["isolate", "held"],
    ["revoked", "revoked"],
  ];
  test.each(levels)("P7: a member at %s that wants a certificate is told %s", async (level, code) => {
    const fleet = await SmallFleet.open();
    const camera = await fleet.member("SN-1");
    await fleet.act("hold", [camera.number], level);
    const before = await fleet.events();
    const nonce = freshNonce();
    const request = camera.enrollRequest(camera.newKey(freshKey(), nonce));
    expect(decodeFrame(ErrorReply, reply(await camera.send(request)))).toMatchObject({ nonce, code });
    expect(await fleet.events()).toEqual(before);
  });

  /** Born at the fleet's own station, with the hardware of device 1; nobody imported it. */
  async function stray(unknownDevices: FleetPolicy["unknownDevices"], level: Level) {
    const fleet = await SmallFleet.open({ policy: { unknownDevices } });
    await fleet.bear("SN-1");
    if (level !== "none") await fleet.act("hold", [1], level);
    const key = freshKey();
    const about = { number: 2, hardwareId: utf8("SN-1"), model: "camera", publicKey: key.publicKey };
    const device = new SmallDevice(fleet, 2, key, fleet.papersOf({ ...about, index: 1, bornAt: FOUNDED }));
    return { fleet, answer: reply(await device.send(device.enrollRequest())) };
  }

  test("a birth that nobody imported waits, if the policy says so, and is told for how long", async () => {
    const { fleet, answer } = await stray("wait", "none");
    expect(decodeFrame(ErrorReply, answer)).toMatchObject({ code: "pending-import", retryAfterSeconds: 600 });
    expect(fleet.service.view.devices.has(2)).toBe(false);
  });

  test("a birth that nobody imported is a member, if the policy says so", async () => {
    const { fleet, answer } = await stray("accept", "observe");
    expect(decodeFrame(CertificateReply, answer).documents).toEqual([
      signedOf(fleet.device(2).directive),
      fleet.door.beacon(),
    ]);
    expect(fleet.device(2).level).toBe("observe");
  });

  test("P7: a birth that nobody imported of hardware that is held gets no certificate from any policy", async () => {
    const { fleet, answer } = await stray("accept", "isolate");
    expect(decodeFrame(ErrorReply, answer).code).toBe("held");
    expect(fleet.device(2)).toMatchObject({ level: "isolate", certificates: [] });
  });
});

describe("what everybody is told", () => {
  async function watched(devices: number) {
    const fleet = await SmallFleet.open({ policy: { massActDevices: 1000 } });
    for (let i = 1; i <= devices; i++) await fleet.bear(`SN-${i}`);
    const told: FleetChange[] = [];
    fleet.door.watch((change) => told.push(change));
    return { fleet, told };
  }
  const beaconIn = (told: readonly FleetChange[]) =>
    must(told.flatMap((change) => (change.type === "beacon" ? [change] : [])).at(-1));

  test("of a new ledger: the Beacon, and what leads there from the one before", async () => {
    const { fleet, told } = await watched(3);
    const content = wholeContent(fleet.service.view.ledger);
    for (const numbers of [[1], [2, 3]]) {
      const before = must(fleet.service.view.beacon).version;
      const known = wholeContent(fleet.service.view.ledger);
      await fleet.act("hold", numbers, "isolate");
      const { document, parts } = beaconIn(told);
      expect(document).toEqual(fleet.door.beacon());
      const { value } = openDocument(Beacon, document, fleet.service.trust, nodeCrypto);
      const decoded = parts.map((part) => decodeFrame(LedgerPart, part));
      expect(decoded.map(({ from, to }) => [from, to])).toEqual([[before, value.version]]);
      const change = concatBytes(...decoded.map(({ bytes }) => bytes));
      expect(contentDigest(applyChange(known, change), nodeCrypto)).toEqual(value.digest);
    }
    expect(content).toEqual(EMPTY_CONTENT);
  });

  test("of an advisory and of its end: the document, and that anybody's standing may be another", async () => {
    const { fleet, told } = await watched(2);
    await fleet.advise(`model in {"camera"}`, "isolate");
    expect(told[0]).toEqual({ type: "broadcast", document: signedOf(fleet.service.view.advisories.list) });
    expect(told.slice(1, 3)).toEqual([1, 2].map((number) => ({ type: "standing", number })));
    expect(fleet.door.standing(2)?.level).toBe("isolate");
    expect(beaconIn(told).parts).toHaveLength(1);
    told.length = 0;
    await fleet.unadvise(1);
    expect(told[0]).toEqual({ type: "broadcast", document: signedOf(fleet.service.view.advisories.removal) });
    expect(told.slice(1, 3)).toEqual([1, 2].map((number) => ({ type: "standing", number })));
  });
});
