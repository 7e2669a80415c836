/**
 * The device's one edge: bytes from anywhere in, a verified message out. What proves nothing is refused
 * here, once; of a reply the good documents count and the bad ones are named, since each proves itself (P1).
 */
import { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import { holdersOf, openDocument, type RoleDocument } from "../protocol/authority.js";
import { AuthorityReply } from "../protocol/authority-links.js";
import { Beacon } from "../protocol/beacon.js";
import { BirthGrant } from "../protocol/birth.js";
import { CertificateReply } from "../protocol/certify.js";
import { decodeCbor } from "../protocol/codec.js";
import { looksSigned, parseEnvelope } from "../protocol/cose.js";
import { Directive } from "../protocol/directive.js";
import { type Opened, verifyParts } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { decodeFrame, frameType } from "../protocol/frame.js";
import { Lease } from "../protocol/lease.js";
import { LedgerPart } from "../protocol/ledger-part.js";
import { ErrorReply, RoleNotice } from "../protocol/notice.js";
import { Release } from "../protocol/release.js";
import { SyncReply } from "../protocol/sync.js";
import { Time } from "../protocol/time.js";
import { version, type Version } from "../protocol/version.js";
import { type CertificateVerdict, verifyChain } from "../protocol/x509/verify.js";
import { type ChainEnd, type Links, looksLikeLink, walkLinks } from "./authorities.js";
import { type NextOwner, openGrant, type Owned } from "./grant.js";

/** A document that says something about standing. */
export type StandingDocument =
  | { readonly name: "directive"; readonly opened: Opened<Directive> }
  | { readonly name: "release"; readonly opened: Opened<Release> }
  | { readonly name: "advisory-list"; readonly opened: Opened<AdvisoryList> }
  | { readonly name: "advisory-removal"; readonly opened: Opened<AdvisoryRemoval> }
  | { readonly name: "beacon"; readonly opened: Opened<Beacon> }
  /** Signed by `hold`, for this subject, but of a form that this firmware cannot read. */
  | { readonly name: "unreadable-directive"; readonly subject: number; readonly version: Version };

/** What several documents came to: links first, all others by the keys that those name. */
interface Brought {
  readonly links: Links;
  readonly documents: readonly StandingDocument[];
  readonly refusals: readonly ProtocolError[];
}

export type FleetMessage =
  | { readonly name: "role-notice"; readonly value: RoleNotice }
  | { readonly name: "error"; readonly value: ErrorReply }
  | { readonly name: "document"; readonly document: StandingDocument }
  | { readonly name: "ledger-part"; readonly part: LedgerPart }
  | { readonly name: "time"; readonly opened: Opened<Time> }
  | { readonly name: "next-owner"; readonly next: NextOwner }
  | ({ readonly name: "links" } & Brought)
  | ({ readonly name: "authority-reply"; readonly newest: number } & Brought)
  | ({
      readonly name: "sync-reply";
      readonly nonce: Uint8Array;
      readonly lease?: Opened<Lease>;
      readonly ledger?: LedgerPart;
      /** 16 bytes. */
      readonly probe?: Uint8Array;
    } & Brought)
  | ({
      readonly name: "certificate-reply";
      readonly nonce: Uint8Array;
      readonly chain: readonly Uint8Array[];
      readonly verdict: CertificateVerdict;
    } & Brought);

/** `nowSeconds`: the device's estimate of fleet time. */
export interface EdgeContext extends ChainEnd {
  readonly nowSeconds: number;
  readonly owned: Owned;
}

/** @throws ProtocolError: nothing of what came is used. */
export function openFleetMessage(bytes: Uint8Array, context: EdgeContext): FleetMessage {
  const { trust, crypto } = context;
  if (looksSigned(bytes)) {
    switch (parseEnvelope(bytes).type) {
      case Time.type:
        return { name: "time", opened: openDocument(Time, bytes, trust, crypto) };
      default:
        if (!looksLikeLink(bytes)) return { name: "document", document: openStanding(bytes, context) };
        return { name: "links", ...openAll([bytes], context).brought };
    }
  }
  switch (frameType(bytes)) {
    case RoleNotice.type:
      return { name: "role-notice", value: decodeFrame(RoleNotice, bytes) };
    case ErrorReply.type:
      return { name: "error", value: decodeFrame(ErrorReply, bytes) };
    case LedgerPart.type:
      return { name: "ledger-part", part: decodeFrame(LedgerPart, bytes) };
    case BirthGrant.type:
      return { name: "next-owner", next: openGrant(bytes, context.owned, trust, crypto) };
    case AuthorityReply.type: {
      const { newest, links } = decodeFrame(AuthorityReply, bytes);
      return { name: "authority-reply", newest, ...openAll(links, context).brought };
    }
    case SyncReply.type: {
      const { nonce, lease, documents, ledger, probe } = decodeFrame(SyncReply, bytes);
      const { brought, under } = openAll(documents, context);
      const [opened, refused] = lease ? attempt(() => openDocument(Lease, lease, under.trust, crypto)) : [];
      const refusals = [...brought.refusals, ...(refused ? [refused] : [])];
      const rest = { ...(opened && { lease: opened }), ...(ledger && { ledger }), ...(probe && { probe }) };
      return { name: "sync-reply", nonce, ...brought, refusals, ...rest };
    }
    case CertificateReply.type: {
      const { nonce, ldevid, documents } = decodeFrame(CertificateReply, bytes);
      const { brought, under } = openAll(documents, context);
      const verdict = verifyChain(ldevid, under.trust.certificates, context.nowSeconds, crypto);
      return { name: "certificate-reply", nonce, chain: ldevid, verdict, ...brought };
    }
    default:
      throw new ProtocolError("unknown-type", "a frame that a device does not expect");
  }
}

/**
 * The same for bytes that came by hand or from a peer. Notices and errors are a gateway's to give: nobody
 * signs them, and over a connection that was checked they steer at most that connection.
 * @throws ProtocolError
 */
export function openCarried(bytes: Uint8Array, context: EdgeContext): FleetMessage {
  const message = openFleetMessage(bytes, context);
  if (message.name === "role-notice" || message.name === "error")
    throw new ProtocolError("unknown-type", `a ${message.name} counts from a gateway only`);
  return message;
}

/** `under`: what the links among them lead to, which all others are opened with. */
function openAll(
  items: readonly Uint8Array[],
  context: EdgeContext,
): { readonly brought: Brought; readonly under: EdgeContext } {
  const walked = walkLinks(items.filter(looksLikeLink), context);
  const { links } = walked;
  const under = { ...context, trust: links.trust };
  const opened = items
    .filter((bytes) => !looksLikeLink(bytes))
    .map((bytes) => attempt(() => openStanding(bytes, under)));
  const refusals = [...walked.refusals, ...opened.flatMap(([, refused]) => refused ?? [])];
  return { brought: { links, documents: opened.flatMap(([document]) => document ?? []), refusals }, under };
}

/** @throws ProtocolError */
export function openStanding(bytes: Uint8Array, context: EdgeContext): StandingDocument {
  const open = <T>(document: RoleDocument<T, string>) =>
    openDocument(document, bytes, context.trust, context.crypto);
  switch (parseEnvelope(bytes).type) {
    case Directive.type:
      return openDirective(bytes, context);
    case Release.type:
      return { name: "release", opened: open(Release) };
    case AdvisoryList.type:
      return { name: "advisory-list", opened: open(AdvisoryList) };
    case AdvisoryRemoval.type:
      return { name: "advisory-removal", opened: open(AdvisoryRemoval) };
    case Beacon.type:
      return { name: "beacon", opened: open(Beacon) };
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
    verifyParts(parts, holdersOf(Directive.signedBy, trust), trust.fleetId, crypto, Directive.name);
    const core = decodeCbor(parts.payload);
    const [subject, held] = core instanceof Map ? [core.get(1), core.get(2)] : [];
    if (typeof subject !== "number" || held === undefined) throw error;
    return { name: "unreadable-directive", subject, version: version.fromCbor(held, "directive.version") };
  }
}

/** What was opened, or why not. */
function attempt<T>(open: () => T): readonly [T] | readonly [undefined, ProtocolError] {
  try {
    return [open()];
  } catch (error) {
    if (error instanceof ProtocolError) return [undefined, error];
    throw error;
  }
}
