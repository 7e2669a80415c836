/** P3: a fleet that is told that its log has lost its end signs nothing: who may tell it, and every door behind it. */
import { beforeEach, describe, expect, test } from "vitest";
import { takeItem } from "../../fleet/bundles.js";
import { toBase64Url } from "../../fleet/events.js";
import { certifyService } from "../../fleet/front-door.js";
import { MAX_LEAP } from "../../fleet/registry-documents.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Beacon } from "../../protocol/beacon.js";
import type { Role } from "../../protocol/authority.js";
import { CertificateReply, RenewRequest, ReturnRequest } from "../../protocol/certify.js";
import { Directive } from "../../protocol/directive.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import { ErrorReply } from "../../protocol/notice.js";
import { parsePredicate } from "../../protocol/predicate-text.js";
import { SyncReply } from "../../protocol/sync.js";
import { TimeRequest } from "../../protocol/time.js";
import {
  FOUNDED,
  freshKey,
  freshNonce,
  must,
  recordsOf,
  signedOf,
  type SmallDevice,
  SmallFleet,
} from "./fixtures.js";
import { mended, restored } from "./mended.js";
import { fleetOf, only, sync, types } from "./registry-rig.js";
import { heard, reenrollRequest, requestOf, ticketFor } from "./returning.js";
import { nextLink } from "./rotation.js";
import { directive, release, submit } from "./signed-elsewhere.js";

const entries = [{ id: 3, match: parsePredicate("number = 1"), level: "isolate", reason: "lost" }] as const;
const beacon = { denied: 0, digest: new Uint8Array(32), authority: 1, issuedAt: FOUNDED } as const;
const none = { advisories: [0, 0], removals: [0, 0] } as const;
/** Each newer than what a fleet with one device has said. */
const LOST = [
  { name: "directive", role: "hold", value: directive, number: 1 },
  { name: "release", role: "release", value: release, number: 1 },
  { name: "advisory-list", role: "hold", value: { version: [1, 1], entries, issuedAt: FOUNDED } },
  { name: "advisory-removal", role: "release", value: { version: [1, 1], ids: [3], issuedAt: FOUNDED } },
  { name: "beacon", role: "ledger", value: { version: [1, 7], ...beacon, ...none } },
] as const;
const ALL: readonly Role[] = ["hold", "release", "lease", "ledger"];

describe("a document that only this service can have signed", () => {
  test.each(LOST)(
    "$name: newer than the log, it counts, and raises the fence",
    ({ name, value, ...rest }) => {
      const registry = fleetOf(1);
      registry.onlyHere = [rest.role];
      const decision = submit(registry, { name, value });
      const facts = decision.accepted ? decision.facts : [];
      const about = "number" in rest ? { number: rest.number } : {};
      const proof = { kind: "document", name, version: value.version, ...about };
      expect(facts.at(-1)).toEqual({ type: "fence-raised", proof });
      expect(facts).toHaveLength(name === "beacon" ? 1 : 2);
      expect(facts.slice(0, -1).every(({ signed }) => signed !== undefined)).toBe(true);
    },
  );

  test.each(LOST)("$name: signed by a role with keys elsewhere, it is ordinary", ({ name, role, value }) => {
    const registry = fleetOf(1);
    registry.onlyHere = ALL.filter((other) => other !== role);
    expect(submit(registry, { name, value })).toMatchObject({ accepted: true });
    expect(registry.view.fence).toBeUndefined();
  });

  test.each(LOST)("$name: known, older, far ahead or of another term, it raises none", ({ name, value }) => {
    const registry = fleetOf(1);
    submit(registry, { name, value });
    registry.beacon();
    registry.onlyHere = ALL;
    const [term, n] = value.version;
    const others = [value.version, [term, n - 1], [0, 9], [2, 1]] as const;
    for (const version of name === "beacon" ? others.slice(2) : others)
      submit(registry, { name, value: { ...value, version } });
    if (name !== "beacon") submit(registry, { name, value: { ...value, version: [1, MAX_LEAP * 3] } });
    expect(registry.view.fence).toBeUndefined();
  });

  test("the first that is shown is the one that is named", () => {
    const registry = fleetOf(1);
    registry.onlyHere = ALL;
    submit(registry, { name: "directive", value: directive });
    const decision = submit(registry, { name: "directive", value: { ...directive, version: [1, 5] } });
    expect(types(decision.accepted ? decision.facts : [])).toEqual(["directive-issued"]);
    expect(registry.view.fence?.proof).toMatchObject({ version: [1, 2] });
  });

  test("a vector that claims newer ones stops nothing", () => {
    const registry = fleetOf(1);
    registry.onlyHere = ALL;
    const { held } = sync();
    expect(
      only("lease-issued", registry.facts(sync({ held: { ...held, directive: [1, 9] } }))),
    ).toBeDefined();
  });
});

describe("a re-enrollment that was lost", () => {
  async function lostKeys() {
    const whole = await SmallFleet.open();
    const camera = await whole.member("SN-1");
    const [ticket, key] = [await ticketFor(whole, 1), freshKey()];
    await camera.send(reenrollRequest({ fleet: whole, number: 1, ticket, key }));
    const directive = signedOf(whole.device(1).directive);
    const old = await restored(whole, ({ type }) => type === "ticket-issued");
    return { camera, key, directive, old };
  }
  const again = async (fleet: SmallFleet) => {
    const ticket = await ticketFor(fleet, 1);
    await fleet.door.handle(1, reenrollRequest({ fleet, number: 1, ticket }));
    return fleet.device(1);
  };

  test("the new keys are nobody's, the old ones count again; another ticket makes it good", async () => {
    const { camera, key, old } = await lostKeys();
    const fleet = await mended(old);
    const codeFor = async (message: Uint8Array) =>
      decodeFrame(ErrorReply, must((await fleet.door.handle(1, message))[0])).code;
    expect(await codeFor(camera.syncRequest({}, key))).toBe("denied");
    expect(fleet.device(1).lowestGeneration).toBe(1);
    expect(await again(fleet)).toMatchObject({ lowestGeneration: 2, superseded: [{}, {}] });
  });

  test("P7: brought back, its directive ends the old generation, and the next is above both", async () => {
    const { directive, old } = await lostKeys();
    await takeItem(old.service, directive, "operator");
    expect(old.device(1).lowestGeneration).toBe(2);
    expect(await again(await mended(old))).toMatchObject({ lowestGeneration: 3 });
  });
});

describe("the keys of a fleet say whose word proves it", () => {
  test("one key here is; one of several is not, nor one that is elsewhere", async () => {
    const fleet = await SmallFleet.open();
    expect(fleet.service.context().onlyHere).toEqual(expect.arrayContaining(["hold", "release", "ledger"]));
    const release = [freshKey(), freshKey()].map(({ publicKey }) => publicKey);
    const hold = [fleet.keys.hold.publicKey, freshKey().publicKey];
    const roles = { hold: { keys: hold, threshold: 1 }, release: { keys: release, threshold: 1 } };
    await fleet.service.installAuthority(
      nextLink(fleet, { roles, terms: ["directive", "advisory"] }),
      "operator",
    );
    const { onlyHere } = fleet.service.context();
    expect([onlyHere.includes("hold"), onlyHere.includes("release")]).toEqual([false, false]);
    expect(onlyHere).toContain("ledger");
  });
});

describe("behind the fence", () => {
  let fleet: SmallFleet;
  let camera: SmallDevice;
  let lost: Uint8Array;
  beforeEach(async () => {
    const whole = await SmallFleet.open();
    await whole.member("SN-1");
    const before = (await whole.events()).length;
    await whole.act("hold", [1], "observe");
    lost = signedOf(whole.device(1).directive);
    let events = 0;
    fleet = await restored(whole, () => events++ >= before);
    camera = await fleet.member("SN-2");
    await ticketFor(fleet, camera.number);
    await takeItem(fleet.service, lost, "operator");
  });
  const size = async () => (await recordsOf(fleet.log)).length;

  test("P1: what raised it was taken; and further documents, and Authorities, are", async () => {
    expect(fleet.device(1).level).toBe("observe");
    expect(fleet.service.stopped).toMatchObject({ code: "fenced" });
    const { fleetId } = fleet.service.trust;
    const value = { version: [1, 40], ...beacon, ...none } as const;
    const seen = sealEnvelope(Beacon, value, fleet.keys.ledger, fleetId, nodeCrypto);
    expect(await takeItem(fleet.service, seen, "operator")).toMatchObject({ result: "taken" });
    const link = await takeItem(fleet.service, nextLink(fleet), "operator");
    expect([link.result, fleet.service.trust.authority.value.version]).toEqual(["taken", 2]);
  });

  const ways = ["enroll", "renew", "return", "reenroll"] as const;
  test.each(ways)("no certificate: a device that asks by %s is told to come later", async (way) => {
    const before = await size();
    expect(await heard(camera, requestOf(way, camera))).toBe("fleet-unreachable");
    expect(await size()).toBe(before);
  });

  test("no lease, no signed time, no certificate for a gateway or a program", async () => {
    const before = await size();
    expect(await heard(camera, camera.syncRequest())).toBe("fleet-unreachable");
    const asked = encodeFrame(TimeRequest, { nonce: freshNonce() });
    const { door, service } = fleet;
    const { publicKey } = freshKey();
    const fenced = { code: "fenced" };
    await expect(door.time(asked)).rejects.toMatchObject(fenced);
    await expect(door.certifyGateway(publicKey, ["localhost"])).rejects.toMatchObject(fenced);
    await expect(certifyService(service, publicKey)).rejects.toMatchObject(fenced);
    expect(await size()).toBe(before);
  });

  test("no act, no approval, no birth, and no old document under a new key", async () => {
    const before = await size();
    const { service } = fleet;
    const fenced = { code: "fenced" };
    await expect(fleet.act("hold", [1], "isolate")).rejects.toMatchObject(fenced);
    await expect(fleet.advise('model = "camera"')).rejects.toMatchObject(fenced);
    const give = {
      kind: "give",
      numbers: [1],
      owner: toBase64Url(new Uint8Array(32)),
      reason: "sold",
    } as const;
    await expect(fleet.carryOut(give)).rejects.toMatchObject(fenced);
    await expect(fleet.birth("SN-3", freshKey())).rejects.toMatchObject(fenced);
    expect(() => service.renew(lost)).toThrow(expect.objectContaining(fenced));
    expect(await size()).toBe(before);
  });

  test("no Beacon, though what was taken changes the ledger", async () => {
    const { version } = must(fleet.service.view.beacon);
    const { fleetId } = fleet.service.trust;
    const value = { ...directive, version: [1, 9] as const };
    const more = sealEnvelope(Directive, value, fleet.keys.hold, fleetId, nodeCrypto);
    await takeItem(fleet.service, more, "operator");
    expect(fleet.service.view.denied.has(1)).toBe(true);
    expect(fleet.service.view.beacon?.version).toEqual(version);
  });

  test("P4: a service that is started again stays there", async () => {
    const again = await SmallFleet.open({ log: fleet.log, clock: fleet.clock });
    expect(again.service.stopped).toMatchObject({ code: "fenced" });
    const answer = await again.door.handle(camera.number, camera.syncRequest());
    expect(answer).toHaveLength(1);
  });

  test("P9: under new terms all of it is done again, and what was taken stands in them", async () => {
    const again = await mended(fleet);
    const { service } = again;
    expect(service.stopped).toBeUndefined();
    expect(service.view.beacon?.version[0]).toBe(2);
    const [reply] = await again.door.handle(camera.number, camera.syncRequest());
    expect(decodeFrame(SyncReply, must(reply)).lease).toBeDefined();
    await again.act("hold", [1], "isolate");
    expect(again.device(1).directive).toMatchObject({ version: [2, 1], level: "isolate" });
    expect(await takeItem(service, lost, "operator")).toMatchObject({ result: "taken" });
    expect(service.stopped).toBeUndefined(); // of a term that is over
    for (const message of [
      camera.seal(RenewRequest, camera.newKey()),
      camera.seal(ReturnRequest, camera.newKey(), camera.idevid),
    ]) {
      const [answer] = await again.door.handle(camera.number, message);
      expect(decodeFrame(CertificateReply, must(answer)).ldevid).toHaveLength(2);
    }
  });
});
