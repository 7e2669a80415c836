/** Bytes of each document and exchange on the wire, for a young fleet and for a large one at its bounds. */
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { BirthRecord } from "../../protocol/birth.js";
import { Beacon } from "../../protocol/beacon.js";
import { CertificateReply, EnrollRequest, RenewRequest } from "../../protocol/certify.js";
import type { Algorithm } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { encodeFrame } from "../../protocol/frame.js";
import { SIGNATURE_BYTES } from "../../protocol/keys.js";
import { Lease } from "../../protocol/lease.js";
import { ErrorReply } from "../../protocol/notice.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt, SyncReply, SyncRequest } from "../../protocol/sync.js";
import { Time, TimeRequest } from "../../protocol/time.js";
import type { HeldVector } from "../../protocol/vector.js";
import { NO_VERSION } from "../../protocol/version.js";
import { Voucher } from "../../protocol/voucher.js";
import { filled, NOW } from "../vectors/examples.js";
import { testFleet, testSigner } from "../x509/helpers.js";

/** Targets of the design, in bytes. */
const DOCUMENT_BYTES = 220;
const SYNC_BYTES = 340;

/** How far a fleet has come. */
interface Age {
  readonly number: number;
  readonly seq: number;
  readonly epoch: number;
  readonly reason: string;
  readonly alarms: number;
  readonly firmware?: string;
  /** Has had advisories and one-shot acts of every kind. */
  readonly large?: true;
}
const YOUNG: Age = { number: 25, seq: 2, epoch: 3, reason: "reported stolen", alarms: 1 };
/** Texts as long as they may be. */
const LARGE: Age = {
  number: 1_000_000,
  seq: 1_000,
  epoch: 100_000,
  reason: "r".repeat(64),
  alarms: 16,
  firmware: "f".repeat(32),
  large: true,
};

const acts = (count: number) => ({ rekey: count, reboot: count, attest: count, wipe: count });

export interface Size {
  readonly what: string;
  readonly algorithm: Algorithm;
  readonly young: number;
  readonly large: number;
  /** Share of the large one that is signatures of its own: 0 for a frame that nobody signs. */
  readonly signatureBytes: number;
  readonly target?: number;
}

export function sizes(): readonly Size[] {
  return (["ES256", "Ed25519"] as const).flatMap((algorithm) => {
    const young = wireBytes(algorithm, YOUNG);
    const large = wireBytes(algorithm, LARGE);
    return Object.entries(large).map(([what, { bytes, signatures, target }]) => ({
      what,
      algorithm,
      young: young[what]!.bytes.length,
      large: bytes.length,
      signatureBytes: signatures * SIGNATURE_BYTES,
      ...(target !== undefined && { target }),
    }));
  });
}

interface OnWire {
  readonly bytes: Uint8Array;
  readonly signatures: number;
  readonly target?: number;
}

function wireBytes(algorithm: Algorithm, age: Age): Readonly<Record<string, OnWire>> {
  const fleet = testFleet(algorithm, nobleCrypto);
  const signer = testSigner(algorithm, "any role", nobleCrypto);
  const seal = <T>(message: Message<T>, value: T) =>
    sealEnvelope(message, value, signer, fleet.fleetId, nobleCrypto);
  const { number: subject, seq, epoch } = age;
  const [nonce, hash, sha256] = [filled("nonce", 16), filled("hash", 8), filled("digest", 32)];
  const version = [1, seq] as const;
  const holds: HeldVector = {
    authority: { version: 1, hash },
    ledger: { version: [1, epoch], hash },
    ...(age.large && {
      advisories: { version: [1, seq], hash },
      removals: { version: [1, seq], hash },
      done: acts(seq),
    }),
    directive: { version, hash },
    release: { version, hash },
    level: "none",
  };
  const health = {
    uptimeSeconds: 31_536_000,
    heldBack: 1000,
    ...(age.firmware && { firmware: age.firmware }),
  };
  const token = { n: seq + 1, after: seq, seal: hash };
  const sync = { subject, nonce, holds, maxReplyBytes: 16_384, health, time: 1_795_302_000, token };
  const alarms = Array.from({ length: age.alarms }, (_, i) => ({ id: i + 1, kind: "fork" as const }));
  const required = {
    authority: 1,
    ledger: [1, epoch],
    advisories: age.large ? version : NO_VERSION,
    removals: age.large ? version : NO_VERSION,
    directive: version,
    release: version,
    level: "none",
  } as const;
  const newKey = { subject, nonce, publicKey: signer.publicKey, proof: filled("proof", SIGNATURE_BYTES) };
  const hardwareId = filled("hardware", 16);

  const directive = seal(Directive, {
    subject,
    version,
    level: "isolate",
    reason: age.reason,
    lowestGeneration: 1,
    issuedAt: NOW,
    ...(age.large && { rekey: seq, reboot: seq, attest: seq }),
  });
  const table = [30, 60, 90, 120].map((days) => ({
    afterSeconds: days * 86_400,
    level: "restrict" as const,
  }));
  const more = age.large ? { wipe: seq, freshness: table } : {};
  const release = seal(Release, { subject, version, level: "none", issuedAt: NOW, ...more });
  const lease = seal(Lease, {
    subject,
    nonce,
    time: [1, NOW],
    goodUntil: NOW + 604_800,
    nextSyncSeconds: 86_400,
    required,
    ...(age.large && { done: acts(seq) }),
    token,
  });
  const beacon = seal(Beacon, {
    version: [1, epoch],
    denied: epoch,
    digest: sha256,
    authority: 1,
    advisories: required.advisories,
    removals: required.removals,
    issuedAt: NOW,
  });
  const voucher = seal(Voucher, {
    hardwareId,
    deviceKey: sha256,
    index: 0,
    owner: sha256,
    level: "none",
    issuedAt: NOW,
  });
  const born = { subject, hardwareId, model: "camera mk2", publicKey: signer.publicKey };
  const record = seal(BirthRecord, {
    ...born,
    idevid: sha256,
    index: subject,
    previous: sha256,
    bornAt: NOW,
  });
  const ldevid = [...fleet.chains.ldevid, fleet.deviceCa.certificate];
  const error = {
    nonce,
    code: "pending-import",
    retryAfterSeconds: 600,
    text: "this birth was not imported yet",
  } as const;

  return {
    directive: { bytes: directive, signatures: 1, target: DOCUMENT_BYTES },
    release: { bytes: release, signatures: 1, target: DOCUMENT_BYTES },
    lease: { bytes: lease, signatures: 1, target: DOCUMENT_BYTES },
    beacon: { bytes: beacon, signatures: 1, target: DOCUMENT_BYTES },
    "sync up": { bytes: seal(SyncRequest, sync), signatures: 1, target: SYNC_BYTES },
    "sync down, nothing new": {
      bytes: encodeFrame(SyncReply, { nonce, lease, documents: [] }),
      signatures: 1,
      target: SYNC_BYTES,
    },
    "sync up with alarms": { bytes: seal(SyncRequest, { ...sync, alarms }), signatures: 1 },
    "sync down, all new": {
      bytes: encodeFrame(SyncReply, { nonce, lease, documents: [directive, release, beacon] }),
      signatures: 4,
    },
    receipt: { bytes: seal(Receipt, { subject, counter: seq, holds }), signatures: 1 },
    "enroll request": {
      bytes: seal(EnrollRequest, { ...newKey, idevid: fleet.chains.idevid, voucher, record }),
      signatures: 6,
    },
    "renew or return request": { bytes: seal(RenewRequest, newKey), signatures: 2 },
    "certificate reply": {
      bytes: encodeFrame(CertificateReply, { nonce, ldevid, documents: [directive] }),
      signatures: 3,
    },
    "time request": { bytes: encodeFrame(TimeRequest, { nonce }), signatures: 0 },
    time: { bytes: seal(Time, { nonce, time: [1, NOW] }), signatures: 1 },
    error: { bytes: encodeFrame(ErrorReply, error), signatures: 0 },
  };
}
