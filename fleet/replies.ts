/**
 * What a device is told: pure, from the view. The same question over the same view gives the same bytes. What
 * does not fit comes next time; until then the lease does not count, so nothing is skipped.
 */
import type { Trust } from "../protocol/authority.js";
import { AuthorityReply, type AuthorityRequest } from "../protocol/authority-links.js";
import { CertificateReply } from "../protocol/certify.js";
import type { Crypto } from "../protocol/crypto.js";
import type { ProtocolError } from "../protocol/errors.js";
import { encodeFrame } from "../protocol/frame.js";
import { LedgerPart } from "../protocol/ledger-part.js";
import { ERROR_CODES, type ErrorCode, ErrorReply } from "../protocol/notice.js";
import { MAX_CBOR_BYTES } from "../protocol/strict.js";
import { SyncReply, type SyncRequest } from "../protocol/sync.js";
import { fromBase64Url } from "./events.js";
import { issuerOf } from "./issuers.js";
import { confirmedBy, lackingDocuments, lackingLinks } from "./lacking.js";
import { type LedgerPath, pathFrom } from "./ledger-history.js";
import { partOf } from "./ledger-parts.js";
import type { Refusal } from "./refusal.js";
import { asSigned, type Renew } from "./renewed-signatures.js";
import type { DeviceView, FleetView } from "./view.js";

/** In one reply: `documents`. */
const MAX_DOCUMENTS = 16;

/**
 * Everything newer than the device holds, and its lease unless it is revoked, suspected or another owner's.
 * @param probe - in the place of the lease: its sync got none.
 */
export function syncReply(
  view: FleetView,
  device: DeviceView,
  sync: SyncRequest,
  trust: Trust,
  crypto: Crypto,
  renew: Renew = asSigned,
  probe?: Uint8Array,
): Uint8Array {
  const { nonce, holds, maxReplyBytes } = sync;
  const granted = leaseOrProbe(device, probe);
  const nothingNew = encodeFrame(SyncReply, { nonce, ...granted, documents: [] });
  const room = maxReplyBytes - nothingNew.length;
  const links = inOrder(lackingLinks(view, holds.authority.version), room); // they prove the keys of the rest
  const others = lackingDocuments(view, device, holds, trust.authority.value.terms, crypto, renew);
  const { fitting, left } = fit([...links, ...others], room);
  const path = pathFrom(view.ledger, holds.ledger, crypto);
  const ledger = path && firstPart(path, left, sync.maxPartBytes ?? MAX_CBOR_BYTES);
  if (fitting.length === 0 && !ledger) return nothingNew;
  return encodeFrame(SyncReply, { nonce, ...granted, documents: fitting, ...(ledger && { ledger }) });
}

function leaseOrProbe(device: DeviceView, probe?: Uint8Array): Pick<SyncReply, "lease" | "probe"> {
  const { level, transferred, suspectedAt, lease } = device;
  if (level === "revoked" || transferred || suspectedAt !== undefined) return {};
  if (probe) return { probe };
  return lease?.signed === undefined ? {} : { lease: fromBase64Url(lease.signed) };
}

/** The newest LDevID, and what stands for the device already. */
export function certificateReply(
  view: FleetView,
  device: DeviceView,
  nonce: Uint8Array,
  trust: Trust,
  crypto: Crypto,
  renew: Renew = asSigned,
): Uint8Array {
  const { value: authority } = trust.authority;
  const signed = device.certificates.at(-1)?.signed;
  const leaf = signed === undefined ? undefined : fromBase64Url(signed);
  const ca = leaf && issuerOf(leaf, authority);
  if (!leaf || !ca) throw new Error("a certificate reply without a certificate that counts in the view");
  const ldevid = [leaf, ca];
  const holds = confirmedBy(device.held);
  const held = { authority: holds.authority };
  const others = lackingDocuments(view, device, held, authority.terms, crypto, renew);
  const links = lackingLinks(view, holds.authority.version).slice(0, MAX_DOCUMENTS - others.length);
  const room = MAX_CBOR_BYTES - encodeFrame(CertificateReply, { nonce, ldevid, documents: [] }).length;
  return encodeFrame(CertificateReply, {
    nonce,
    ldevid,
    documents: fit([...links, ...others], room).fitting,
  });
}

/** The next links, as many as fit. */
export function authorityReply(
  view: FleetView,
  { version, maxReplyBytes }: AuthorityRequest,
  trust: Trust,
): Uint8Array {
  const newest = trust.authority.value.version;
  const room = maxReplyBytes - encodeFrame(AuthorityReply, { newest, links: [] }).length;
  return encodeFrame(AuthorityReply, { newest, links: inOrder(lackingLinks(view, version), room) });
}

/** Those that fit, in order; one that does not is left out, and smaller ones behind it may still fit. */
function fit(documents: readonly Uint8Array[], room: number) {
  const fitting: Uint8Array[] = [];
  let left = room;
  for (const document of documents) {
    const size = withHead(document.length);
    if (size > left || fitting.length === MAX_DOCUMENTS) continue;
    fitting.push(document);
    left -= size;
  }
  return { fitting, left };
}

/** Links count one behind the other only: the first that does not fit ends it. */
function inOrder(links: readonly Uint8Array[], room: number): readonly Uint8Array[] {
  const { fitting } = fit(links, room);
  return fitting.filter((link, i) => link === links[i]);
}

/** As much of the beginning as there is room for; undefined when there is none. */
function firstPart(path: LedgerPath, room: number, maxBytes: number): LedgerPart | undefined {
  const LEDGER_KEY_BYTES = 1;
  const around = LedgerPart.encode(partOf(path, 0, 1)).length - withHead(1) + LEDGER_KEY_BYTES;
  const most = room - around;
  const bytes = [most - 1, most - 2, most - 3].find((size) => size > 0 && withHead(size) <= most) ?? 0;
  return bytes > 0 ? partOf(path, 0, Math.min(bytes, maxBytes)) : undefined;
}

/** Bytes of a byte string of this length in CBOR (RFC 8949 §3), up to 65,535. */
function withHead(length: number): number {
  return length + (length < 24 ? 1 : length < 256 ? 2 : 3);
}

export function refusalReply({ code, text, retryAfterSeconds }: Refusal, nonce?: Uint8Array): Uint8Array {
  const wire: ErrorCode = code in ERROR_CODES ? (code as ErrorCode) : "denied";
  return encodeFrame(ErrorReply, {
    ...(nonce && { nonce }),
    code: wire,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    text: text.slice(0, 128),
  });
}

/** What a device is told about bytes that were refused at the edge. */
export function protocolErrorReply(error: ProtocolError): Uint8Array {
  const proof = ["wrong-key", "bad-signature", "bad-certificate", "quorum-missing"].includes(error.code);
  return refusalReply({ code: proof ? "denied" : "malformed", text: error.message });
}
