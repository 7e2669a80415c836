/**
 * Good values of every message, from the least that can stand in it to the `full` one. Names, keys and
 * times are made up and the same in every run.
 */
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Algorithm } from "../../protocol/crypto.js";
import type { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { parsePredicate } from "../../protocol/predicate-text.js";
import type { TypeOf } from "../../protocol/schema.js";
import { testSigner } from "../x509/helpers.js";

type AnyMessage = (typeof SIGNED_MESSAGES)[number] | (typeof PLAIN_MESSAGES)[number];
/** What a message is called, and what it holds. */
type Examples = {
  readonly [Name in AnyMessage["name"]]: Readonly<
    Record<string, TypeOf<Extract<AnyMessage, { readonly name: Name }>>>
  >;
};

/** Thursday, 28 May 2026, 20:26:40 UTC. */
export const NOW = 1_780_000_000;
const DAY = 86_400;

/** Bytes that look like what they stand for and differ from each other. */
export function filled(label: string, size: number): Uint8Array {
  const out = new Uint8Array(size);
  for (let at = 0; at < size; at += 32) {
    out.set(nobleCrypto.sha256(utf8(`${label} ${at}`)).subarray(0, size - at), at);
  }
  return out;
}

const key = (algorithm: Algorithm, label: string) => testSigner(algorithm, label, nobleCrypto).publicKey;
const nonce = filled("nonce", 16);
const hardwareId = utf8("TW-000123");
const model = "camera mk2";
const der = (label: string) => filled(label, 24);
const sealed = (label: string) => filled(label, 40);
const hash = (label: string) => filled(label, 8);

const holds = {
  authority: { version: 1, hash: hash("authority") },
  ledger: { version: [1, 41], hash: hash("ledger") },
  directive: { version: [1, 7], hash: hash("directive") },
  release: { version: [1, 6], hash: hash("release") },
  level: "observe",
} as const;
const holdsAll = {
  ...holds,
  advisories: { version: [1, 3], hash: hash("advisories") },
  removals: { version: [1, 2], hash: hash("removals") },
  done: { rekey: 2, reboot: 1, attest: 4, wipe: 1 },
} as const;
const holdsNothing = { authority: { version: 1, hash: hash("authority") }, level: "none" } as const;
const request = {
  subject: 4711,
  nonce,
  publicKey: key("ES256", "ldevid"),
  proof: filled("proof", 64),
};

export const examples: Examples = {
  authority: {
    least: {
      version: 1,
      name: "",
      roles: [{ role: "root", threshold: 1, keys: [key("Ed25519", "root")] }],
      terms: { directive: 1, advisory: 1, ledger: 1, time: 1, timeBase: 0 },
      anchors: [der("root")],
      issuers: [{ purpose: "device", certificate: der("device CA") }],
      freshness: [],
    },
    full: {
      version: 2,
      name: "Tidewater",
      roles: [
        { role: "root", threshold: 2, keys: [key("ES256", "root 1"), key("Ed25519", "root 2")] },
        { role: "hold", threshold: 1, keys: [key("ES256", "hold")] },
        { role: "transfer", threshold: 1, keys: [key("ES256", "transfer")] },
      ],
      terms: { directive: 1, advisory: 1, ledger: 2, time: 1, timeBase: NOW },
      anchors: [der("root")],
      issuers: [
        { purpose: "factory", certificate: der("factory CA") },
        { purpose: "device", certificate: der("device CA") },
        { purpose: "service", certificate: der("service CA") },
      ],
      freshness: [
        { afterSeconds: 30 * DAY, level: "restrict" },
        { afterSeconds: 90 * DAY, level: "isolate" },
      ],
      models: [{ model, freshness: [{ afterSeconds: DAY, level: "isolate" }] }],
      previous: filled("authority 1", 32),
    },
  },
  beacon: {
    usual: {
      version: [1, 41],
      denied: 3,
      digest: filled("ledger", 32),
      authority: 1,
      advisories: [1, 3],
      removals: [0, 0],
      issuedAt: NOW,
    },
    most: {
      version: [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      denied: 0xffff_ffff,
      digest: filled("ledger", 32),
      authority: Number.MAX_SAFE_INTEGER,
      advisories: [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      removals: [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      issuedAt: Number.MAX_SAFE_INTEGER,
    },
  },
  directive: {
    first: {
      subject: 1,
      version: [1, 1],
      level: "none",
      reason: "",
      lowestGeneration: 0,
      issuedAt: 0,
    },
    usual: {
      subject: 4711,
      version: [1, 7],
      level: "isolate",
      reason: "reported stolen – dépôt 3",
      lowestGeneration: 1,
      issuedAt: NOW,
    },
    "one-shot acts": {
      subject: 4711,
      version: [1, 9],
      level: "none",
      reason: "new keys after the update",
      lowestGeneration: 1,
      issuedAt: NOW,
      rekey: 3,
      reboot: 1,
      attest: 2,
    },
    "after 2038": {
      subject: 0xffff_ffff,
      version: [1, 0x8000_0000],
      level: "restrict",
      reason: "x".repeat(64),
      lowestGeneration: 0x8000_0000,
      issuedAt: 0x8000_0000,
    },
  },
  release: {
    usual: { subject: 4711, version: [1, 8], level: "none", issuedAt: NOW },
    full: {
      subject: 4711,
      version: [1, 9],
      level: "observe",
      clearedAlarms: [1, 2],
      wipe: 1,
      issuedAt: NOW,
      freshness: [{ afterSeconds: 180 * DAY, level: "restrict" }],
    },
    final: { subject: 4711, version: [1, 10], level: "revoked", issuedAt: NOW },
  },
  lease: {
    first: {
      subject: 4711,
      nonce,
      time: [1, NOW],
      goodUntil: NOW + 7 * DAY,
      nextSyncSeconds: DAY,
      required: {
        authority: 1,
        ledger: [0, 0],
        advisories: [0, 0],
        removals: [0, 0],
        directive: [1, 1],
        release: [0, 0],
        level: "none",
      },
    },
    usual: {
      subject: 4711,
      nonce,
      time: [1, NOW],
      goodUntil: NOW + 7 * DAY,
      nextSyncSeconds: DAY,
      required: {
        authority: 1,
        ledger: [1, 41],
        advisories: [1, 3],
        removals: [1, 2],
        directive: [1, 7],
        release: [1, 8],
        level: "none",
      },
      done: { rekey: 3, wipe: 1 },
      token: { n: 42, after: 41, seal: hash("token 42") },
    },
  },
  "advisory-list": {
    empty: { version: [1, 1], entries: [], issuedAt: NOW },
    usual: {
      version: [1, 3],
      entries: [
        { id: 1, match: parsePredicate("everything"), level: "observe", reason: "" },
        {
          id: 4,
          match: parsePredicate('model in {"camera mk2", "camera mk3"} and not firmware = "2.4.1"'),
          level: "isolate",
          reason: "CVE in the boot loader",
        },
      ],
      issuedAt: NOW,
    },
  },
  "advisory-removal": { usual: { version: [1, 2], ids: [2, 3], issuedAt: NOW } },
  approval: { usual: { act: filled("act", 8), digest: filled("act", 32), expiresAt: NOW + DAY } },
  voucher: {
    usual: {
      hardwareId,
      deviceKey: filled("device key", 32),
      index: 0,
      owner: filled("authority 1", 32),
      level: "none",
      issuedAt: NOW,
    },
    full: {
      hardwareId,
      deviceKey: filled("device key", 32),
      index: 1,
      previous: filled("link 0", 32),
      owner: filled("authority of the next owner", 32),
      level: "restrict",
      issuedAt: NOW,
    },
  },
  "signed-time": { usual: { nonce, time: [1, NOW] } },
  "birth-record": {
    first: {
      subject: 4711,
      hardwareId,
      model,
      publicKey: key("ES256", "idevid"),
      idevid: filled("idevid", 32),
      index: 0,
      bornAt: NOW,
    },
    full: {
      subject: 4712,
      hardwareId,
      model,
      publicKey: key("Ed25519", "idevid"),
      idevid: filled("idevid", 32),
      index: 1,
      previous: filled("record 0", 32),
      bornAt: NOW,
    },
  },
  "enroll-request": {
    usual: {
      ...request,
      idevid: [der("idevid"), der("station")],
      voucher: sealed("voucher"),
      record: sealed("birth record"),
    },
  },
  "renew-request": { usual: request },
  "return-request": { usual: { ...request, publicKey: key("Ed25519", "ldevid") } },
  "reenroll-request": {
    usual: {
      subject: 4711,
      nonce,
      publicKey: key("ES256", "base 2"),
      ticket: filled("ticket proof", 64),
    },
  },
  "sync-request": {
    first: { subject: 4711, nonce, holds: holdsNothing, maxReplyBytes: 512 },
    usual: {
      subject: 4711,
      nonce,
      holds,
      maxReplyBytes: 16_384,
      health: { uptimeSeconds: 86_400, heldBack: 0 },
    },
    full: {
      subject: 4711,
      nonce,
      holds: holdsAll,
      maxReplyBytes: 65_536,
      alarms: [
        { id: 1, kind: "rollback" },
        { id: 2, kind: "fork" },
        { id: 48, kind: "lost" },
      ],
      health: { uptimeSeconds: 60, heldBack: 12, firmware: "2.4.1" },
      time: 1_795_302_000,
      maxPartBytes: 1_024,
      token: { n: 41, after: 40, seal: hash("token 41") },
      probe: filled("probe", 16),
    },
  },
  receipt: {
    full: { subject: 4711, counter: 3, holds: holdsAll },
    first: { subject: 4711, counter: 1, holds: holdsNothing },
  },
  "birth-request": {
    usual: { nonce, hardwareId, model, publicKey: key("ES256", "idevid") },
    Ed25519: { nonce, hardwareId, model: "", publicKey: key("Ed25519", "idevid") },
  },
  "birth-stored": { usual: { subject: 4711, hardwareId, record: filled("record", 32) } },
  "certificate-reply": {
    usual: {
      nonce,
      ldevid: [der("ldevid"), der("device CA")],
      documents: [sealed("directive"), sealed("release")],
    },
    bare: { nonce, ldevid: [der("ldevid")], documents: [] },
  },
  "sync-reply": {
    "nothing new": { nonce, lease: sealed("lease"), documents: [] },
    "no lease": { nonce, documents: [sealed("directive")], probe: filled("probe", 16) },
    full: {
      nonce,
      lease: sealed("lease"),
      documents: [sealed("directive"), sealed("release")],
      ledger: { from: [1, 40], to: [1, 41], size: 24, offset: 0, bytes: filled("change", 24) },
    },
  },
  error: {
    least: { code: "malformed" },
    usual: { nonce, code: "pending-import", retryAfterSeconds: 600, text: "this birth was not imported yet" },
  },
  "role-notice": {
    least: { role: "lobby", reason: "ok", authority: 1 },
    usual: { role: "held", reason: "quarantined", authority: 13 },
  },
  "time-request": { usual: { nonce } },
  "authority-request": { usual: { version: 1, maxReplyBytes: 16_384 } },
  "authority-reply": {
    "nothing new": { newest: 1, links: [] },
    usual: { newest: 3, links: [sealed("authority 2"), sealed("authority 3")] },
  },
  "ledger-part": {
    whole: { to: [1, 41], size: 24, offset: 0, bytes: filled("ledger", 24) },
    full: { from: [1, 40], to: [1, 41], size: 2_000, offset: 1_024, bytes: filled("change", 64) },
  },
  "ledger-request": {
    whole: { to: [1, 41], offset: 0, maxPartBytes: 16_384 },
    full: { from: [1, 40], to: [1, 41], offset: 1_024, maxPartBytes: 1_024 },
  },
  "birth-hello": { usual: { hardwareId, model, algorithm: "ES256" } },
  "birth-challenge": { usual: { nonce, fleetId: filled("fleet", 16) } },
  "birth-grant": {
    usual: {
      idevid: [der("idevid"), der("station")],
      authority: sealed("authority"),
      voucher: sealed("voucher"),
      record: sealed("birth record"),
    },
    full: {
      idevid: [der("idevid"), der("station")],
      authority: sealed("authority"),
      voucher: sealed("voucher"),
      record: sealed("birth record"),
      links: [sealed("authority 2")],
    },
  },
  "peer-hello": {
    least: { number: 4711, holds: holdsNothing },
    full: { number: 4712, holds: holdsAll, maxBytes: 16_384 },
  },
  "peer-end": { usual: { part: "documents", items: 3 }, receipts: { part: "receipts", items: 1 } },
};
