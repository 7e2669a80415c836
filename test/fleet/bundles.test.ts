/** What comes and goes by file: requests and receipts of devices, documents signed elsewhere or lost here. */
import { beforeEach, describe, expect, test } from "vitest";
import { exportFor, takeItem } from "../../fleet/bundles.js";
import { draftsOf } from "../../fleet/drafts.js";
import { FleetError } from "../../fleet/errors.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { AdvisoryRemoval } from "../../protocol/advisory.js";
import { Approval } from "../../protocol/approval.js";
import { openDocument } from "../../protocol/authority.js";
import { openFirstAuthority, walkAuthorities } from "../../protocol/authority-chain.js";
import { Beacon } from "../../protocol/beacon.js";
import { concatBytes } from "../../protocol/bytes.js";
import { joinBundle, splitBundle } from "../../protocol/bundle.js";
import { CertificateReply } from "../../protocol/certify.js";
import { parseEnvelope } from "../../protocol/cose.js";
import type { Signer } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { addSignature, sealEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, encodeFrame, frameType } from "../../protocol/frame.js";
import { Lease } from "../../protocol/lease.js";
import { contentDigest } from "../../protocol/ledger/content.js";
import { LedgerPart } from "../../protocol/ledger-part.js";
import { ErrorReply } from "../../protocol/notice.js";
import { PeerEnd } from "../../protocol/peer.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { SyncReply } from "../../protocol/sync.js";
import { freshKey, freshNonce, must, signedOf, SmallFleet, WatchedLog } from "./fixtures.js";
import { restored } from "./mended.js";
import { nextLink } from "./rotation.js";

let fleet: SmallFleet;
beforeEach(async () => {
  fleet = await SmallFleet.open();
});
const take = (item: Uint8Array, into: SmallFleet = fleet) => takeItem(into.service, item, "operator");

describe("P1: what a device signed counts by file as over the network", () => {
  test("a challenge off the network is answered with everything, and a lease for its nonce", async () => {
    const camera = await fleet.member("SN-1");
    await fleet.act("hold", [camera.number], "isolate");
    await fleet.act("release", [camera.number], "none");
    const nonce = freshNonce();
    const { result, answers } = await take(camera.syncRequest({ nonce }));
    const { lease, documents } = decodeFrame(SyncReply, must(answers[0]));
    const { value } = openDocument(Lease, must(lease), fleet.service.trust, nodeCrypto);
    expect([result, value.nonce, value.required.release]).toEqual(["taken", nonce, [1, 3]]);
    expect(documents).toContainEqual(signedOf(fleet.device(camera.number).release));
  });

  test("an enrollment is answered with an LDevID", async () => {
    const camera = await fleet.bear("SN-1");
    const { answers } = await take(camera.enrollRequest());
    expect(decodeFrame(CertificateReply, must(answers[0])).ldevid).toHaveLength(2);
  });

  test("a receipt is taken, with nothing to answer", async () => {
    const camera = await fleet.member("SN-1");
    expect(await take(camera.receipt(7))).toMatchObject({ result: "taken", answers: [] });
    expect(fleet.device(camera.number).receiptCounter).toBe(7);
  });

  test("signed by another it is refused, and the device can be told", async () => {
    const camera = await fleet.member("SN-1");
    const before = await fleet.events();
    const outcome = await take(camera.receipt(7, freshKey()));
    expect(outcome).toMatchObject({ result: "refused", code: "denied" });
    expect(decodeFrame(ErrorReply, must(outcome.answers[0])).code).toBe("denied");
    expect(await fleet.events()).toEqual(before);
  });
});

describe("P13: documents of a quorum whose keys are elsewhere", () => {
  let [a, b]: Signer[] = [];
  beforeEach(async () => {
    [a, b] = [freshKey(), freshKey()];
    const release = { keys: [must(a).publicKey, must(b).publicKey], threshold: 2 };
    const terms = ["directive", "advisory"] as const;
    await fleet.service.installAuthority(nextLink(fleet, { roles: { release }, terms }), "operator");
  });
  function signed<T>(message: Message<T>, value: T, ...signers: readonly (Signer | undefined)[]): Uint8Array {
    const { fleetId } = fleet.service.trust;
    const [first, ...others] = signers.map(must);
    const sealed = sealEnvelope(message, value, must(first), fleetId, nodeCrypto);
    return others.reduce((bytes, signer) => addSignature(bytes, signer, fleetId, nodeCrypto), sealed);
  }
  const draft = (id: string) => {
    const { view } = fleet.service;
    return must(draftsOf(view, must(view.acts.get(id)), fleet.service.context())[0]);
  };

  test("a release signed by both carries out the act that asked for it; by one it is refused", async () => {
    const camera = await fleet.member("SN-1");
    await fleet.act("hold", [camera.number], "isolate");
    const ask = { kind: "release", numbers: [1], level: "none", reason: "found" } as const;
    const { id } = await fleet.service.act(ask, "operator");
    const value = draft(id).value as Release;
    expect(await take(signed(Release, value, a))).toMatchObject({ code: "quorum-missing" });
    expect(await take(signed(Release, value, a, fleet.keys.release))).toMatchObject({ code: "wrong-key" });
    expect(fleet.device(1).level).toBe("isolate");
    expect(await take(signed(Release, value, b, a))).toMatchObject({ result: "taken", answers: [] });
    expect(fleet.device(1).level).toBe("none");
    expect(fleet.service.view.acts.get(id)).toMatchObject({ finished: true });
  });

  test("a removal signed by both ends an advisory", async () => {
    await fleet.advise(`model in {"lamp"}`);
    const { id } = await fleet.service.act(
      { kind: "unadvise", numbers: [], id: 1, reason: "mended" },
      "operator",
    );
    const value = draft(id).value as AdvisoryRemoval;
    await take(signed(AdvisoryRemoval, value, a, b));
    expect(fleet.service.view.advisories.active).toEqual([]);
  });

  test("an approval signed by both stands for the second person", async () => {
    for (let i = 0; i < 11; i++) await fleet.bear(`SN-${i}`);
    const numbers = Array.from({ length: 11 }, (_, i) => i + 1);
    const { id } = await fleet.service.act(
      { kind: "hold", numbers, level: "observe", reason: "storm" },
      "operator",
    );
    expect(fleet.device(1).level).toBe("none");
    await take(signed(Approval, draft(id).value as Approval, a, b));
    expect(fleet.device(11).level).toBe("observe");
  });
});

describe("P3: documents that this server has lost", () => {
  test("come back from a stick, also behind the fence that they raise; a fork of one is refused", async () => {
    const camera = await fleet.member("SN-1");
    await fleet.act("hold", [camera.number], "isolate");
    const lost = signedOf(fleet.device(1).directive);
    const old = await restored(fleet, ({ type }) => type === "act-requested");
    expect(old.device(1).level).toBe("none");
    expect(await take(lost, old)).toMatchObject({ result: "taken" });
    expect(await take(lost, old)).toMatchObject({ result: "taken" }); // again: known
    expect(old.device(1)).toMatchObject({ level: "isolate", directive: { version: [1, 2] } });
    const proof = { kind: "document", name: "directive", version: [1, 2], number: 1 };
    expect(old.service.view.fence?.proof).toEqual(proof);
    const { value } = openDocument(Directive, lost, fleet.service.trust, nodeCrypto);
    const fork = { ...value, level: "observe" as const };
    const forged = sealEnvelope(Directive, fork, fleet.keys.hold, fleet.service.trust.fleetId, nodeCrypto);
    expect(await take(forged, old)).toMatchObject({ result: "refused", code: "conflict" });
  });

  test("an Authority among them is in force for what comes behind it", async () => {
    await fleet.bear("SN-1");
    const hold = freshKey();
    const link = nextLink(fleet, { terms: ["directive"] });
    const other = await restored(fleet, () => false);
    const { fleetId } = fleet.service.trust;
    const { value } = openDocument(
      Directive,
      signedOf(fleet.device(1).directive),
      fleet.service.trust,
      nodeCrypto,
    );
    const later = { ...value, version: [2, 1] as const, level: "isolate" as const };
    const directive = sealEnvelope(Directive, later, fleet.keys.hold, fleetId, nodeCrypto);
    expect(await take(directive, other)).toMatchObject({ result: "refused", code: "conflict" });
    expect(await take(link, other)).toMatchObject({ result: "taken", type: 1 });
    expect(await take(directive, other)).toMatchObject({ result: "taken" });
    expect(await take(sealEnvelope(Directive, later, hold, fleetId, nodeCrypto), other)).toMatchObject({
      code: "wrong-key",
    });
  });
});

describe("other items", () => {
  test("that are nothing for a fleet are passed over", async () => {
    const camera = await fleet.member("SN-1");
    const [reply] = await camera.send(camera.syncRequest());
    const { lease } = decodeFrame(SyncReply, must(reply));
    const items = [must(lease), encodeFrame(PeerEnd, { part: "documents", items: 1 })];
    for (const item of items) expect(await take(item)).toMatchObject({ result: "passed-over", answers: [] });
  });

  test("that are no messages, or unknown ones, are refused", async () => {
    expect(await take(Uint8Array.of(1, 2, 3))).toMatchObject({ result: "refused", code: "malformed" });
    const filler = { ...Beacon, type: 499 };
    const { value } = openDocument(Beacon, fleet.door.beacon(), fleet.service.trust, nodeCrypto);
    const { fleetId } = fleet.service.trust;
    const unknown = sealEnvelope(filler, value, fleet.keys.ledger, fleetId, nodeCrypto);
    expect(await take(unknown)).toMatchObject({ result: "refused", code: "unknown-type" });
  });

  test("P4: a disk that fails ends the whole bundle, and is not laid at an item's door", async () => {
    const log = new WatchedLog();
    const other = await SmallFleet.open({ log });
    const camera = await other.member("SN-1");
    log.before = () => Promise.reject(new FleetError("storage-failed", "the disk is full"));
    await expect(take(camera.receipt(1), other)).rejects.toMatchObject({ code: "storage-failed" });
  });
});

describe("what a stick carries", () => {
  beforeEach(async () => {
    for (let i = 1; i <= 3; i++) await fleet.member(`SN-${i}`);
    await fleet.service.installAuthority(nextLink(fleet), "operator");
    await fleet.advise(`model in {"lamp"}`);
    await fleet.act("hold", [1, 2], "isolate");
  });
  const typesIn = (items: readonly Uint8Array[]) =>
    items.map((item) => (item[0] === 0xd2 ? parseEnvelope(item).type : frameType(item)));

  test("to one device: links, its own documents, those for all, and the ledger that the Beacon proves", () => {
    const items = splitBundle(joinBundle(exportFor(fleet.service, 1)));
    expect(typesIn(items)).toEqual([1, 3, 5, 2, 37]);
    const { value } = openDocument(Beacon, must(items[3]), fleet.service.trust, nodeCrypto);
    const parts = items.slice(4).map((item) => decodeFrame(LedgerPart, item));
    const content = concatBytes(...parts.map((part) => part.bytes));
    expect(contentDigest(content, nodeCrypto)).toEqual(value.digest);
  });

  test("to all: nothing that is about one device", () => {
    expect(typesIn(exportFor(fleet.service))).toEqual([1, 5, 2, 37]);
  });

  test("P2: nothing that the device has confirmed", async () => {
    const { view, trust } = fleet.service;
    const beacon = must(view.beacon);
    const device = fleet.device(1);
    const held = {
      authority: trust.authority.value.version,
      ledger: beacon.version,
      advisories: must(view.advisories.list).version,
      removals: [0, 0] as const,
      directive: must(device.directive).version,
      release: [0, 0] as const,
      level: "isolate" as const,
      done: {},
    };
    await fleet.service.request({ type: "receipt", number: 1, counter: 1, held }, "device/1");
    expect(exportFor(fleet.service, 1)).toEqual([]);
    await fleet.act("hold", [3], "isolate");
    const items = exportFor(fleet.service, 1);
    expect(typesIn(items)).toEqual([2, 37]);
    expect(decodeFrame(LedgerPart, must(items[1])).from).toEqual(beacon.version);
  });

  test("to nobody that the fleet does not know", () => {
    expect(() => exportFor(fleet.service, 99)).toThrow(FleetError);
  });

  test("P3: read by the fleet that wrote it, it changes nothing", async () => {
    const before = await fleet.events();
    for (const item of exportFor(fleet.service, 1)) expect((await take(item)).result).not.toBe("refused");
    expect(await fleet.events()).toEqual(before);
  });

  test("its links lead from version 1 to the newest", () => {
    const first = signedOf(fleet.service.view.authorities.get(1));
    const links = exportFor(fleet.service).slice(0, 1);
    const walk = walkAuthorities(links, openFirstAuthority(first, nodeCrypto), nodeCrypto);
    expect(walk.trust.authority.bytes).toEqual(fleet.service.trust.authority.bytes);
  });
});
