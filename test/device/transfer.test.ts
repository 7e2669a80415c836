/**
 * A device that changes its owner: who can bring that about, what goes along (P7), and what is never accepted
 * again (P3). Links and papers are signed by the real keys of three fleets.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { IDEVID_KEY } from "../../device/jobs.js";
import { tlsIdentity } from "../../device/machine.js";
import { standing } from "../../device/state.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { BirthGrant } from "../../protocol/birth.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { parseEnvelope } from "../../protocol/cose.js";
import type { Signer } from "../../protocol/crypto.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { encodeFrame } from "../../protocol/frame.js";
import { SyncReply } from "../../protocol/sync.js";
import { Transfer, type Voucher } from "../../protocol/voucher.js";
import { refusal } from "../protocol/predicates.js";
import { Bench } from "./bench.js";
import { DAY, Owner, softSigner, START } from "./owner.js";

const [a, b, c] = [new Owner(), new Owner(), new Owner()];
let bench: Bench;
beforeEach(() => {
  for (const owner of [a, b, c]) owner.now = START;
  bench = new Bench(a).speaking();
});

const payloadOf = (bytes: Uint8Array) => parseEnvelope(bytes).payload;
const hashOf = (bytes: Uint8Array) => nodeCrypto.sha256(payloadOf(bytes));
const idevid = () => bench.state.idevidKey;
const held = () => bench.state.held.voucher;
const hardwareId = utf8("hw-1");

/** The link after the one that the device holds. */
function link(from: Owner, to: Owner, change: Partial<Voucher> = {}, by: Signer = from.keys.transfer) {
  const right = {
    hardwareId,
    deviceKey: nodeCrypto.sha256(idevid().bytes),
    index: held().value.index + 1,
    previous: hashOf(held().bytes),
    owner: hashOf(foundingOf(to)),
    level: "none",
    issuedAt: from.now,
  } as const;
  return sealEnvelope(Transfer, { ...right, ...change }, by, from.trust.fleetId, nodeCrypto);
}

const foundingOf = (owner: Owner) => owner.papers(1, hardwareId, idevid()).authority;

function grant(to: Owner, number: number, voucher: Uint8Array, change: Partial<BirthGrant> = {}) {
  return encodeFrame(BirthGrant, { ...to.papers(number, hardwareId, idevid()), voucher, ...change });
}

/** The device changes hands, and from then on the new owner is at the other end. */
function passes(from: Owner, to: Owner, number: number, change: Partial<Voucher> = {}) {
  const effects = bench.receive(grant(to, number, link(from, to, change)));
  Object.assign(bench, { owner: to, number });
  return effects;
}

/** The code of what is wrong with it, and nothing is stored; undefined when it is taken. */
function refusalOf(bytes: Uint8Array): string | undefined {
  const before = bench.disk;
  const code = refusal(() => bench.receive(bytes));
  return code !== undefined && bench.disk !== before ? "stored" : code;
}

describe("A gives to B, and B to C", () => {
  test("the device is B's in one save, enrolls there with the key of its birth, and then C's", () => {
    const maker = bench.disk.idevid;
    const effects = passes(a, b, 7);
    expect(effects.filter(({ type }) => type === "save")).toHaveLength(1);
    expect(effects).toContainEqual({ type: "transferred", number: 7, fleet: toHex(b.trust.fleetId) });
    expect(bench.disk).toMatchObject({ number: 7, fleetId: b.trust.fleetId, maker });
    bench.reboot();
    bench.speaking();
    expect(bench.state.speaking).toBe(true);
    passes(b, c, 3);
    bench.reboot();
    bench.speaking();
    expect(bench.disk).toMatchObject({ number: 3, fleetId: c.trust.fleetId, maker });
    expect(tlsIdentity(bench.state).key).not.toBe(IDEVID_KEY);
  });

  test("P8: the keys that it worked with under A are gone, also those of a request that is open", () => {
    bench.pass(25 * DAY);
    bench.connect("device");
    bench.answer(); // the sync; then it asks for a new certificate, and gets no answer
    expect(bench.state.record.request).toBeDefined();
    const effects = passes(a, b, 7);
    expect([...bench.keys.keys()]).toEqual([IDEVID_KEY]);
    const order = effects.map(({ type }) => type);
    expect(order.indexOf("save")).toBeLessThan(order.indexOf("remove-key"));
    expect(tlsIdentity(bench.state)).toEqual({ chain: bench.disk.idevid, key: IDEVID_KEY });
  });

  test("P8: nor is any key by which A knew it after a re-enrollment, nor A's token, nor a ticket of A's", () => {
    bench.feed({ type: "ticket", ticket: new Uint8Array(32) });
    bench.answer();
    bench.connect("device");
    const asked = bench.asked();
    if (asked.kind !== "sync") throw new Error("it syncs");
    const probed = encodeFrame(SyncReply, {
      nonce: asked.value.nonce,
      documents: [],
      probe: new Uint8Array(16),
    });
    bench.receive(probed);
    bench.feed({ type: "ticket", ticket: new Uint8Array(32).fill(1) });
    expect(bench.disk).toMatchObject({
      base: { key: "base-2" },
      token: { n: 1 },
      request: { key: "base-3" },
    });
    passes(a, b, 7);
    expect([...bench.keys.keys()]).toEqual([IDEVID_KEY]);
    for (const name of ["base", "token", "request"]) {
      expect(bench.disk).not.toHaveProperty(name);
      expect(bench.disk.former?.[0]).not.toHaveProperty(name);
    }
    expect(bench.state.probe).toBeUndefined();
  });

  test("nothing of A's counts any more: no document, no lease, no time", () => {
    const lease = bench.disk.lease;
    bench.receive(a.directive(1, 1, "observe"));
    passes(a, b, 1); // the same number, by chance
    expect(bench.disk).not.toHaveProperty("lease");
    expect(bench.disk).not.toHaveProperty("directive");
    expect(bench.disk.signedSeconds).toBe(0);
    expect(bench.state.speaking).toBe(false);
    for (const bytes of [
      a.directive(1, 2, "isolate"),
      a.release(1, 2, "none"),
      a.beacon(9),
      a.advisories(1, []),
    ])
      expect(refusalOf(bytes)).toBe("wrong-key");
    expect(lease).toBeDefined();
  });

  test("a device that missed rotations at A walks the links first", () => {
    const [from, transfer] = [new Owner(), softSigner()];
    bench = new Bench(from).speaking();
    const rotation = from.rotate(
      { roles: { transfer: { keys: [transfer.publicKey], threshold: 1 } } },
      { transfer },
    );
    const given = grant(b, 7, link(from, b));
    expect(refusalOf(given)).toBe("wrong-key");
    bench.receive(rotation);
    bench.receive(given);
    expect(bench.disk.number).toBe(7);
  });
});

describe("P3: refused is", () => {
  test.each<[string, () => Uint8Array, string]>([
    ["a link that A's factory signed", () => link(a, b, {}, a.keys.factory), "wrong-key"],
    ["a link that B signed for itself", () => link(a, b, {}, b.keys.transfer), "wrong-key"],
    ["a link that B signed in its own name", () => link(b, b), "wrong-key"],
    ["a link that skips one", () => link(a, b, { index: 2 }), "out-of-range"],
    ["a link that follows another one", () => link(a, b, { previous: new Uint8Array(32) }), "out-of-range"],
    ["a link for other hardware", () => link(a, b, { hardwareId: utf8("hw-2") }), "wrong-key"],
    ["a link for another key", () => link(a, b, { deviceKey: new Uint8Array(32) }), "wrong-key"],
    ["a link that names C", () => link(a, c), "wrong-key"],
    ["a link that hands over a revoked device", () => link(a, b, { level: "revoked" }), "out-of-range"],
    ["a forged link", () => forged(link(a, b)), "bad-signature"],
  ])("a grant with %s", (_, voucher, code) => {
    expect(refusalOf(grant(b, 7, voucher()))).toBe(code);
  });

  test.each<[string, () => Partial<BirthGrant>, string]>([
    ["of another device", () => b.papers(7, utf8("hw-2"), softSigner().publicKey), "wrong-key"],
    ["with an IDevID for another key", () => other(softSigner()), "wrong-key"],
    [
      "with a record for other hardware",
      () => ({ record: b.papers(7, utf8("hw-2"), idevid()).record }),
      "wrong-key",
    ],
    ["with an IDevID of A", () => ({ idevid: a.papers(7, hardwareId, idevid()).idevid }), "bad-certificate"],
    ["with an LDevID in its place", () => ({ idevid: b.ldevid(7, idevid()) }), "wrong-key"],
  ])("a grant with papers %s", (_, papers, code) => {
    const voucher = link(a, b);
    expect(refusalOf(grant(b, 7, voucher, { ...papers(), voucher, authority: foundingOf(b) }))).toBe(code);
  });

  test("A, where the device is, as the next owner", () => {
    expect(refusalOf(grant(a, 9, link(a, a)))).toBe("out-of-range");
  });

  test("every grant and voucher of before, also after a reboot", () => {
    const [toB, toC] = [grant(b, 7, link(a, b)), grant(c, 5, link(a, c))];
    bench.receive(toB);
    bench.reboot();
    expect(refusalOf(toB)).toBe("wrong-key");
    expect(refusalOf(toC)).toBe("wrong-key"); // A has given it away
    Object.assign(bench, { owner: b, number: 7 });
    passes(b, a, 2);
    bench.reboot();
    expect(refusalOf(toB)).toBe("out-of-range"); // A again, but the link is an old one
    expect(refusalOf(toC)).toBe("out-of-range");
  });

  test("a number that the device has had at A before, since documents for it would count again", () => {
    passes(a, b, 7);
    expect(refusalOf(grant(a, 1, link(b, a)))).toBe("out-of-range");
    passes(b, a, 2);
    passes(a, b, 8);
    expect(refusalOf(grant(a, 1, link(b, a)))).toBe("out-of-range");
  });
});

describe("P7: standing goes along", () => {
  test("from its own documents, though the link says less", () => {
    bench.receive(a.directive(1, 1, "isolate"));
    passes(a, b, 7, { level: "none" });
    bench.reboot();
    expect(standing(bench.state)).toBe("isolate");
  });

  test("from A's advisories, whose entries stay behind", () => {
    bench.receive(a.advisories(1, [{ id: 1, match: { op: "everything" }, level: "restrict", reason: "" }]));
    passes(a, b, 7);
    expect(standing(bench.state)).toBe("restrict");
    expect(bench.state.held.advisories).toEqual({ latched: [] });
  });

  test("from its own alarms, which it tells B", () => {
    bench.receive(a.directive(1, 1, "observe"));
    bench.receive(a.directive(1, 1, "observe", { reason: "two of one version" }));
    passes(a, b, 7);
    expect(standing(bench.state)).toBe("isolate");
    expect(bench.disk.alarms).toEqual([{ id: 1, kind: "fork" }]);
  });

  test("from the link, though the device knew of nothing", () => {
    passes(a, b, 7, { level: "isolate" });
    expect(standing(bench.state)).toBe("isolate");
  });

  test("until B's release and lease; A's count for nothing", () => {
    passes(a, b, 7, { level: "isolate" });
    bench.timed().connect("held");
    const { value } = bench.asked() as { value: Parameters<Owner["syncReply"]>[0] };
    expect(refusalOf(a.release(7, 1, "none"))).toBe("wrong-key");
    bench.receive(b.syncReply(value, [b.release(7, 1, "none")], b.lease(value)));
    expect(standing(bench.state)).toBe("isolate"); // the lease does not name that release
    bench.pass(DAY);
    bench.answer();
    expect(standing(bench.state)).toBe("none");
  });

  test("a device that is revoked changes no owner", () => {
    bench.receive(a.release(1, 1, "revoked"));
    expect(refusalOf(grant(b, 7, link(a, b)))).toBe("out-of-range");
  });
});

describe("back at A", () => {
  /** Away and back, as number 2. */
  const returns = () => {
    passes(a, b, 7);
    passes(b, a, 2);
    bench.reboot();
  };

  test("P3: nothing begins before where it ended: Authority, Beacon, advisories, acts, time", () => {
    const from = new Owner();
    bench = new Bench(from).speaking();
    bench.receive(from.rotate());
    bench.receive(from.beacon(5));
    bench.receive(from.advisories(3, []));
    bench.receive(from.removal(2, [9]));
    const before = bench.state;
    passes(from, b, 7);
    passes(b, from, 2);
    bench.reboot();
    const { held, record } = bench.state;
    expect(held.trust.authority.value.version).toBe(2);
    expect(held.ledger.head?.value.version).toEqual([1, 5]);
    expect(held.advisories.list?.value.version).toEqual([1, 3]);
    expect(held.advisories.removal?.value.version).toEqual([1, 2]);
    expect(record.signedSeconds).toBe(before.record.signedSeconds);
    bench.receive(from.beacon(4));
    bench.receive(from.advisories(2, [{ id: 1, match: { op: "everything" }, level: "isolate", reason: "" }]));
    expect(bench.state.held.ledger.head?.value.version).toEqual([1, 5]);
    expect(standing(bench.state)).toBe("none");
  });

  test("P7: it stands where it stood there, though B has released it", () => {
    bench.receive(a.directive(1, 1, "isolate"));
    passes(a, b, 7);
    bench.receive(b.release(7, 1, "none"));
    bench.timed().connect("held");
    bench.answer();
    expect(standing(bench.state)).toBe("none");
    passes(b, a, 2);
    bench.reboot();
    expect(standing(bench.state)).toBe("isolate");
  });

  test("P7: an entry of an advisory that matched it there counts again, until a removal", () => {
    bench.receive(a.advisories(1, [{ id: 1, match: { op: "everything" }, level: "restrict", reason: "" }]));
    returns();
    expect(bench.state.held.advisories.latched).toEqual([{ term: 1, id: 1, level: "restrict" }]);
  });

  test("one-shot acts that it has done for A are done; B counts its own", () => {
    bench.receive(a.directive(1, 1, "none", { rekey: 1 }));
    bench.answer();
    bench.connect("device");
    bench.answer();
    expect(bench.disk.done).toEqual({ rekey: 1 });
    passes(a, b, 7);
    expect(bench.disk).not.toHaveProperty("done");
    passes(b, a, 2);
    expect(bench.disk.done).toEqual({ rekey: 1 });
  });

  test("P2: unless A has raised its terms meanwhile: then acts and time begin anew, as for all", () => {
    const from = new Owner();
    bench = new Bench(from).speaking();
    bench.receive(from.directive(1, 1, "none", { reboot: 0xffff_ffff }));
    passes(from, b, 7);
    const timeBase = START - DAY;
    from.rotate({ terms: ["directive", "time"], timeBase });
    bench.receive(grant(from, 2, link(b, from), { links: from.links }));
    expect(bench.state.held.trust.authority.value.version).toBe(2);
    expect(bench.disk).not.toHaveProperty("done");
    expect(bench.disk).toMatchObject({ number: 2, signedSeconds: timeBase });
  });
});

/** One bit of the signature, which ends the envelope. */
function forged(bytes: Uint8Array): Uint8Array {
  return bytes.with(-1, bytes.at(-1)! ^ 1);
}

/** Papers of B for this hardware, about another key. */
function other({ publicKey }: Signer): Partial<BirthGrant> {
  const { idevid: chain, record } = b.papers(7, hardwareId, publicKey);
  return { idevid: chain, record };
}
