/** Whose key must have signed what: each row breaks one rule of the fleet's edge, and nothing comes of it. */
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type DeviceRequest, openBirth, openDeviceRequest } from "../../fleet/edge.js";
import type { Birth } from "../../fleet/station/births.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { BirthRecord } from "../../protocol/birth.js";
import { utf8 } from "../../protocol/bytes.js";
import { EnrollRequest, keyProof, RenewRequest, ReturnRequest } from "../../protocol/certify.js";
import type { PublicKey, Signer } from "../../protocol/crypto.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { ProtocolError } from "../../protocol/errors.js";
import { decodeFrame } from "../../protocol/frame.js";
import { ErrorReply } from "../../protocol/notice.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt, SyncReply, SyncRequest } from "../../protocol/sync.js";
import { Voucher } from "../../protocol/voucher.js";
import {
  DAY,
  type DevicePapers,
  freshKey,
  freshNonce,
  must,
  signedOf,
  type SmallDevice,
  SmallFleet,
} from "./fixtures.js";

let fleet: SmallFleet;
let foreign: SmallFleet;
/** Two members of the fleet, one that is only born, and one of another fleet with the same number as `camera`. */
let camera: SmallDevice;
let other: SmallDevice;
let pledge: SmallDevice;
let stranger: SmallDevice;
beforeAll(async () => {
  fleet = await SmallFleet.open();
  camera = await fleet.member("SN-1");
  other = await fleet.member("SN-2");
  pledge = await fleet.bear("SN-3");
  foreign = await SmallFleet.open({ label: "elsewhere" });
  stranger = await foreign.member("SN-1");
});

function open(message: Uint8Array): DeviceRequest {
  const { service } = fleet;
  return openDeviceRequest(message, {
    view: service.view,
    trust: service.trust,
    crypto: nodeCrypto,
    now: service.now(),
    tokenSecret: service.options.tokenSecret,
  });
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return "accepted";
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

/** What the device hears of it. */
async function heard(from: SmallDevice, message: Uint8Array): Promise<string> {
  const [reply, ...more] = await from.send(message);
  expect(more).toEqual([]);
  return decodeFrame(ErrorReply, must(reply)).code;
}

/** The papers of `pledge` with some of what the station or the factory signed said otherwise. */
function papersWith(changes: {
  record?: Partial<BirthRecord>;
  voucher?: Partial<Voucher>;
  recordKey?: keyof SmallFleet["keys"];
  voucherKey?: keyof SmallFleet["keys"];
}): DevicePapers {
  const { papers } = pledge;
  const record = { ...BirthRecord.decode(parseEnvelope(papers.record).payload), ...changes.record };
  const voucher = { ...Voucher.decode(parseEnvelope(papers.voucher).payload), ...changes.voucher };
  return {
    ...papers,
    record: pledge.seal(BirthRecord, record, fleet.keys[changes.recordKey ?? "station"]),
    voucher: pledge.seal(Voucher, voucher, fleet.keys[changes.voucherKey ?? "factory"]),
  };
}

/** Papers for the key of `pledge` that the fleet's station drew up, and nobody imported. */
function drawnUp(changes: Partial<Birth>): DevicePapers {
  const { publicKey } = pledge.idevid;
  const birth = { number: pledge.number, hardwareId: utf8("SN-3"), model: "camera", publicKey, index: 2 };
  return fleet.papersOf({ ...birth, bornAt: fleet.service.now(), ...changes });
}

/** What a request holds about its new key, with a proof that is off in one point. */
function falseProof(change: {
  signer?: Signer;
  fleetId?: Uint8Array;
  number?: number;
  nonce?: Uint8Array;
  proven?: PublicKey;
}) {
  const [key, nonce] = [freshKey(), freshNonce()];
  const { signer = key, fleetId = fleet.service.trust.fleetId, number = pledge.number } = change;
  const proof = signer.sign(keyProof(fleetId, number, change.nonce ?? nonce, change.proven ?? key.publicKey));
  return { nonce, publicKey: key.publicKey, proof };
}

/** Of a device that has one. */
const ldevid = (device: SmallDevice): Signer => must(device.ldevid);
const sha256 = (text: string) => nodeCrypto.sha256(utf8(text));
const elsewhere = () => foreign.service.trust.fleetId;

const ldevidCertificate = ({ number }: SmallDevice) => signedOf(fleet.device(number).certificates.at(-1));

/** What `camera` says, bound to another fleet. */
function resealed<T>(message: Message<T>, envelope: Uint8Array): Uint8Array {
  const value = message.decode(parseEnvelope(envelope).payload);
  return sealEnvelope(message, value, ldevid(camera), elsewhere(), nodeCrypto);
}

function renewedByItself(): Uint8Array {
  const key = freshKey();
  return camera.seal(RenewRequest, camera.newKey(key), key);
}

/** In the last byte: of the signature. */
function flipped(envelope: Uint8Array): Uint8Array {
  return envelope.with(-1, (envelope.at(-1) ?? 0) ^ 1);
}

type Row = readonly [what: string, message: () => Uint8Array, code: ProtocolError["code"]];

const refusedEnrollments: readonly Row[] = [
  ["signed by a key that is not the IDevID's", () => pledge.enrollRequest({}, freshKey()), "wrong-key"],
  [
    "with the IDevID of another device",
    () => pledge.enrollRequest({ idevid: other.papers.idevid }),
    "wrong-key",
  ],
  ["with all papers of another device", () => pledge.enrollRequest(other.papers), "wrong-key"],
  ["for a number that is not in its certificate", () => pledge.enrollRequest(other.newKey()), "wrong-key"],
  [
    "with an LDevID instead of the IDevID",
    () => camera.enrollRequest({ idevid: [ldevidCertificate(camera)] }, ldevid(camera)),
    "wrong-key",
  ],
  [
    "with an IDevID that begins tomorrow",
    () => pledge.enrollRequest(drawnUp({ bornAt: fleet.service.now() + DAY })),
    "wrong-key",
  ],
  [
    "with an IDevID and no station",
    () => pledge.enrollRequest({ idevid: pledge.papers.idevid.slice(0, 1) }),
    "bad-certificate",
  ],
  [
    "with the station of another fleet",
    () =>
      pledge.enrollRequest({
        idevid: [...pledge.papers.idevid.slice(0, 1), ...stranger.papers.idevid.slice(1)],
      }),
    "bad-certificate",
  ],
  [
    "with papers of another fleet",
    () => pledge.enrollRequest(stranger.papers, stranger.idevid),
    "bad-certificate",
  ],
  [
    "sealed for another fleet",
    () =>
      sealEnvelope(
        EnrollRequest,
        { ...pledge.newKey(), ...pledge.papers },
        pledge.idevid,
        elsewhere(),
        nodeCrypto,
      ),
    "bad-signature",
  ],
  [
    "with the birth record of another number",
    () => pledge.enrollRequest(papersWith({ record: { subject: other.number } })),
    "wrong-key",
  ],
  [
    "with a birth record for another key",
    () => pledge.enrollRequest(papersWith({ record: { publicKey: freshKey().publicKey } })),
    "wrong-key",
  ],
  [
    "with a birth record for another IDevID",
    () => pledge.enrollRequest(papersWith({ record: { idevid: sha256("another") } })),
    "wrong-key",
  ],
  [
    "with the birth record of an earlier IDevID of its own",
    () => pledge.enrollRequest({ idevid: drawnUp({}).idevid }),
    "wrong-key",
  ],
  [
    "with a birth record that no station signed",
    () => pledge.enrollRequest(papersWith({ recordKey: "factory" })),
    "wrong-key",
  ],
  [
    "with a voucher for another key",
    () => pledge.enrollRequest(papersWith({ voucher: { deviceKey: sha256("another") } })),
    "wrong-key",
  ],
  [
    "with a voucher for other hardware",
    () => pledge.enrollRequest(papersWith({ voucher: { hardwareId: utf8("SN-2") } })),
    "wrong-key",
  ],
  [
    "with a voucher for another owner",
    () => pledge.enrollRequest(papersWith({ voucher: { owner: sha256("another") } })),
    "wrong-key",
  ],
  [
    "with a voucher that the factory did not sign",
    () => pledge.enrollRequest(papersWith({ voucherKey: "station" })),
    "wrong-key",
  ],
  [
    "with a new key and no proof of it",
    () => pledge.enrollRequest({ proof: new Uint8Array(64) }),
    "wrong-key",
  ],
  [
    "with a proof by another key",
    () => pledge.enrollRequest(falseProof({ signer: freshKey() })),
    "wrong-key",
  ],
  [
    "with a proof by its IDevID key",
    () => pledge.enrollRequest(falseProof({ signer: pledge.idevid })),
    "wrong-key",
  ],
  [
    "with a proof for another nonce",
    () => pledge.enrollRequest(falseProof({ nonce: freshNonce() })),
    "wrong-key",
  ],
  [
    "with a proof for another number",
    () => pledge.enrollRequest(falseProof({ number: other.number })),
    "wrong-key",
  ],
  [
    "with a proof for another fleet",
    () => pledge.enrollRequest(falseProof({ fleetId: elsewhere() })),
    "wrong-key",
  ],
  [
    "with a proof of another key",
    () => pledge.enrollRequest(falseProof({ proven: freshKey().publicKey })),
    "wrong-key",
  ],
];

const refusedMessages: readonly Row[] = [
  [
    "a renewal signed by the IDevID key",
    () => camera.seal(RenewRequest, camera.newKey(), camera.idevid),
    "wrong-key",
  ],
  ["a renewal signed by the key that it asks for", () => renewedByItself(), "wrong-key"],
  [
    "a renewal signed by another member",
    () => camera.seal(RenewRequest, camera.newKey(), ldevid(other)),
    "wrong-key",
  ],
  [
    "a renewal without proof of the new key",
    () => camera.seal(RenewRequest, { ...camera.newKey(), proof: new Uint8Array(64) }),
    "wrong-key",
  ],
  [
    "a return signed by the LDevID key",
    () => camera.seal(ReturnRequest, camera.newKey(), ldevid(camera)),
    "wrong-key",
  ],
  [
    "a return signed by another device",
    () => camera.seal(ReturnRequest, camera.newKey(), other.idevid),
    "wrong-key",
  ],
  [
    "a return without proof of the new key",
    () => camera.seal(ReturnRequest, { ...camera.newKey(), proof: new Uint8Array(64) }, camera.idevid),
    "wrong-key",
  ],
  ["a sync signed by another device", () => camera.syncRequest({}, other.idevid), "wrong-key"],
  ["a sync signed by nobody's key", () => camera.syncRequest({}, freshKey()), "wrong-key"],
  ["a receipt signed by another device", () => camera.receipt(1, ldevid(other)), "wrong-key"],
  ["a sync for a number that nobody has", () => camera.syncRequest({ subject: 4711 }), "wrong-key"],
  ["a sync sealed for another fleet", () => resealed(SyncRequest, camera.syncRequest()), "bad-signature"],
  ["a receipt sealed for another fleet", () => resealed(Receipt, camera.receipt(1)), "bad-signature"],
  [
    "the sync of the same number in another fleet",
    () => stranger.syncRequest({}, stranger.idevid),
    "wrong-key",
  ],
  ["a sync with one bit changed", () => flipped(camera.syncRequest()), "bad-signature"],
  [
    "a document that only the fleet signs",
    () => signedOf(fleet.device(camera.number).directive),
    "unknown-type",
  ],
  ["bytes that are no envelope", () => Uint8Array.of(0x82, 0x18, 0x28), "malformed"],
];

describe("P1: what does not prove itself is refused, and nothing comes of it", () => {
  test.each(refusedEnrollments)("enrollment %s", async (_, message, code) => {
    expect(await whatCameOf(pledge, message())).toEqual(nothingBut(code));
  });
  test.each(refusedMessages)("%s", async (_, message, code) => {
    expect(await whatCameOf(camera, message())).toEqual(nothingBut(code));
  });
  test("what the rows above change is what was wrong with them", async () => {
    const good = [
      pledge.enrollRequest(),
      pledge.enrollRequest(papersWith({})),
      pledge.enrollRequest(drawnUp({})),
      pledge.enrollRequest(falseProof({})),
      camera.seal(RenewRequest, camera.newKey()),
      camera.seal(ReturnRequest, camera.newKey(), camera.idevid),
      camera.syncRequest({}, camera.idevid),
      camera.syncRequest({}, ldevid(camera)),
      camera.receipt(1),
    ];
    expect(good.map((message) => codeOf(() => open(message)))).toEqual(good.map(() => "accepted"));
  });
});

/** Why it was refused, what the device was told, and the events that it made. */
async function whatCameOf(device: SmallDevice, message: Uint8Array) {
  const before = await fleet.events();
  const outcome = { code: codeOf(() => open(message)), told: await heard(device, message) };
  return { ...outcome, events: (await fleet.events()).slice(before.length) };
}

function nothingBut(code: ProtocolError["code"]) {
  const proof = ["wrong-key", "bad-signature", "bad-certificate"].includes(code);
  return { code, told: proof ? "denied" : "malformed", events: [] };
}

test("only a birth that a station vouches for is imported", () => {
  const { trust } = fleet.service;
  const given = { ...camera.papers, idevid: [ldevidCertificate(camera)] };
  expect(codeOf(() => openBirth(given, { trust, crypto: nodeCrypto, now: fleet.service.now() }))).toBe(
    "wrong-key",
  );
});

describe("P1: what a device signs counts over its own session only", () => {
  const messages: readonly (readonly [string, () => Uint8Array])[] = [
    ["sync", () => camera.syncRequest()],
    ["receipt", () => camera.receipt(1)],
    ["renewal", () => camera.seal(RenewRequest, camera.newKey())],
    ["return", () => camera.seal(ReturnRequest, camera.newKey(), camera.idevid)],
    ["enrollment", () => camera.enrollRequest()],
  ];
  test.each(messages)("%s", async (_, message) => {
    const before = await fleet.events();
    expect(await heard(other, message())).toBe("denied");
    expect(await fleet.events()).toEqual(before);
  });
});

describe("which keys count when", () => {
  let days: SmallFleet;
  let lamp: SmallDevice;
  const context = () => ({
    view: days.service.view,
    trust: days.service.trust,
    crypto: nodeCrypto,
    now: days.service.now(),
    tokenSecret: days.service.options.tokenSecret,
  });
  const answer = (message: Uint8Array) => codeOf(() => openDeviceRequest(message, context()));
  beforeEach(async () => {
    days = await SmallFleet.open();
    lamp = await days.member("SN-1");
  });

  test("P9: an LDevID renews up to its last second; then the IDevID returns, and both still sync", () => {
    const { notAfter } = must(days.device(lamp.number).certificates.at(-1));
    const [renewal, comeback] = [
      lamp.seal(RenewRequest, lamp.newKey()),
      lamp.seal(ReturnRequest, lamp.newKey(), lamp.idevid),
    ];
    days.clock.seconds = notAfter;
    expect([renewal, comeback].map(answer)).toEqual(["accepted", "accepted"]);
    expect(openDeviceRequest(renewal, context()).request).not.toHaveProperty("expired");
    days.clock.seconds = notAfter + 1;
    expect([renewal, comeback].map(answer)).toEqual(["accepted", "accepted"]);
    const opened = openDeviceRequest(renewal, context());
    expect(opened.request).toMatchObject({ via: "renew", expired: true }); // told so, and nothing more
    expect([lamp.syncRequest({}, lamp.idevid), lamp.syncRequest()].map(answer)).toEqual([
      "accepted",
      "accepted",
    ]);
  });

  test("P4: the LDevID before the newest counts until the newest was used, and then no more", async () => {
    const old = ldevid(lamp);
    await lamp.certify("renew");
    const byOld = () => [
      lamp.syncRequest({}, old),
      lamp.receipt(1, old),
      lamp.seal(RenewRequest, lamp.newKey(), old),
    ];
    expect(byOld().map(answer)).toEqual(["accepted", "accepted", "accepted"]);
    await lamp.send(lamp.syncRequest({}, old));
    expect(byOld().map(answer)).toEqual(["accepted", "accepted", "accepted"]);
    const [reply] = await lamp.send(lamp.syncRequest());
    expect(decodeFrame(SyncReply, must(reply)).lease).toBeDefined();
    expect(byOld().map(answer)).toEqual(["wrong-key", "wrong-key", "wrong-key"]);
  });

  test("P11: two LDevIDs that were not used yet count, a third one before them does not", async () => {
    const keys = [ldevid(lamp)];
    for (let i = 0; i < 2; i++) {
      await lamp.certify("renew");
      keys.push(ldevid(lamp));
    }
    const answers = keys.map((key) => answer(lamp.syncRequest({}, key)));
    expect(answers).toEqual(["wrong-key", "accepted", "accepted"]);
  });
});
