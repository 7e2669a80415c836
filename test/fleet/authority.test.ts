/** The fleet's Authority changes while it runs: who may sign what, in which terms, under which certificates. */
import { beforeEach, describe, expect, test } from "vitest";
import { takeItem } from "../../fleet/bundles.js";
import type { TermKind } from "../../fleet/ceremony-next.js";
import { FleetError } from "../../fleet/errors.js";
import type { FleetKeyName } from "../../fleet/fleet-keys.js";
import type { FleetChange } from "../../fleet/link.js";
import { FleetService } from "../../fleet/service.js";
import { directiveVersion } from "../../fleet/view.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { AdvisoryList } from "../../protocol/advisory.js";
import { Authority, openDocument, type Role } from "../../protocol/authority.js";
import { AuthorityReply, AuthorityRequest } from "../../protocol/authority-links.js";
import { Beacon } from "../../protocol/beacon.js";
import { CertificateReply } from "../../protocol/certify.js";
import { parseEnvelope } from "../../protocol/cose.js";
import type { Signer } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { addSignature, sealEnvelope, type SignedBy } from "../../protocol/envelope.js";
import { ProtocolError } from "../../protocol/errors.js";
import { ErrorReply } from "../../protocol/notice.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import { Lease } from "../../protocol/lease.js";
import { field, message } from "../../protocol/schema.js";
import { SyncReply } from "../../protocol/sync.js";
import { Time, TimeRequest } from "../../protocol/time.js";
import { bytes } from "../../protocol/types.js";
import { compareVersions } from "../../protocol/version.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { DAY, FOUNDED, freshKey, freshNonce, must, signedOf, SmallFleet, WatchedLog } from "./fixtures.js";
import { alone, linkAfter, MemoryStagedKeys, nextLink } from "./rotation.js";

let fleet: SmallFleet;
let staged: MemoryStagedKeys;
let log: WatchedLog;
beforeEach(async () => {
  staged = new MemoryStagedKeys();
  log = new WatchedLog();
  fleet = await SmallFleet.open({ staged, log });
});

const install = (link: Uint8Array) => fleet.service.installAuthority(link, "operator");
const version = () => fleet.service.trust.authority.value.version;
async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
    return "accepted";
  } catch (error) {
    if (error instanceof FleetError || error instanceof ProtocolError) return error.code;
    throw error;
  }
}
const leaseOf = async (device: Awaited<ReturnType<SmallFleet["member"]>>) => {
  const [reply] = await device.send(device.syncRequest());
  const { lease } = decodeFrame(SyncReply, must(reply));
  return openDocument(Lease, must(lease), fleet.service.trust, nodeCrypto).value;
};

describe("the next link", () => {
  test("is in force at once: gateways are told, then everyone, and a new Beacon names it", async () => {
    const told: (readonly [FleetChange["type"], number])[] = [];
    const documents: Uint8Array[] = [];
    fleet.door.watch((change) => {
      told.push([change.type, fleet.door.trust().authority.value.version]);
      if (change.type === "broadcast") documents.push(change.document);
    });
    const link = nextLink(fleet);
    await install(link);
    expect(told).toEqual([
      ["authority", 2],
      ["broadcast", 2],
      ["beacon", 2],
    ]);
    expect(documents).toEqual([link]);
    const beacon = openDocument(Beacon, fleet.door.beacon(), fleet.service.trust, nodeCrypto).value;
    expect(beacon).toMatchObject({ authority: 2, version: [1, 1] });
  });

  test("P3: is still in force in a service that starts later, and so are the ones after it", async () => {
    for (let i = 0; i < 3; i++) await install(nextLink(fleet));
    const later = await FleetService.open(fleet.service.options);
    expect(later.trust).toEqual(fleet.service.trust);
    expect(later.trust.authority.value.version).toBe(4);
  });

  test("P2: that is known already changes nothing, and is no error", async () => {
    const links = [nextLink(fleet)];
    await install(must(links[0]));
    links.push(nextLink(fleet));
    await install(must(links[1]));
    const before = await fleet.events();
    for (const link of links) await install(link);
    expect(await fleet.events()).toEqual(before);
  });

  const refused: readonly (readonly [string, () => Uint8Array | Promise<Uint8Array>, string])[] = [
    [
      "after one that is missing",
      async () => {
        const twin = await SmallFleet.open();
        await twin.service.installAuthority(nextLink(twin), "operator");
        return nextLink(twin);
      },
      "out-of-range",
    ],
    [
      "by a stranger",
      () => {
        const { value } = fleet.service.trust.authority;
        const { fleetId } = fleet.service.trust;
        return sealEnvelope(Authority, { ...value, version: 2 }, freshKey(), fleetId, nodeCrypto);
      },
      "wrong-key",
    ],
    [
      "by its own root alone",
      () => {
        const root = freshKey();
        const roles = fleet.service.trust.authority.value.roles.map((entry) =>
          entry.role === "root" ? { ...entry, keys: [root.publicKey] } : entry,
        );
        const previous = nodeCrypto.sha256(parseEnvelope(fleet.service.trust.authority.bytes).payload);
        const value = { ...fleet.service.trust.authority.value, version: 2, roles, previous };
        return sealEnvelope(Authority, value, root, fleet.service.trust.fleetId, nodeCrypto);
      },
      "quorum-missing",
    ],
    [
      "too large to be handed to any device",
      () => {
        const filler = { ...Authority.fields, filler: field(64, bytes({ max: 30_000 }), "an extension") };
        const { value, bytes: known } = fleet.service.trust.authority;
        const previous = nodeCrypto.sha256(parseEnvelope(known).payload);
        const large = { ...value, version: 2, previous, filler: new Uint8Array(30_000) };
        const { fleetId } = fleet.service.trust;
        return sealEnvelope(message(1, "authority", filler), large, fleet.keys.root, fleetId, nodeCrypto);
      },
      "out-of-range",
    ],
  ];
  test.each(refused)("P1: %s is refused, and nothing comes of it", async (_, link, code) => {
    const bad = await link();
    const before = await fleet.events();
    expect(await codeOf(install(bad))).toBe(code);
    expect([version(), await fleet.events()]).toEqual([1, before]);
  });

  test("P3: another one of a version that is in force is a fork, and refused", async () => {
    const fork = nextLink(fleet, { terms: ["ledger"] });
    await install(nextLink(fleet));
    expect(await codeOf(install(fork))).toBe("conflict");
    expect(version()).toBe(2);
  });

  test("P13: a root of two needs both, of the old version and of the new one", async () => {
    const [first, second] = [fleet.keys.root, freshKey()];
    const two = { keys: [first.publicKey, second.publicKey], threshold: 2 };
    const half = linkAfter(fleet.service.trust, { roles: { root: two } }, [first]);
    expect(await codeOf(install(half))).toBe("quorum-missing");
    await install(addSignature(half, second, fleet.service.trust.fleetId, nodeCrypto));
    expect(await codeOf(install(linkAfter(fleet.service.trust, {}, [second])))).toBe("quorum-missing");
    await install(linkAfter(fleet.service.trust, {}, [second, first]));
    expect(version()).toBe(3);
  });
});

describe("keys that the next link names", () => {
  const names: readonly FleetKeyName[] = [
    "hold",
    "lease",
    "ledger",
    "factory",
    "factory-ca",
    "device-ca",
    "service-ca",
  ];
  function naming(name: FleetKeyName, key: Signer): Uint8Array {
    const purpose = name.endsWith("-ca") ? name.slice(0, -3) : undefined;
    if (purpose) return nextLink(fleet, { cas: { [purpose]: key.publicKey }, keep: "none" });
    return nextLink(fleet, { roles: { [name as Role]: alone(key.publicKey) } });
  }

  test.each(names)("P4: %s: one that is not here is refused by name, and nothing changes", async (name) => {
    const before = await fleet.events();
    const error = await install(naming(name, freshKey())).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "conflict", message: expect.stringContaining(`for ${name};`) });
    expect([version(), await fleet.events(), staged.settled]).toEqual([1, before, []]);
  });

  test.each(names)("%s: one that waits is used from then on, and its file moved", async (name) => {
    const key = freshKey();
    staged.waiting = { [name]: key };
    await install(naming(name, key));
    expect([version(), staged.settled, fleet.service.keys[name]]).toEqual([2, [`+${name}`], key]);
  });

  test("P4: wherever it stops between log and key file, the next start does the rest", async () => {
    const hold = freshKey();
    staged.waiting = { hold };
    staged.before = () => {
      throw new FleetError("storage-failed", "no power");
    };
    expect(await codeOf(install(nextLink(fleet, { roles: { hold: alone(hold.publicKey) } })))).toBe(
      "storage-failed",
    );
    staged.before = () => undefined;
    const later = await SmallFleet.open({ log, staged });
    expect([staged.settled, later.service.keys.hold]).toEqual([["+hold"], hold]);
    await later.bear("SN-1");
    const directive = signedOf(later.device(1).directive);
    const { trust } = later.service;
    expect(openDocument(Directive, directive, trust, nodeCrypto).signers).toEqual([hold.publicKey]);
  });

  test("P4: when the log refuses the link, key and Authority stay as they were", async () => {
    const lease = freshKey();
    staged.waiting = { lease };
    log.before = () => Promise.reject(new FleetError("storage-failed", "the disk is full"));
    expect(await codeOf(install(nextLink(fleet, { roles: { lease: alone(lease.publicKey) } })))).toBe(
      "storage-failed",
    );
    expect([version(), staged.settled, fleet.service.keys.lease]).toEqual([1, [], fleet.keys.lease]);
  });

  test("a key that waits for a later link stays where it is", async () => {
    staged.waiting = { hold: freshKey() };
    await install(nextLink(fleet));
    expect([staged.settled, fleet.service.keys.hold]).toEqual([[], fleet.keys.hold]);
  });

  test("P8: a root key that was replaced is of no use here any more, and goes", async () => {
    const root = freshKey();
    const link = linkAfter(fleet.service.trust, { roles: { root: alone(root.publicKey) } }, [
      fleet.keys.root,
      root,
    ]);
    await install(link);
    expect([staged.settled, fleet.service.keys.root]).toEqual([["-root"], undefined]);
    await FleetService.open(fleet.service.options); // with the old key still in its folder: it was ours once
  });

  test("P13: release keys that are elsewhere, or two that must sign, leave nothing to release with here", async () => {
    const other = freshKey();
    expect(fleet.service.context().releaseOnline).toBe(true);
    const both = { keys: [fleet.keys.release.publicKey, other.publicKey], threshold: 2 };
    const terms = ["directive", "advisory"] as const;
    await install(nextLink(fleet, { roles: { release: both }, terms }));
    expect(fleet.service.context().releaseOnline).toBe(false);
    await install(nextLink(fleet, { roles: { release: alone(other.publicKey) }, terms }));
    expect(fleet.service.context().releaseOnline).toBe(false);
    expect(fleet.service.keys.release).toBeUndefined();
  });
});

describe("P9: a link that ends the release keys", () => {
  const other = freshKey();
  const both = ["directive", "advisory"] as const;
  const moved = () => alone(other.publicKey);
  const two = () => ({ keys: [fleet.keys.release.publicKey, other.publicKey], threshold: 2 });
  const rows: readonly (readonly [string, () => SignedBy, readonly TermKind[], string])[] = [
    ["moves them elsewhere and keeps both terms", moved, [], "--term directive --term advisory"],
    ["moves them elsewhere and keeps the term of directives", moved, ["advisory"], "with --term directive,"],
    ["moves them elsewhere and keeps the term of advisories", moved, ["directive"], "with --term advisory,"],
    ["asks for one signature more", two, ["ledger"], "--term directive --term advisory"],
  ];
  test.each(rows)("and %s is refused, with the cure", async (_, release, terms, cure) => {
    const before = await fleet.events();
    const error = await install(nextLink(fleet, { roles: { release: release() }, terms })).catch((e) => e);
    expect(error).toMatchObject({ code: "conflict", message: expect.stringContaining(cure) });
    expect([version(), await fleet.events(), fleet.service.keys.release]).toEqual([
      1,
      before,
      fleet.keys.release,
    ]);
    await install(nextLink(fleet, { roles: { release: release() }, terms: both }));
    expect(version()).toBe(2);
  });

  test("keeps the terms where the new key is here: it signs again what the old one has signed", async () => {
    staged.waiting = { release: other };
    await install(nextLink(fleet, { roles: { release: moved() } }));
    expect(fleet.service.context().releaseOnline).toBe(true);
  });

  test("is none when it only adds a key", async () => {
    await install(nextLink(fleet, { roles: { release: { ...two(), threshold: 1 } } }));
    expect(version()).toBe(2);
  });

  test("elsewhere to elsewhere: once more, with new terms only", async () => {
    await install(nextLink(fleet, { roles: { release: moved() }, terms: both }));
    const third = alone(freshKey().publicKey);
    expect(await codeOf(install(nextLink(fleet, { roles: { release: third } })))).toBe("conflict");
    await install(nextLink(fleet, { roles: { release: third }, terms: both }));
    expect(version()).toBe(3);
  });
});

describe("P13: transfer keys", () => {
  test("that are elsewhere, or two that must sign, leave nothing to give a device away with here", async () => {
    const other = freshKey();
    expect(fleet.service.context().transferOnline).toBe(true);
    const both = { keys: [fleet.keys.transfer.publicKey, other.publicKey], threshold: 2 };
    await install(nextLink(fleet, { roles: { transfer: both } }));
    expect(fleet.service.context().transferOnline).toBe(false);
    await install(nextLink(fleet, { roles: { transfer: alone(other.publicKey) } }));
    expect(fleet.service.context().transferOnline).toBe(false);
    expect([fleet.service.keys.transfer, staged.settled]).toEqual([undefined, ["-transfer"]]);
  });

  test("one that waits here is used from then on, and its file moved", async () => {
    const transfer = freshKey();
    staged.waiting = { transfer };
    await install(nextLink(fleet, { roles: { transfer: alone(transfer.publicKey) } }));
    expect([staged.settled, fleet.service.keys.transfer]).toEqual([["+transfer"], transfer]);
    expect(fleet.service.context().transferOnline).toBe(true);
  });
});

describe("P3: a new term cures a key that signed the highest number", () => {
  test("directives: the next one is above it, and levels stay meanwhile", async () => {
    const camera = await fleet.member("SN-1");
    await fleet.act("hold", [camera.number], "isolate");
    const known = signedOf(fleet.device(1).directive);
    const { value } = openDocument(Directive, known, fleet.service.trust, nodeCrypto);
    const mad: Directive = { ...value, version: [1, Number.MAX_SAFE_INTEGER] };
    const { fleetId } = fleet.service.trust;
    const stolen = sealEnvelope(Directive, mad, fleet.keys.hold, fleetId, nodeCrypto);
    expect(await takeItem(fleet.service, stolen, "operator")).toMatchObject({ code: "conflict" });
    await install(nextLink(fleet, { terms: ["directive"] }));
    expect(fleet.device(1).level).toBe("isolate");
    expect((await leaseOf(camera)).required).toMatchObject({ directive: [2, 1], level: "isolate" });
    const next = openDocument(
      Directive,
      signedOf(fleet.device(1).directive),
      fleet.service.trust,
      nodeCrypto,
    );
    expect(next.value).toMatchObject({ version: [2, 1], level: "isolate" });
    expect(compareVersions(next.value.version, mad.version)).toBeGreaterThan(0);
    await takeItem(fleet.service, stolen, "operator"); // of a term that is over: nothing comes of it
    expect(directiveVersion(fleet.device(1))).toEqual([2, 1]);
    await fleet.act("hold", [camera.number], "observe");
    expect(directiveVersion(fleet.device(1))).toEqual([2, 2]);
  });

  test("advisories: the list comes again in the new term, with all that counts", async () => {
    await fleet.advise(`model in {"lamp"}`);
    await fleet.advise(`model in {"buoy"}`);
    await fleet.unadvise(1);
    await install(nextLink(fleet, { terms: ["advisory"] }));
    const list = signedOf(fleet.service.view.advisories.list);
    const { value } = openDocument(AdvisoryList, list, fleet.service.trust, nodeCrypto);
    expect([value.version, value.entries.map(({ id }) => id)]).toEqual([[2, 1], [2]]);
    const beacon = openDocument(Beacon, fleet.door.beacon(), fleet.service.trust, nodeCrypto).value;
    expect(beacon).toMatchObject({ advisories: [2, 1], removals: [0, 0] });
  });

  test("P2: what was signed in a term that is over is sent to nobody", async () => {
    const camera = await fleet.member("SN-1");
    await fleet.advise(`model in {"lamp"}`);
    await fleet.unadvise(1);
    const sent = async () => {
      const [reply] = await camera.send(camera.syncRequest());
      return decodeFrame(SyncReply, must(reply)).documents;
    };
    const { list, removal } = fleet.service.view.advisories;
    expect(await sent()).toEqual(expect.arrayContaining([signedOf(list), signedOf(removal)]));
    const link = nextLink(fleet, { terms: ["advisory"] });
    await install(link);
    const directive = signedOf(fleet.device(camera.number).directive);
    const renewed = signedOf(fleet.service.view.advisories.list);
    expect(await sent()).toEqual([link, directive, renewed, fleet.door.beacon()]);
  });

  test("P2: a list without entries comes again too: who missed a removal is held by the old one", async () => {
    await fleet.advise(`model in {"lamp"}`);
    await fleet.unadvise(1);
    await install(nextLink(fleet, { terms: ["advisory"] }));
    const list = signedOf(fleet.service.view.advisories.list);
    const { value } = openDocument(AdvisoryList, list, fleet.service.trust, nodeCrypto);
    expect(value).toMatchObject({ version: [2, 1], entries: [] });
  });

  test("the ledger: the next Beacon is of the new term, and says what the one before said", async () => {
    await fleet.bear("SN-1");
    await fleet.act("hold", [1], "isolate");
    const before = openDocument(Beacon, fleet.door.beacon(), fleet.service.trust, nodeCrypto).value;
    await install(nextLink(fleet, { terms: ["ledger"] }));
    const after = openDocument(Beacon, fleet.door.beacon(), fleet.service.trust, nodeCrypto).value;
    expect([after.version[0], after.denied, after.digest]).toEqual([2, before.denied, before.digest]);
  });

  test("time: it begins again where the term says, whatever the clock has said before", async () => {
    const camera = await fleet.member("SN-1");
    const year2100 = Date.UTC(2100, 0, 1) / 1000;
    fleet.clock.seconds = year2100;
    expect((await leaseOf(camera)).time).toEqual([1, year2100]);
    fleet.clock.seconds = FOUNDED + DAY; // mended, but fleet time never falls within its term
    expect((await leaseOf(camera)).time).toEqual([1, year2100]);
    await install(nextLink(fleet, { terms: ["time"], timeBase: FOUNDED + 2 * DAY }));
    expect((await leaseOf(camera)).time).toEqual([2, FOUNDED + 2 * DAY]);
    fleet.clock.seconds = FOUNDED + 3 * DAY;
    const [answer, nonce] = [fleet.door, freshNonce()];
    const time = await answer.time(encodeFrame(TimeRequest, { nonce }));
    expect(openDocument(Time, time, fleet.service.trust, nodeCrypto).value.time).toEqual([
      2,
      FOUNDED + 3 * DAY,
    ]);
    const later = await SmallFleet.open({ log, staged, clock: fleet.clock });
    expect(later.service.now()).toBe(FOUNDED + 3 * DAY);
  });
});

describe("certificate authorities that were replaced", () => {
  async function replace(purpose: "factory" | "device" | "service", keep: "factory" | "none" | "all") {
    const key = freshKey();
    staged.waiting = { [`${purpose}-ca`]: key };
    await install(nextLink(fleet, { cas: { [purpose]: key.publicKey }, keep }));
  }
  const verdict = (chain: readonly Uint8Array[]) =>
    verifyChain(chain, fleet.service.trust.certificates, fleet.service.now(), nodeCrypto);

  test.each(["none", "all"] as const)("device: LDevIDs come from the new one; kept: %s", async (keep) => {
    const camera = await fleet.bear("SN-1");
    await replace("device", keep);
    const reply = decodeFrame(CertificateReply, must((await camera.send(camera.enrollRequest()))[0]));
    expect(verdict(reply.ldevid)).toMatchObject({ profile: "ldevid", number: camera.number });
    expect(reply.documents[0]).toEqual(fleet.service.trust.authority.bytes); // before what it lets others sign
  });

  test("P9: a device whose LDevID was still on its way gets one that counts, for the same request", async () => {
    const camera = await fleet.bear("SN-1");
    const request = camera.enrollRequest();
    const lost = decodeFrame(CertificateReply, must((await camera.send(request))[0]));
    await replace("device", "none");
    expect(() => verdict(lost.ldevid)).toThrow(ProtocolError);
    const again = decodeFrame(CertificateReply, must((await camera.send(request))[0]));
    expect(verdict(again.ldevid)).toMatchObject({ profile: "ldevid", window: "current" });
  });

  test("service: a gateway's certificate comes from the new one", async () => {
    await replace("service", "none");
    const chain = await fleet.door.certifyGateway(freshKey().publicKey, ["localhost"]);
    expect(verdict(chain)).toMatchObject({ profile: "gateway", window: "current" });
  });

  test("factory: what was born before still enrolls, and births go on", async () => {
    const camera = await fleet.bear("SN-1");
    await replace("factory", "factory");
    await camera.certify("enroll");
    await (await fleet.bear("SN-2")).certify("enroll");
    const stations = (await fleet.events()).filter(({ type }) => type === "holder-certified");
    expect(stations).toHaveLength(1);
  });

  test("factory, dropped: the station gets a new certificate; births of the old one prove nothing", async () => {
    const camera = await fleet.bear("SN-1");
    await replace("factory", "none");
    const [told] = await camera.send(camera.enrollRequest());
    expect(decodeFrame(ErrorReply, must(told)).code).toBe("denied");
    const { idevid } = await fleet.birth("SN-2", freshKey());
    expect(verdict(idevid)).toMatchObject({ profile: "idevid", number: 2 });
  });

  test("P9: a new factory key locks out nobody who was born under the old one", async () => {
    const camera = await fleet.bear("SN-1");
    const factory = freshKey();
    staged.waiting = { factory };
    await install(nextLink(fleet, { roles: { factory: alone(factory.publicKey) } }));
    await camera.certify("enroll");
    expect(fleet.device(camera.number).certificates).toHaveLength(1);
  });

  test("P1: a device begins with version 1, which is what its voucher names", async () => {
    const { bytes: first } = fleet.service.trust.authority;
    await install(nextLink(fleet));
    const { authority } = await fleet.birth("SN-1", freshKey());
    expect(authority).toEqual(first);
    await must(await fleet.bear("SN-2")).certify("enroll");
  });
});

describe("links on request", () => {
  const ask = async (from: number, maxReplyBytes = 65_536) =>
    decodeFrame(
      AuthorityReply,
      await fleet.door.authorities(encodeFrame(AuthorityRequest, { version: from, maxReplyBytes })),
    );
  const versions = (links: readonly Uint8Array[]) =>
    links.map((link) => Authority.decode(parseEnvelope(link).payload).version);
  beforeEach(async () => {
    for (let i = 0; i < 20; i++) await install(nextLink(fleet));
  });

  test("P11: come in order, at most 16 at a time, and never more bytes than were asked for", async () => {
    const all = await ask(1);
    expect([all.newest, versions(all.links)]).toEqual([21, Array.from({ length: 16 }, (_, i) => i + 2)]);
    const few = encodeFrame(AuthorityReply, await ask(1, 6000));
    expect(few.length).toBeLessThanOrEqual(6000);
    const got = versions((await ask(1, 6000)).links);
    expect(got).toEqual(got.map((_, i) => i + 2));
    expect(got.length).toBeGreaterThan(0);
  });

  test("end at the newest; who holds that gets none", async () => {
    expect(versions((await ask(19)).links)).toEqual([20, 21]);
    expect(await ask(21)).toEqual({ newest: 21, links: [] });
    expect(await ask(99)).toEqual({ newest: 21, links: [] });
  });

  test("P2: a sync brings those that a device lacks, before anything that they prove", async () => {
    const camera = await fleet.member("SN-1");
    const [reply] = await camera.send(camera.syncRequest({ maxReplyBytes: 65_536 }));
    const { documents } = decodeFrame(SyncReply, must(reply));
    expect(versions(documents)).toEqual(Array.from({ length: 16 }, (_, i) => i + 2));
  });
});
