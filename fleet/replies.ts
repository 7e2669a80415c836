/** What a device is told: pure, from the view. The same question over the same view gives the same bytes. */
import type { Trust } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import { CertificateReply } from "../protocol/certify.js";
import type { Crypto } from "../protocol/crypto.js";
import { parseEnvelope, payloadHash } from "../protocol/envelope.js";
import type { ProtocolError } from "../protocol/errors.js";
import { encodeFrame } from "../protocol/frame.js";
import { ERROR_CODES, type ErrorCode, ErrorReply } from "../protocol/notice.js";
import { SyncReply, type SyncRequest } from "../protocol/sync.js";
import type { HeldVector } from "../protocol/vector.js";
import { compareVersions, type Version } from "../protocol/version.js";
import { fromBase64Url } from "./events.js";
import type { Refusal } from "./refusal.js";
import type { DeviceView, FleetView } from "./view.js";

/** Everything newer than the device holds, and its lease unless it is revoked. */
export function syncReply(
  view: FleetView,
  device: DeviceView,
  sync: SyncRequest,
  crypto: Crypto,
): Uint8Array {
  const newer = [
    newerThan(sync.holds.directive, device.directive, crypto),
    newerThan(sync.holds.release, device.release, crypto),
    newerThan(sync.holds.ledger, view.beacon, crypto),
  ];
  const signedLease = device.level === "revoked" ? undefined : device.lease?.signed;
  const lease = signedLease === undefined ? undefined : fromBase64Url(signedLease);
  const documents: Uint8Array[] = [];
  let size = 64 + (lease?.length ?? 0);
  for (const document of newer) {
    // What does not fit comes with the next sync; until then the lease does not count, so nothing is skipped.
    if (!document || size + document.length + 3 > sync.maxReplyBytes) continue;
    documents.push(document);
    size += document.length + 3;
  }
  const reply = { nonce: sync.nonce, documents };
  return encodeFrame(SyncReply, lease ? { ...reply, lease } : reply);
}

interface Issued {
  readonly version: Version;
  readonly signed?: string;
}

/** The document, unless the device holds this version with this content, or a newer one. */
function newerThan(
  held: HeldVector["directive"],
  issued: Issued | undefined,
  crypto: Crypto,
): Uint8Array | undefined {
  if (!issued?.signed) return undefined;
  const bytes = fromBase64Url(issued.signed);
  if (!held) return bytes;
  const order = compareVersions(issued.version, held.version);
  if (order !== 0) return order > 0 ? bytes : undefined;
  return equalBytes(payloadHash(parseEnvelope(bytes), crypto), held.hash) ? undefined : bytes;
}

/** The newest LDevID, and what stands for the device already. */
export function certificateReply(device: DeviceView, nonce: Uint8Array, trust: Trust): Uint8Array {
  const issued = device.certificates.at(-1)?.signed;
  const ca = trust.authority.value.issuers.find(({ purpose }) => purpose === "device");
  if (issued === undefined || !ca) throw new Error("a certificate reply without a certificate in the view");
  const documents = [device.directive?.signed, device.release?.signed].flatMap((signed) =>
    signed === undefined ? [] : [fromBase64Url(signed)],
  );
  return encodeFrame(CertificateReply, { nonce, ldevid: [fromBase64Url(issued), ca.certificate], documents });
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
