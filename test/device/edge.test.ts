/** The device's one edge: whatever bytes come, it refuses them with a code or takes what proves itself (P1). */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FleetMessage, openFleetMessage } from "../../device/edge.js";
import { contextOf } from "../../device/state.js";
import { AuthorityReply } from "../../protocol/authority-links.js";
import { CertificateReply } from "../../protocol/certify.js";
import { ProtocolError } from "../../protocol/errors.js";
import { encodeFrame } from "../../protocol/frame.js";
import { ErrorReply, RoleNotice } from "../../protocol/notice.js";
import { SyncReply } from "../../protocol/sync.js";
import { Bench } from "./bench.js";
import { Owner, softSigner } from "./owner.js";

const owner = new Owner();
const context = { ...contextOf(new Bench(owner).state, 0), nowSeconds: owner.now };
const nonce = new Uint8Array(16);
const link = owner.link();
const entries = [{ id: 1, match: { op: "everything" }, level: "observe", reason: "" }] as const;
const documents = [
  owner.directive(1, 1, "isolate"),
  owner.release(1, 2, "none"),
  owner.beacon(3),
  owner.advisories(1, entries),
  owner.removal(1, [1]),
];
const holds = { authority: { version: 1, hash: new Uint8Array(8) }, level: "none" } as const;
const sync = { subject: 1, nonce, holds, maxReplyBytes: 16_384 };

const messages: readonly (readonly [FleetMessage["name"], Uint8Array])[] = [
  ["role-notice", encodeFrame(RoleNotice, { role: "device", reason: "ok", authority: 1 })],
  ["error", encodeFrame(ErrorReply, { nonce, code: "retry-later", retryAfterSeconds: 5, text: "busy" })],
  ["time", owner.time(nonce)],
  ...documents.map((bytes) => ["document", bytes] as const),
  ["ledger-part", owner.ledgerPart({ to: [1, 1], offset: 0, maxPartBytes: 64 })],
  ["authority-reply", encodeFrame(AuthorityReply, { newest: 2, links: [link] })],
  ["sync-reply", owner.syncReply(sync, documents)],
  [
    "certificate-reply",
    encodeFrame(CertificateReply, { nonce, documents, ldevid: owner.ldevid(1, softSigner().publicKey) }),
  ],
];

/** What became of bytes. @throws whatever is no ProtocolError: that would stop the device. */
function outcome(bytes: Uint8Array): string {
  try {
    return openFleetMessage(bytes, context).name;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.code;
  }
}

test.each(messages)("%s is read", (name, bytes) => {
  expect(outcome(bytes)).toBe(name);
});

describe("no bytes stop the device", () => {
  test.each(messages)("%s, cut short anywhere, is refused", (_, bytes) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => openFleetMessage(bytes.subarray(0, length), context)).toThrow(ProtocolError);
    }
  });

  test.each(messages)(
    "%s, with any byte changed, is read or refused; what is signed is refused",
    (name, bytes) => {
      const outcomes = Array.from(bytes, (byte, at) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = byte ^ (1 << (at % 8));
        return outcome(changed);
      });
      const signed = name === "document" || name === "time";
      expect(outcomes.filter((result) => signed && result === name)).toEqual([]);
    },
  );

  test("noise of any kind is refused", () => {
    const noises = fc.sample(fc.uint8Array({ maxLength: 300 }), { seed: 7, numRuns: 1000 });
    const names = messages.map(([name]) => name as string);
    expect(noises.map(outcome).filter((result) => names.includes(result))).toEqual([]);
  });
});

describe("a reply", () => {
  const opened = (bytes: Uint8Array) => {
    const message = openFleetMessage(bytes, context);
    if (message.name !== "sync-reply") throw new Error("it is one");
    return message;
  };

  test("keeps its good documents when others do not prove themselves", () => {
    const [directive = new Uint8Array()] = documents;
    const bad = [new Owner().directive(1, 9, "none"), Uint8Array.of(0xff), owner.time(nonce)];
    const { documents: kept, lease, refusals } = opened(owner.syncReply(sync, [...bad, directive]));
    expect(kept.map(({ name }) => name)).toEqual(["directive"]);
    expect(lease).toBeDefined();
    expect(refusals.map(({ code }) => code)).toEqual(["wrong-key", "malformed", "unknown-type"]);
  });

  test("loses a lease that somebody else signed, or that is another document", () => {
    const foreign = opened(owner.syncReply(sync, [], new Owner().lease(sync)));
    expect(foreign).toMatchObject({ refusals: [{ code: "wrong-key" }] });
    expect(foreign.lease).toBeUndefined();
    expect(opened(owner.syncReply(sync, [], documents[0])).lease).toBeUndefined();
    expect(opened(encodeFrame(SyncReply, { nonce, documents: [] })).lease).toBeUndefined();
  });

  test("with a certificate of another fleet is refused whole", () => {
    const ldevid = new Owner().ldevid(1, softSigner().publicKey);
    expect(outcome(encodeFrame(CertificateReply, { nonce, ldevid, documents }))).toBe("bad-certificate");
  });
});
