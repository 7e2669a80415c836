/** Hand-overs as they may come, forged and cut: what a fleet takes from another owner, and what it refuses. */
import { beforeEach, describe, expect, test } from "vitest";
import { type ArrivalContext, openArrival } from "../../fleet/arrival.js";
import { foundingIn, type Handover, joinHandover, splitHandover } from "../../fleet/handover.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { joinBundle, splitBundle } from "../../protocol/bundle.js";
import { equalBytes, utf8 } from "../../protocol/bytes.js";
import { parseEnvelope } from "../../protocol/cose.js";
import type { Signer } from "../../protocol/crypto.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { Transfer, Voucher } from "../../protocol/voucher.js";
import { Owner, softSigner } from "../device/owner.js";
import { refusal } from "../protocol/predicates.js";

const hardwareId = utf8("hw-1");
const device = softSigner().publicKey;
const payloadOf = (bytes: Uint8Array) => parseEnvelope(bytes).payload;
const hashOf = (bytes: Uint8Array) => nodeCrypto.sha256(payloadOf(bytes));

let [a, b, c] = [new Owner(), new Owner(), new Owner()];
beforeEach(() => {
  [a, b, c] = [new Owner(), new Owner(), new Owner()];
});

const papers = (owner: Owner, number = 1) => owner.papers(number, hardwareId, device);
const foundingOf = (owner: Owner) => papers(owner).authority;
const chainOf = (owner: Owner) => [foundingOf(owner), ...owner.links];
const valueOf = (bytes: Uint8Array) => Voucher.decode(payloadOf(bytes));

/** The link after `before`, by the keys that `from` has now. */
function link(from: Owner, to: Owner, before: Uint8Array, change: Partial<Voucher> = {}, by?: Signer) {
  const { index } = valueOf(before);
  const right = {
    hardwareId,
    deviceKey: nodeCrypto.sha256(device.bytes),
    index: index + 1,
    previous: hashOf(before),
    owner: hashOf(foundingOf(to)),
    level: "observe",
    issuedAt: from.now,
  } as const;
  const signer = by ?? from.keys.transfer;
  return sealEnvelope(Transfer, { ...right, ...change }, signer, from.trust.fleetId, nodeCrypto);
}

function handover(change: Partial<Voucher> = {}, by?: Signer): Handover {
  const { authority, idevid, voucher, record } = papers(a);
  const grant = { authority, idevid, voucher, record };
  return { chains: [chainOf(a)], grant, links: [link(a, b, voucher, change, by)] };
}

/** A → B → C, as B writes it. */
function secondHand(): Handover {
  const first = handover();
  const [toB] = first.links as [Uint8Array];
  return { ...first, chains: [chainOf(a), chainOf(b)], links: [toB, link(b, c, toB)] };
}

const taking = (owner: Owner, from: Owner, change: Partial<ArrivalContext> = {}): ArrivalContext => ({
  from: from.trust.fleetId,
  founding: foundingOf(owner),
  known: () => [],
  crypto: nodeCrypto,
  ...change,
});
/** The code of what is wrong with it; undefined when it is taken. */
const refusalOf = (found: Handover, context: ArrivalContext) => refusal(() => openArrival(found, context));

describe("P1: a hand-over proves itself, whoever brings it", () => {
  test("from the maker", () => {
    const arrival = openArrival(splitHandover(joinHandover(handover())), taking(b, a));
    expect(arrival).toMatchObject({ hardwareId, model: "camera", giver: a.trust.fleetId });
    expect(arrival.link.value).toMatchObject({ index: 1, level: "observe" });
    expect(arrival.chains).toEqual([{ fleetId: a.trust.fleetId, links: chainOf(a) }]);
  });

  test("from a later owner, when the operator trusts the maker as well", () => {
    expect(refusalOf(secondHand(), taking(c, b))).toBe("wrong-key");
    const arrival = openArrival(secondHand(), taking(c, b, { maker: a.trust.fleetId }));
    expect(arrival).toMatchObject({ maker: a.trust.fleetId, giver: b.trust.fleetId });
  });

  test("from B back to A, which made it", () => {
    const { links, ...rest } = secondHand();
    const [toB] = links as [Uint8Array];
    const back = { ...rest, links: [toB, link(b, a, toB)] };
    const known = (fleet: Uint8Array) => (equalBytes(fleet, a.trust.fleetId) ? chainOf(a) : []);
    const arrival = openArrival(back, taking(a, b, { maker: a.trust.fleetId, known }));
    expect(arrival.chains.map(({ fleetId }) => fleetId)).toEqual([b.trust.fleetId]);
  });

  test("after the keys that signed its papers were replaced", () => {
    const born = papers(a);
    const [factory, transfer] = [softSigner(), softSigner()];
    const one = ({ publicKey }: Signer) => ({ keys: [publicKey], threshold: 1 });
    const x509 = { cas: { factory: softSigner().publicKey }, keep: "none" } as const;
    a.rotate({ roles: { factory: one(factory), transfer: one(transfer) }, ...x509 }, { factory, transfer });
    const { authority, idevid, voucher, record } = born;
    const grant = { authority, idevid, voucher, record };
    const found = { chains: [chainOf(a)], grant, links: [link(a, b, voucher)] };
    expect(openArrival(found, taking(b, a)).giver).toEqual(a.trust.fleetId);
  });
});

describe("refused is", () => {
  test.each<[string, () => Handover, string]>([
    ["a link that A's factory signed", () => handover({}, a.keys.factory), "wrong-key"],
    ["a link that B signed itself", () => handover({}, b.keys.transfer), "wrong-key"],
    ["a link for another fleet", () => handover({ owner: hashOf(foundingOf(c)) }), "wrong-key"],
    ["a link for another key", () => handover({ deviceKey: new Uint8Array(32) }), "wrong-key"],
    ["a link for other hardware", () => handover({ hardwareId: utf8("hw-2") }), "wrong-key"],
    ["a link that follows another one", () => handover({ previous: new Uint8Array(32) }), "out-of-range"],
    ["a link that skips one", () => handover({ index: 2 }), "out-of-range"],
    ["a link that hands over a revoked device", () => handover({ level: "revoked" }), "out-of-range"],
    ["no link at all", () => ({ ...handover(), links: [] }), "malformed"],
    ["no Authority of the maker", () => ({ ...handover(), chains: [chainOf(c)] }), "malformed"],
    [
      "a voucher of the maker that C's factory signed",
      () => withGrant({ voucher: papers(c).voucher }),
      "wrong-key",
    ],
    ["a birth record for another key", () => withGrant({ record: strange().record }), "wrong-key"],
    ["an IDevID for another key", () => withGrant(strange()), "wrong-key"],
    ["an IDevID of C", () => withGrant({ idevid: papers(c).idevid }), "bad-certificate"],
    ["an LDevID in its place", () => withGrant({ idevid: a.ldevid(1, device) }), "bad-certificate"],
  ])("%s", (_, found, code) => {
    expect(refusalOf(found(), taking(b, a))).toBe(code);
  });

  const withGrant = (change: Partial<Handover["grant"]>): Handover => {
    const { grant, ...rest } = handover();
    return { ...rest, grant: { ...grant, ...change } };
  };
  const strange = () => {
    const { idevid, record } = a.papers(1, hardwareId, softSigner().publicKey);
    return { idevid, record };
  };

  test("a giver whom the operator did not name", () => {
    expect(refusalOf(handover(), taking(b, c))).toBe("wrong-key");
    expect(refusalOf(handover(), taking(b, c, { maker: a.trust.fleetId }))).toBe("wrong-key");
  });

  test("a middle link that its owner did not sign, though the last one is good", () => {
    const found = secondHand();
    const toB = link(a, b, found.grant.voucher, {}, c.keys.transfer);
    const links = [toB, link(b, c, toB)];
    expect(refusalOf({ ...found, links }, taking(c, b, { maker: a.trust.fleetId }))).toBe("wrong-key");
  });

  test("P3: a link by a transfer key that A has replaced, with the newer Authority left out of the file", () => {
    const stolen = a.keys.transfer;
    const transfer = softSigner();
    a.rotate({ roles: { transfer: { keys: [transfer.publicKey], threshold: 1 } } }, { transfer });
    const found = { ...handover({}, stolen), chains: [[foundingOf(a)]] };
    expect(refusalOf(found, taking(b, a, { known: () => chainOf(a) }))).toBe("wrong-key");
    expect(refusalOf({ ...found, chains: [chainOf(a)] }, taking(b, a))).toBe("wrong-key");
  });

  test("a chain of Authorities with a link missing", () => {
    a.rotate();
    a.rotate();
    const [first, , third] = chainOf(a) as [Uint8Array, Uint8Array, Uint8Array];
    expect(refusalOf({ ...handover(), chains: [[first, third]] }, taking(b, a))).toBe("out-of-range");
  });
});

describe("a file that is no hand-over", () => {
  const { chains, grant, links } = handover();
  const parts = () => joinHandover({ chains, grant, links });
  test.each<[string, () => Uint8Array]>([
    ["with another document in it", () => joinBundle([...splitBundle(parts()), a.directive(1, 1, "none")])],
    ["about two devices", () => joinBundle([...splitBundle(parts()), ...splitBundle(parts())])],
    ["with a chain that begins in the middle", () => joinBundle([b.rotate(), ...splitBundle(parts())])],
    ["with nothing but an Authority", () => foundingOf(a)],
  ])("%s", (_, bytes) => {
    expect(() => splitHandover(bytes())).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("the next owner is named by one first Authority, alone or in a bundle", () => {
    expect(foundingIn(foundingOf(b))).toEqual(foundingOf(b));
    b.rotate();
    expect(foundingIn(joinBundle(chainOf(b)))).toEqual(foundingOf(b));
    for (const found of [[b.rotate()], [foundingOf(a), foundingOf(b)], [a.beacon(1)]])
      expect(() => foundingIn(joinBundle(found))).toThrow(expect.objectContaining({ code: "malformed" }));
  });
});
