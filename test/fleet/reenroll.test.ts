/** New keys by a ticket: what changes with them, what never does, and what a ticket is not good for. */
import { beforeEach, describe, expect, test } from "vitest";
import { takeItem } from "../../fleet/bundles.js";
import { toBase64Url } from "../../fleet/events.js";
import { keyFactOf } from "../../fleet/sealing.js";
import type { DeviceView } from "../../fleet/view.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { CertificateReply, RenewRequest, ReturnRequest } from "../../protocol/certify.js";
import type { Signer } from "../../protocol/crypto.js";
import { decodeFrame } from "../../protocol/frame.js";
import type { Level } from "../../protocol/level.js";
import { SyncReply } from "../../protocol/sync.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { DAY, freshKey, freshNonce, must, recordsOf, type SmallDevice, SmallFleet } from "./fixtures.js";
import { birth, certify, codeOf, fleetOf, sync } from "./registry-rig.js";
import { heard, type Reenrollment, reenrollRequest, requestOf, ticketFor } from "./returning.js";

let fleet: SmallFleet;
let camera: SmallDevice;
let other: SmallDevice;
let ticket: Signer;
beforeEach(async () => {
  fleet = await SmallFleet.open();
  camera = await fleet.member("SN-1");
  other = await fleet.member("SN-2");
  ticket = await ticketFor(fleet, camera.number);
});

const device = (): DeviceView => fleet.device(camera.number);
const request = (more: Partial<Reenrollment> = {}): Uint8Array =>
  reenrollRequest({ fleet, number: camera.number, ticket, ...more });
const suspect = () =>
  fleet.service.record("fleet", () => ({
    type: "clone-suspected",
    number: camera.number,
    shown: 1,
    newest: 2,
  }));

describe("with a good ticket", () => {
  test("the device has one key, and one generation above all of before", async () => {
    const key = freshKey();
    const { lowestGeneration } = device();
    const { epoch } = fleet.service.view;
    const [reply] = await camera.send(request({ key }));
    const { ldevid } = decodeFrame(CertificateReply, must(reply));
    const { certificates } = fleet.service.trust;
    const verdict = verifyChain(ldevid, certificates, fleet.service.now(), nodeCrypto);
    const generation = lowestGeneration + 1;
    expect(verdict).toMatchObject({ profile: "ldevid", generation, publicKey: key.publicKey });
    expect(device()).toMatchObject({
      key: keyFactOf(key.publicKey),
      lowestGeneration: generation,
      level: "none",
    });
    expect(device().ticket).toBeUndefined();
    expect(fleet.service.view.beacon?.version[1]).toBe(epoch + 1); // peers hear of it
    const isIt = ({ type }: { readonly type: string }) => type === "device-reenrolled";
    const { events } = must((await recordsOf(fleet.log)).find((record) => record.events.some(isIt)));
    expect(events.map(({ type }) => type)).toEqual([
      "device-reenrolled",
      "directive-issued",
      "certificate-issued",
    ]);
  });

  test("the new key does all that a device's keys do", async () => {
    const key = freshKey();
    await camera.send(request({ key }));
    expect(await heard(camera, camera.seal(RenewRequest, camera.newKey(), key))).toBe("certificate");
    expect(await heard(camera, camera.seal(ReturnRequest, camera.newKey(), key))).toBe("certificate");
    const [reply] = await camera.send(camera.syncRequest({}, key));
    expect(decodeFrame(SyncReply, must(reply)).lease).toBeDefined();
  });

  test("a key of before proves no more than whom to tell that it was replaced", async () => {
    const old = [camera.idevid, must(camera.ldevid)];
    await camera.send(request());
    const asked = [
      camera.enrollRequest(),
      ...old.map((key) => camera.seal(RenewRequest, camera.newKey(), key)),
      ...old.map((key) => camera.seal(ReturnRequest, camera.newKey(), key)),
      ...old.map((key) => camera.syncRequest({}, key)),
    ];
    const before = await fleet.events();
    for (const message of asked) expect(await heard(camera, message)).toBe("superseded");
    expect(await fleet.events()).toEqual(before);
  });

  test("P4: the same request gets the same reply, and makes no event", async () => {
    const message = request();
    const first = await camera.send(message);
    const before = await fleet.events();
    expect(await camera.send(message)).toEqual(first);
    expect(await fleet.events()).toEqual(before);
  });

  test.each([
    ["accept", "certificate"],
    ["ask", "approval-pending"],
  ] as const)(
    "P9: repeated after its LDevID ended, it is a return: with the policy %s, %s",
    async (returns, code) => {
      const strict = await SmallFleet.open({ policy: { returns } });
      const lamp = await strict.member("SN-1");
      const key = await ticketFor(strict, lamp.number);
      const message = reenrollRequest({ fleet: strict, number: lamp.number, ticket: key });
      expect(await heard(lamp, message)).toBe("certificate");
      strict.clock.seconds += 30 * DAY + 1;
      expect(await heard(lamp, message)).toBe(code);
    },
  );

  test("repeated while two seem to hold the new keys too, it gets nothing", async () => {
    const message = request();
    await camera.send(message);
    await suspect();
    expect(await heard(camera, message)).toBe("suspected");
  });

  test("suspicion ends", async () => {
    await suspect();
    expect(await heard(camera, requestOf("return", camera))).toBe("suspected");
    const key = freshKey();
    expect(await heard(camera, request({ key }))).toBe("certificate");
    expect(device().suspectedAt).toBeUndefined();
    const [reply] = await camera.send(camera.syncRequest({}, key));
    expect(decodeFrame(SyncReply, must(reply)).lease).toBeDefined();
  });

  test("P1: a request that comes by file is answered too", async () => {
    const { result, answers } = await takeItem(fleet.service, request(), "operator");
    expect([result, answers.length]).toEqual(["taken", 1]);
    expect(device().lowestGeneration).toBe(2);
  });

  test("a device that was only born gets its first LDevID", async () => {
    const pledge = await fleet.bear("SN-3");
    const own = await ticketFor(fleet, pledge.number);
    const message = reenrollRequest({ fleet, number: pledge.number, ticket: own });
    expect(await heard(pledge, message)).toBe("certificate");
  });
});

describe("P7: a ticket launders nothing", () => {
  const levels: readonly Level[] = ["restrict", "isolate"];
  test.each(levels)("at %s it is refused, and stays good until the release", async (level) => {
    await fleet.act("hold", [camera.number], level);
    const message = request();
    expect(await heard(camera, message)).toBe("held");
    expect(device()).toMatchObject({ level, lowestGeneration: 1 });
    await fleet.act("release", [camera.number], "none");
    expect(await heard(camera, message)).toBe("certificate");
  });

  test("at observe the device stays there, with its alarms", async () => {
    await fleet.act("hold", [camera.number], "observe");
    const report = { type: "alarm-reported", number: camera.number, id: 3, kind: "rollback" } as const;
    await fleet.service.record("fleet", () => report);
    expect(await heard(camera, request())).toBe("certificate");
    expect(device()).toMatchObject({
      level: "observe",
      directive: { level: "observe" },
      alarms: [{ id: 3 }],
    });
  });

  test("revoked for good, it is told so", async () => {
    await fleet.act("hold", [camera.number], "revoked");
    expect(await heard(camera, request())).toBe("revoked");
  });

  test("another birth of the hardware stands where the first one stood", () => {
    const registry = fleetOf(1);
    registry.act("hold", "observe");
    const newKey = { algorithm: "ES256", bytes: "base-2" } as const;
    registry.happen({ type: "device-reenrolled", number: 1, key: newKey, act: "a" });
    registry.facts(birth(2, "hw-1"));
    expect(registry.device(2).level).toBe("observe");
  });

  test("given away after it, the voucher goes on from the key of its birth", async () => {
    await camera.send(request());
    const owner = toBase64Url(new Uint8Array(32).fill(7));
    const given = { kind: "give", numbers: [camera.number], owner, reason: "sold" } as const;
    expect(await fleet.carryOut(given)).toBeUndefined();
    const { deviceKey } = must(device().transferred);
    expect(deviceKey).toBe(toBase64Url(nodeCrypto.sha256(camera.idevid.publicKey.bytes)));
  });

  test("the birth that was imported is known again, and brings the old key back in no way", () => {
    const registry = fleetOf(1);
    const newKey = { algorithm: "ES256", bytes: "base-2" } as const;
    registry.happen({ type: "device-reenrolled", number: 1, key: newKey, act: "a" });
    expect(registry.facts(birth(1))).toEqual([]);
    expect(registry.device().key).toEqual(newKey);
  });

  test("a request that waited while the keys were replaced is decided by the keys of now", () => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll"));
    const waiting = [certify("renew", { nonce: "2", key: "new-key" }), certify("return", { nonce: "3" })];
    const newKey = { algorithm: "ES256", bytes: "base-2" } as const;
    registry.happen({ type: "device-reenrolled", number: 1, key: newKey, act: "a" });
    expect(waiting.map((asked) => codeOf(registry.ask(asked)))).toEqual(["superseded", "superseded"]);
    expect(codeOf(registry.ask(sync({ key: "new-key" })))).toBe("superseded");
  });
});

test("a key that was replaced two re-enrollments ago does not come back", () => {
  const registry = fleetOf(1);
  for (const [nonce, bytes] of [
    ["2", "base-2"],
    ["3", "base-3"],
  ] as const) {
    registry.happen({ type: "ticket-issued", number: 1, key: nonce, expiresAt: Infinity, act: "a" });
    const newKey = { algorithm: "ES256", bytes } as const;
    registry.facts(certify("reenroll", { nonce, newKey, key: bytes, ticket: nonce }));
  }
  registry.happen({ type: "ticket-issued", number: 1, key: "4", expiresAt: Infinity, act: "a" });
  const newKey = { algorithm: "ES256", bytes: "key-hw-1" } as const;
  const again = certify("reenroll", { nonce: "4", newKey, key: "key-hw-1", ticket: "4" });
  expect(codeOf(registry.ask(again))).toBe("superseded");
  expect(registry.device().ticket).toBeDefined();
});

describe("a request that was read before something else was decided", () => {
  const asked = certify("reenroll", {
    nonce: "2",
    newKey: { algorithm: "ES256", bytes: "base-2" },
    key: "base-2",
  });
  const issue = (key: string) =>
    ({ type: "ticket-issued", number: 1, key, expiresAt: Infinity, act: "a" }) as const;

  test("does not use up a ticket that it did not show", () => {
    const registry = fleetOf(1);
    registry.happen(issue("ticket-2"));
    expect(codeOf(registry.ask({ ...asked, ticket: "ticket-1" }))).toBe("bad-ticket");
    expect(codeOf(registry.ask({ ...asked, ticket: "ticket-2" }))).toBe("accepted");
  });

  test("an LDevID that ended does not come back as a re-enrollment that was never made", () => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll"));
    registry.now += 30 * DAY + 1;
    const again = certify("reenroll", { key: "new-key" }); // nonce and key of the LDevID that it has
    expect(codeOf(registry.ask(again))).toBe("bad-ticket");
  });
});

describe("a ticket is not good", () => {
  const nobody = freshKey("Ed25519");
  type Row = readonly [what: string, more: () => Promise<Partial<Reenrollment>>, code: string];
  const signedFor = (more: NonNullable<Reenrollment["signedFor"]>) => async () => ({ signedFor: more });
  const rows: readonly Row[] = [
    ["that nobody gave", async () => ({ ticket: nobody }), "bad-ticket"],
    ["of another device", async () => ({ ticket: await ticketFor(fleet, other.number) }), "bad-ticket"],
    ["that signed for another key", signedFor({ key: freshKey().publicKey }), "bad-ticket"],
    ["that signed for another nonce", signedFor({ nonce: freshNonce() }), "bad-ticket"],
    ["that signed for another number", signedFor({ number: 2 }), "bad-ticket"],
    ["for a request that another key signed", async () => ({ signer: freshKey() }), "denied"],
    ["for a request that the device's old key signed", async () => ({ signer: camera.idevid }), "denied"],
    ["for the LDevID's key of before", async () => ({ key: must(camera.ldevid) }), "denied"],
    ["for the IDevID's key", async () => ({ key: camera.idevid }), "denied"],
    [
      "that a newer one replaced",
      async () => {
        await ticketFor(fleet, camera.number);
        return {};
      },
      "bad-ticket",
    ],
    [
      "that was used, for a third key",
      async () => {
        await camera.send(request());
        return {};
      },
      "bad-ticket",
    ],
    [
      "in the second after its last",
      async () => {
        fleet.clock.seconds = must(device().ticket).expiresAt + 1;
        return {};
      },
      "bad-ticket",
    ],
  ];
  test.each(rows)("%s", async (_, prepare, code) => {
    const message = request(await prepare());
    const before = device();
    expect(await heard(camera, message)).toBe(code);
    expect(device()).toEqual(before);
  });

  test("before a second person agreed", async () => {
    const key = freshKey("Ed25519");
    const act = { kind: "ticket", numbers: [other.number], key: toBase64Url(key.publicKey.bytes) } as const;
    await fleet.service.act({ ...act, reason: "story" }, "operator");
    const message = reenrollRequest({ fleet, number: other.number, ticket: key });
    expect(await heard(other, message)).toBe("bad-ticket");
  });

  test("over another device's session", async () => {
    expect(await heard(other, request())).toBe("denied");
    expect(device().lowestGeneration).toBe(1);
  });

  test("once it is, in its last second too", async () => {
    fleet.clock.seconds = must(device().ticket).expiresAt;
    expect(await heard(camera, request())).toBe("certificate");
  });
});
