/**
 * The device's one edge: bytes from anywhere in, a verified message out. What proves nothing is refused
 * here, once; a reply's bad documents are left out and its good ones count, since each proves itself (P1).
 */
import { openDocument, keysOf, type Trust } from "../protocol/authority.js";
import { Beacon } from "../protocol/beacon.js";
import { CertificateReply } from "../protocol/certify.js";
import { decodeCbor } from "../protocol/codec.js";
import { Directive } from "../protocol/directive.js";
import type { Crypto } from "../protocol/crypto.js";
import { looksSigned, type Opened, parseEnvelope, verifyParts } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { decodeFrame, frameType } from "../protocol/frame.js";
import { Lease } from "../protocol/lease.js";
import { ErrorReply, RoleNotice } from "../protocol/notice.js";
import { Release } from "../protocol/release.js";
import { SyncReply } from "../protocol/sync.js";
import { Time } from "../protocol/time.js";
import { version, type Version } from "../protocol/version.js";
import { type CertificateVerdict, verifyChain } from "../protocol/x509/verify.js";

/** A document that says something about standing. */
export type StandingDocument =
  | { readonly name: "directive"; readonly opened: Opened<Directive> }
  | { readonly name: "release"; readonly opened: Opened<Release> }
  | { readonly name: "beacon"; readonly opened: Opened<Beacon> }
  /** Signed by `hold`, for this subject, but of a form that this firmware cannot read. */
  | { readonly name: "unreadable-directive"; readonly subject: number; readonly version: Version };

export type FleetMessage =
  | { readonly name: "role-notice"; readonly value: RoleNotice }
  | { readonly name: "error"; readonly value: ErrorReply }
  | { readonly name: "document"; readonly document: StandingDocument }
  | { readonly name: "time"; readonly opened: Opened<Time> }
  | {
      readonly name: "sync-reply";
      readonly nonce: Uint8Array;
      readonly lease?: Opened<Lease>;
      readonly documents: readonly StandingDocument[];
    }
  | {
      readonly name: "certificate-reply";
      readonly nonce: Uint8Array;
      readonly chain: readonly Uint8Array[];
      readonly verdict: CertificateVerdict;
      readonly documents: readonly StandingDocument[];
    };

/** `nowSeconds`: the device's estimate of fleet time. */
export interface EdgeContext {
  readonly trust: Trust;
  readonly crypto: Crypto;
  readonly nowSeconds: number;
}

/** @throws ProtocolError: nothing of what came is used. */
export function openFleetMessage(bytes: Uint8Array, context: EdgeContext): FleetMessage {
  if (looksSigned(bytes)) {
    if (parseEnvelope(bytes).type !== Time.type)
      return { name: "document", document: openStanding(bytes, context) };
    return { name: "time", opened: openDocument(Time, bytes, context.trust, context.crypto) };
  }
  switch (frameType(bytes)) {
    case RoleNotice.type:
      return { name: "role-notice", value: decodeFrame(RoleNotice, bytes) };
    case ErrorReply.type:
      return { name: "error", value: decodeFrame(ErrorReply, bytes) };
    case SyncReply.type: {
      const { nonce, lease, documents } = decodeFrame(SyncReply, bytes);
      const opened = lease && attempt(() => openDocument(Lease, lease, context.trust, context.crypto));
      return {
        name: "sync-reply",
        nonce,
        documents: openAll(documents, context),
        ...(opened && { lease: opened }),
      };
    }
    case CertificateReply.type: {
      const { nonce, ldevid, documents } = decodeFrame(CertificateReply, bytes);
      const verdict = verifyChain(ldevid, context.trust.certificates, context.nowSeconds, context.crypto);
      return {
        name: "certificate-reply",
        nonce,
        chain: ldevid,
        verdict,
        documents: openAll(documents, context),
      };
    }
    default:
      throw new ProtocolError("unknown-type", "a frame that a device does not expect");
  }
}

function openAll(documents: readonly Uint8Array[], context: EdgeContext): readonly StandingDocument[] {
  return documents.flatMap((bytes) => attempt(() => openStanding(bytes, context)) ?? []);
}

/** @throws ProtocolError */
export function openStanding(bytes: Uint8Array, context: EdgeContext): StandingDocument {
  const { trust, crypto } = context;
  switch (parseEnvelope(bytes).type) {
    case Directive.type:
      return openDirective(bytes, context);
    case Release.type:
      return { name: "release", opened: openDocument(Release, bytes, trust, crypto) };
    case Beacon.type:
      return { name: "beacon", opened: openDocument(Beacon, bytes, trust, crypto) };
    default:
      throw new ProtocolError("unknown-type", "a document that a device does not expect");
  }
}

/**
 * A directive of a later protocol version still holds: its core, subject and version, is frozen, so a
 * device that cannot read the rest knows that it is meant, and counts it as `restrict`.
 */
function openDirective(bytes: Uint8Array, { trust, crypto }: EdgeContext): StandingDocument {
  try {
    return { name: "directive", opened: openDocument(Directive, bytes, trust, crypto) };
  } catch (error) {
    const unreadable =
      error instanceof ProtocolError && ["unknown-key", "out-of-range", "malformed"].includes(error.code);
    if (!unreadable) throw error;
    const parts = parseEnvelope(bytes);
    verifyParts(parts, keysOf(Directive.signedBy, trust), trust.fleetId, crypto, Directive.name);
    const core = decodeCbor(parts.payload);
    const [subject, held] = core instanceof Map ? [core.get(1), core.get(2)] : [];
    if (typeof subject !== "number" || held === undefined) throw error;
    return { name: "unreadable-directive", subject, version: version.fromCbor(held, "directive.version") };
  }
}

function attempt<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
