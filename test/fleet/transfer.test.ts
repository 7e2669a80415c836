/** A device goes from one fleet to another: what each of the two decides, and what both refuse from then on. */
import { beforeEach, describe, expect, test } from "vitest";
import { fromBase64Url } from "../../fleet/events.js";
import { splitHandover } from "../../fleet/handover.js";
import { foundingOf as stationFounding } from "../../fleet/station/births.js";
import { DEFAULT_POLICY } from "../../fleet/policy.js";
import { giftOf } from "../../fleet/registry-transfer.js";
import { handoverOf, ownerIn, takeDevice, type Taken } from "../../fleet/transfers.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument } from "../../protocol/authority.js";
import { BirthGrant } from "../../protocol/birth.js";
import { splitBundle } from "../../protocol/bundle.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { RenewRequest } from "../../protocol/certify.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { decodeFrame } from "../../protocol/frame.js";
import { holdsNumber } from "../../protocol/ledger/content.js";
import { ErrorReply } from "../../protocol/notice.js";
import { SyncReply } from "../../protocol/sync.js";
import { Transfer, Voucher } from "../../protocol/voucher.js";
import { wholeContent } from "../../fleet/ledger-history.js";
import { must, SmallDevice, SmallFleet } from "./fixtures.js";

let [a, b, c] = [] as unknown as [SmallFleet, SmallFleet, SmallFleet];
beforeEach(async () => {
  [a, b, c] = [await open("A"), await open("B"), await open("C")];
});

const open = (label: string) => SmallFleet.open({ label });
const authorityOf = ({ service }: SmallFleet) => fromBase64Url(must(service.view.authorities.get(1)?.signed));
const idOf = ({ service }: SmallFleet) => service.trust.fleetId;
const ownerOf = (to: SmallFleet, from: SmallFleet) => ownerIn(authorityOf(to), from.service);

const give = (from: SmallFleet, to: SmallFleet, number: number) =>
  from.carryOut({ kind: "give", numbers: [number], owner: ownerOf(to, from), reason: "sold" });

/** @returns the hand-over. */
async function given(from: SmallFleet, to: SmallFleet, number: number): Promise<Uint8Array> {
  expect(await give(from, to, number)).toBeUndefined();
  return must(handoverOf(from.service, number));
}

function take(to: SmallFleet, from: SmallFleet, handover: Uint8Array, maker?: SmallFleet): Promise<Taken> {
  const order = { handover, from: idOf(from), ...(maker && { maker: idOf(maker) }) };
  return takeDevice(to.service, to.station, order, "operator");
}

/** The device, as it is under its new papers. */
function at(fleet: SmallFleet, device: SmallDevice, { device: { number }, arrival }: Taken): SmallDevice {
  return new SmallDevice(fleet, number, device.idevid, grantIn(arrival));
}

function grantIn(arrival: Uint8Array): BirthGrant {
  const [frame] = splitBundle(arrival).filter((item) => !looksSigned(item));
  return decodeFrame(BirthGrant, must(frame));
}

const conflict = expect.objectContaining({ code: "conflict" });
const isDenied = ({ service }: SmallFleet, number: number) =>
  holdsNumber(wholeContent(service.view.ledger), number);

describe("giving", () => {
  test("waits for a second person, and asking twice is asking once", async () => {
    const { number } = await a.member("hw-1");
    const owner = ownerOf(b, a);
    const act = { kind: "give", numbers: [number], owner, reason: "sold" } as const;
    const { id } = await a.service.act(act, "operator");
    expect(giftOf(a.service.view, number, owner, a.service.now())?.id).toBe(id);
    expect(handoverOf(a.service, number)).toBeUndefined();
    expect(a.device(number).transferred).toBeUndefined();
    const own = await a.service.approve(id, a.service.actDigest(act), "operator");
    expect(own.refusal?.code).toBe("denied");
    await a.service.approve(id, a.service.actDigest(act), "approver");
    const file = must(handoverOf(a.service, number));
    expect(handoverOf(a.service, number)).toEqual(file);
    expect(giftOf(a.service.view, number, owner, a.service.now())?.id).toBe(id);
  });

  test("a request that ran out is asked for anew", async () => {
    const { number } = await a.member("hw-1");
    const owner = ownerOf(b, a);
    await a.service.act({ kind: "give", numbers: [number], owner, reason: "sold" }, "operator");
    a.clock.seconds += DEFAULT_POLICY.approvalSeconds + 1;
    expect(giftOf(a.service.view, number, owner, a.service.now())).toBeUndefined();
  });

  test("the link is by the transfer key, and names hardware, key, standing and the owner's Authority", async () => {
    const device = await a.member("hw-1");
    await a.act("hold", [device.number], "restrict");
    const { links } = splitHandover(await given(a, b, device.number));
    const { value } = openDocument(Transfer, must(links[0]), a.service.trust, nodeCrypto);
    expect(value).toMatchObject({
      hardwareId: utf8("hw-1"),
      deviceKey: nodeCrypto.sha256(device.idevid.publicKey.bytes),
      index: 1,
      level: "restrict",
      owner: nodeCrypto.sha256(parseEnvelope(authorityOf(b)).payload),
    });
    expect(links).toHaveLength(1);
  });

  test("P10: from then on the fleet refuses the device everything, and its peers do", async () => {
    const device = await a.member("hw-1");
    await device.send(device.syncRequest());
    const changes: number[] = [];
    a.door.watch((change) => change.type === "standing" && changes.push(change.number));
    await given(a, b, device.number);
    expect(changes).toContain(device.number);
    expect(a.door.standing(device.number)?.level).toBe("isolate");
    expect(isDenied(a, device.number)).toBe(true);
    expect(a.service.view.beacon?.denied).toBe(1);
    const [synced] = await device.send(device.syncRequest());
    expect(decodeFrame(SyncReply, must(synced)).lease).toBeUndefined();
    for (const request of [device.enrollRequest(), device.seal(RenewRequest, device.newKey())]) {
      const [answer] = await device.send(request);
      expect(decodeFrame(ErrorReply, must(answer)).code).toBe("denied");
    }
  });

  test("a device that is gone leaves no lease in the log, nor an alarm", async () => {
    const device = await a.member("hw-1");
    await given(a, b, device.number);
    const before = (await a.events()).length;
    await device.send(device.syncRequest({ alarms: [{ id: 1, kind: "tamper" }] }));
    expect(await a.events()).toHaveLength(before);
  });

  test("P6: its standing is not touched", async () => {
    const { number } = await a.member("hw-1");
    await a.act("hold", [number], "observe");
    await given(a, b, number);
    expect(a.device(number)).toMatchObject({ level: "observe", standing: "observe" });
  });

  test("is refused for a device that was given away, that is revoked, or to this very fleet", async () => {
    const [one, two] = [await a.member("hw-1"), await a.member("hw-2")];
    await given(a, b, one.number);
    expect((await give(a, c, one.number))?.code).toBe("conflict");
    await a.act("hold", [two.number], "revoked");
    expect((await give(a, b, two.number))?.code).toBe("conflict");
    expect(() => ownerIn(authorityOf(a), a.service)).toThrow(
      expect.objectContaining({ code: "bad-request" }),
    );
    const both = { kind: "give", numbers: [1, 2], owner: ownerOf(b, a), reason: "sold" } as const;
    expect((await a.service.act(both, "operator")).refusal?.code).toBe("bad-request");
  });

  test("of two requests for one device, the second is not approved", async () => {
    const { number } = await a.member("hw-1");
    const act = { kind: "give", numbers: [number], owner: ownerOf(c, a), reason: "sold" } as const;
    const { id } = await a.service.act(act, "operator");
    await given(a, b, number);
    expect((await a.service.approve(id, a.service.actDigest(act), "approver")).refusal?.code).toBe(
      "conflict",
    );
  });

  test("P4: it is in the log, and a service that opens it knows the same", async () => {
    const { number } = await a.member("hw-1");
    const file = await given(a, b, number);
    const again = await SmallFleet.open({ label: "A", log: a.log });
    expect(again.device(number).transferred).toEqual(a.device(number).transferred);
    expect(handoverOf(again.service, number)).toEqual(file);
    expect(isDenied(again, number)).toBe(true);
  });
});

describe("taking", () => {
  test("gives a number of this fleet, and the device enrolls", async () => {
    await b.member("other");
    const device = await a.member("hw-1");
    const taken = await take(b, a, await given(a, b, device.number));
    const here = at(b, device, taken);
    expect(here.number).toBe(2);
    await here.certify("enroll");
    expect(b.device(2).certificates).toHaveLength(1);
    expect(b.door.standing(2)?.level).toBe("none");
    expect(toHex(fromBase64Url(taken.origin.giver))).toBe(toHex(idOf(a)));
  });

  test("twice is once: the same number, the same bytes, also after a restart", async () => {
    const { number } = await a.member("hw-1");
    const file = await given(a, b, number);
    const [once, twice] = await Promise.all([take(b, a, file), take(b, a, file)]);
    expect(twice).toEqual(once);
    const again = await SmallFleet.open({ label: "B", log: b.log });
    expect((await take(again, a, file)).arrival).toEqual(once.arrival);
    expect(again.service.view.devices.size).toBe(1);
  });

  test("P7: with the standing that was handed over, and no certificate until it is released here", async () => {
    const device = await a.member("hw-1");
    await a.act("hold", [device.number], "isolate");
    const here = at(b, device, await take(b, a, await given(a, b, device.number)));
    expect(b.device(here.number).standing).toBe("isolate");
    expect(isDenied(b, here.number)).toBe(true);
    const [answer] = await here.send(here.enrollRequest());
    expect(decodeFrame(ErrorReply, must(answer)).code).toBe("held");
    await b.act("release", [here.number], "none");
    await here.certify("enroll");
  });

  test("while others are taken and born: no number is given twice", async () => {
    const files = [];
    for (const name of ["hw-1", "hw-2"]) files.push(await given(a, b, (await a.member(name)).number));
    const [born, ...taken] = await Promise.all([b.bear("x"), ...files.map((file) => take(b, a, file))]);
    const numbers = taken.map(({ device }) => device.number);
    expect(new Set([born.number, ...numbers]).size).toBe(3);
    expect(taken.map(({ device }) => device.birth.index + 1)).toEqual(numbers);
  });

  test("enrollment counts only with the voucher that was taken", async () => {
    const device = await a.member("hw-1");
    const taken = await take(b, a, await given(a, b, device.number));
    const here = at(b, device, taken);
    const [first] = await a
      .bear("hw-2")
      .then(async ({ number }) => splitHandover(await given(a, b, number)).links);
    const strange = b.papersOf({
      number: 9,
      hardwareId: utf8("hw-2"),
      model: "camera",
      publicKey: device.idevid.publicKey,
      index: 8,
      bornAt: 1,
    });
    const unknown = new SmallDevice(b, 9, device.idevid, { ...strange, voucher: must(first) });
    for (const [sender, voucher] of [
      [here, must(first)],
      [here, device.papers.voucher],
      [unknown, must(first)],
    ] as const) {
      const [answer] = await sender.send(sender.enrollRequest({ voucher }));
      expect(decodeFrame(ErrorReply, must(answer)).code).toBe("denied");
    }
    await here.certify("enroll");
  });
});

describe("A → B → C", () => {
  test("C checks the whole way from the maker; what B gave on is not B's again", async () => {
    const device = await a.member("hw-1");
    const toB = await given(a, b, device.number);
    const atB = at(b, device, await take(b, a, toB));
    await atB.certify("enroll");
    await b.act("hold", [atB.number], "restrict");
    const toC = await given(b, c, atB.number);
    expect(splitHandover(toC).chains).toEqual([[authorityOf(a)], [authorityOf(b)]]);
    await expect(take(c, b, toC)).rejects.toEqual(expect.objectContaining({ code: "wrong-key" }));
    const taken = await take(c, b, toC, a);
    const atC = at(c, device, taken);
    expect(c.device(atC.number).standing).toBe("restrict");
    expect(grantIn(taken.arrival).authority).toEqual(stationFounding(c.stationIdentity));
    await expect(take(b, a, toB)).rejects.toEqual(conflict); // given on since
    await expect(take(c, a, toB)).rejects.toEqual(expect.objectContaining({ code: "wrong-key" }));
  });
});

describe("A → B → A", () => {
  test("P7: back under a new number, it stands where it stood, whatever B said", async () => {
    const device = await a.member("hw-1");
    await a.act("hold", [device.number], "isolate");
    const toB = await given(a, b, device.number);
    const atB = at(b, device, await take(b, a, toB));
    await b.act("release", [atB.number], "none");
    const toA = await given(b, a, atB.number);
    expect(Voucher.decode(parseEnvelope(must(splitHandover(toA).links[1])).payload)).toMatchObject({
      index: 2,
      level: "none",
    });
    const back = await take(a, b, toA, a);
    expect(back.device.number).not.toBe(device.number);
    expect(a.device(back.device.number)).toMatchObject({ standing: "isolate" });
    expect(a.device(back.device.number).transferred).toBeUndefined();
    expect(isDenied(a, device.number)).toBe(true); // for good
    await a.act("release", [back.device.number], "none");
    expect(isDenied(a, device.number)).toBe(true);
    expect(isDenied(a, back.device.number)).toBe(false);
    await at(a, device, back).certify("enroll");
    await expect(take(b, a, toB)).rejects.toEqual(conflict);
    const again = await given(a, b, back.device.number);
    expect((await take(b, a, again)).device.number).toBe(2);
  });
});
