/** What a device is told: all that is newer, in order, within what it can take, and nothing else. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { certificateReply, protocolErrorReply, refusalReply, syncReply } from "../../fleet/replies.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { Refusal } from "../../fleet/refusal.js";
import { asSigned } from "../../fleet/renewed-signatures.js";
import type { DeviceView, FleetView } from "../../fleet/view.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Trust } from "../../protocol/authority.js";
import { CertificateReply } from "../../protocol/certify.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { payloadHash } from "../../protocol/envelope.js";
import { ProtocolError, type ProtocolErrorCode } from "../../protocol/errors.js";
import { decodeFrame } from "../../protocol/frame.js";
import { ErrorReply } from "../../protocol/notice.js";
import { SyncReply, type SyncRequest } from "../../protocol/sync.js";
import type { Version } from "../../protocol/version.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { freshNonce, must, signedOf, type SmallDevice, SmallFleet } from "./fixtures.js";

type Kind = "directive" | "release" | "advisories" | "removals" | "ledger";
/** In the order in which they are sent. */
const KINDS: readonly Kind[] = ["directive", "release", "removals", "advisories", "ledger"];
/** Smallest and largest reply that a device may ask for: `sync-request`. */
const [LEAST, MOST] = [512, 65_536];

let fleet: SmallFleet;
let camera: SmallDevice;
let view: FleetView;
let trust: Trust;
let device: DeviceView;
/** The newest of each kind, and as signed. */
let issued: Record<Kind, FleetEvent & { readonly version: Version }>;
let newest: Record<Kind, Uint8Array>;
beforeAll(async () => {
  fleet = await SmallFleet.open();
  camera = await fleet.member("SN-1");
  await fleet.act("hold", [camera.number], "isolate");
  await fleet.act("release", [camera.number], "observe");
  await fleet.act("hold", [camera.number], "restrict");
  for (const model of ["lamp", "buoy"]) await fleet.advise(`model in {"${model}"}`);
  await fleet.unadvise(1);
  await camera.send(camera.syncRequest());
  ({ view, trust } = fleet.service);
  device = fleet.device(camera.number);
  issued = {
    directive: must(device.directive),
    release: must(device.release),
    advisories: must(view.advisories.list),
    removals: must(view.advisories.removal),
    ledger: must(view.beacon),
  };
  newest = Object.fromEntries(KINDS.map((kind) => [kind, signedOf(issued[kind])])) as typeof newest;
});

type Held = NonNullable<SyncRequest["holds"]["directive"]>;
const hashOf = (document: Uint8Array) => payloadHash(parseEnvelope(document), nodeCrypto);
const versionOf = (kind: Kind): Version => issued[kind].version;
const current = (kind: Kind): Held => ({ version: versionOf(kind), hash: hashOf(newest[kind]) });

/** Of a device that holds `kinds` as they are now, and `other` as it says. */
function ask(
  kinds: readonly Kind[],
  other: Partial<Record<Kind, Held>> = {},
  maxReplyBytes = 4096,
): SyncRequest {
  const held = Object.fromEntries(kinds.map((kind) => [kind, current(kind)]));
  const holds = { ...camera.nothingHeld(), ...held, ...other };
  return { subject: camera.number, nonce: freshNonce(), holds, maxReplyBytes };
}

const told = (sync: SyncRequest) => decodeFrame(SyncReply, syncReply(view, device, sync, trust, nodeCrypto));

describe("the reply to a sync", () => {
  test("nothing new: the lease, and nothing else", () => {
    const sync = ask(KINDS);
    expect(told(sync)).toEqual({ nonce: sync.nonce, lease: signedOf(device.lease), documents: [] });
  });

  test("to one that holds nothing: all there is, what holds it first, then what frees it, then what is for all", () => {
    expect(told(ask([])).documents).toEqual(KINDS.map((kind) => newest[kind]));
  });

  test.each(KINDS)("P2: what lacks is the %s alone: it comes alone", (kind) => {
    expect(told(ask(KINDS.filter((other) => other !== kind))).documents).toEqual([newest[kind]]);
  });

  const neighbours: readonly (readonly [string, (v: Version) => Version, boolean])[] = [
    ["one n below", ([term, n]) => [term, n - 1], true],
    ["one n above", ([term, n]) => [term, n + 1], false],
    ["an older term with a higher n", ([term, n]) => [term - 1, n + 1000], true],
    ["a newer term with a lower n", ([term]) => [term + 1, 0], false],
  ];
  test.each(KINDS.flatMap((kind) => neighbours.map((row) => [kind, ...row] as const)))(
    "P3: a %s held at %s",
    (kind, _, change, sent) => {
      const held = { ...current(kind), version: change(versionOf(kind)) };
      expect(told(ask(KINDS, { [kind]: held })).documents).toEqual(sent ? [newest[kind]] : []);
    },
  );

  test.each(KINDS)("P3: a %s of the same version with other content is answered with ours", (kind) => {
    const fork = { ...current(kind), hash: new Uint8Array(8) };
    expect(told(ask(KINDS, { [kind]: fork })).documents).toEqual([newest[kind]]);
  });

  test("P9: to a revoked device: no lease, also when the view still has one", () => {
    const revoked: DeviceView = { ...device, level: "revoked" };
    const reply = decodeFrame(SyncReply, syncReply(view, revoked, ask([]), trust, nodeCrypto));
    expect(reply.lease).toBeUndefined();
    expect(reply.documents).toEqual(KINDS.map((kind) => newest[kind]));
  });

  test("to a sync that got no lease: a probe in its place, and as many documents as fit beside it", () => {
    const probe = new Uint8Array(16).fill(7);
    for (const maxReplyBytes of [LEAST, 900, 4096]) {
      const sync = ask([], {}, maxReplyBytes);
      const bytes = syncReply(view, device, sync, trust, nodeCrypto, asSigned, probe);
      expect(bytes.length).toBeLessThanOrEqual(maxReplyBytes);
      const reply = decodeFrame(SyncReply, bytes);
      expect([reply.lease, reply.probe]).toEqual([undefined, probe]);
      expect(reply.documents).toEqual(KINDS.slice(0, reply.documents.length).map((kind) => newest[kind]));
    }
    const whole = decodeFrame(
      SyncReply,
      syncReply(view, device, ask([]), trust, nodeCrypto, asSigned, probe),
    );
    expect(whole.documents).toHaveLength(KINDS.length);
  });

  const notServed: readonly (readonly [string, Partial<DeviceView>])[] = [
    ["is suspected", { suspectedAt: 1 }],
    ["is revoked", { level: "revoked" }],
    ["is another owner's", { transferred: {} as NonNullable<DeviceView["transferred"]> }],
  ];
  test.each(notServed)("P7: to a device that %s: neither lease nor probe, and all there is", (_, change) => {
    for (const probe of [undefined, new Uint8Array(16)]) {
      const bytes = syncReply(view, { ...device, ...change }, ask([]), trust, nodeCrypto, asSigned, probe);
      const reply = decodeFrame(SyncReply, bytes);
      expect([reply.lease, reply.probe]).toEqual([undefined, undefined]);
      expect(reply.documents).toEqual(KINDS.map((kind) => newest[kind]));
    }
  });

  test("P12: the same question over the same view gives the same bytes", () => {
    const sync = ask(["ledger"]);
    expect(syncReply(view, device, sync, trust, nodeCrypto)).toEqual(
      syncReply(view, device, sync, trust, nodeCrypto),
    );
  });

  const size = fc.oneof(fc.integer({ min: LEAST, max: 1200 }), fc.constant(MOST));
  test("P11: is never larger than the device can take, has the lease, and leaves out only what does not fit", () => {
    const kinds = fc.uniqueArray(fc.constantFrom(...KINDS), { maxLength: KINDS.length });
    fc.assert(
      fc.property(size, kinds, (maxReplyBytes, held) => {
        const sync = ask(held, {}, maxReplyBytes);
        const bytes = syncReply(view, device, sync, trust, nodeCrypto);
        expect(bytes.length).toBeLessThanOrEqual(maxReplyBytes);
        const { lease, documents } = decodeFrame(SyncReply, bytes);
        expect(lease).toEqual(signedOf(device.lease));
        const wanted = KINDS.filter((kind) => !held.includes(kind)).map((kind) => newest[kind]);
        const sent = wanted.filter((document) =>
          documents.some((other) => hashOf(other).join() === hashOf(document).join()),
        );
        expect(documents).toEqual(sent); // in the order of KINDS, nothing twice
        for (const document of wanted.filter((one) => !sent.includes(one))) {
          const ROOM = 64; // that the reply keeps for its own frame
          expect(bytes.length + document.length + ROOM).toBeGreaterThan(maxReplyBytes);
        }
      }),
      { seed: 4711 },
    );
  });

  test("P11: a device that takes the least has everything after as many syncs as there are documents", () => {
    const has: Kind[] = [];
    for (let sync = 0; sync < KINDS.length; sync++) {
      const { documents } = told(ask(has, {}, LEAST));
      has.push(
        ...KINDS.filter((kind) =>
          documents.some((document) => hashOf(document).join() === hashOf(newest[kind]).join()),
        ),
      );
    }
    expect([...has].sort()).toEqual([...KINDS].sort());
  });
});

describe("the reply to a request for an LDevID", () => {
  test("has the LDevID, its issuer, and what stands for the device already", () => {
    const nonce = freshNonce();
    const reply = decodeFrame(CertificateReply, certificateReply(view, device, nonce, trust, nodeCrypto));
    expect(reply).toMatchObject({ nonce, documents: KINDS.map((kind) => newest[kind]) });
    const verdict = verifyChain(reply.ldevid, trust.certificates, fleet.service.now(), nodeCrypto);
    expect(verdict).toMatchObject({
      profile: "ldevid",
      number: camera.number,
      generation: 1,
      window: "current",
    });
    expect(verdict.publicKey).toEqual(camera.ldevid?.publicKey);
  });

  test("leaves out what was never issued", () => {
    const { release: _release, ...young } = device;
    const bytes = certificateReply(view, young, freshNonce(), trust, nodeCrypto);
    const others = KINDS.filter((kind) => kind !== "release").map((kind) => newest[kind]);
    expect(decodeFrame(CertificateReply, bytes).documents).toEqual(others);
  });
});

describe("an error", () => {
  const refusals: readonly (readonly [Refusal["code"], ErrorReply["code"]])[] = [
    ["held", "held"],
    ["revoked", "revoked"],
    ["denied", "denied"],
    ["pending-import", "pending-import"],
    ["conflict", "denied"],
    ["not-found", "denied"],
    ["storage-failed", "denied"],
  ];
  test.each(refusals)("a refusal as %s is told as %s, with nonce and time", (code, wire) => {
    const nonce = freshNonce();
    const bytes = refusalReply({ code, text: "why", retryAfterSeconds: 600 }, nonce);
    expect(decodeFrame(ErrorReply, bytes)).toEqual({
      nonce,
      code: wire,
      retryAfterSeconds: 600,
      text: "why",
    });
  });

  test("P11: a long text is cut", () => {
    const { text } = decodeFrame(ErrorReply, refusalReply({ code: "held", text: "x".repeat(1000) }));
    expect(text).toBe("x".repeat(128));
  });

  const codes: Record<ProtocolErrorCode, ErrorReply["code"]> = {
    malformed: "malformed",
    "too-large": "malformed",
    "unknown-type": "malformed",
    "unknown-key": "malformed",
    "out-of-range": "malformed",
    "wrong-key": "denied",
    "bad-signature": "denied",
    "quorum-missing": "denied",
    "bad-certificate": "denied",
  };
  test.each(Object.entries(codes))("bytes refused as %s are told as %s, without a nonce", (code, wire) => {
    const reply = decodeFrame(
      ErrorReply,
      protocolErrorReply(new ProtocolError(code as ProtocolErrorCode, "why")),
    );
    expect(reply).toEqual({ code: wire, text: "why" });
  });
});
