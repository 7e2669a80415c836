/**
 * The edge for documents that the fleet's roles sign: brought by people whose keys are elsewhere, or found on
 * a device or a stick when this server has lost them. Who carried them does not matter (P1).
 */
import { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import { Approval } from "../protocol/approval.js";
import { openDocument, type RoleDocument, type Trust } from "../protocol/authority.js";
import { Beacon } from "../protocol/beacon.js";
import { parseEnvelope } from "../protocol/cose.js";
import type { Crypto } from "../protocol/crypto.js";
import { Directive } from "../protocol/directive.js";
import { ProtocolError } from "../protocol/errors.js";
import { Release } from "../protocol/release.js";
import { Transfer } from "../protocol/voucher.js";
import { toBase64Url } from "./events.js";
import type { DocumentRequest } from "./registry-documents.js";

/** Verified with the keys and the threshold that the newest Authority names. @throws ProtocolError */
export function openFleetDocument(bytes: Uint8Array, trust: Trust, crypto: Crypto): DocumentRequest {
  const opened = <T, Name extends string>(document: RoleDocument<T, Name>) => ({
    type: "document" as const,
    name: document.name,
    value: openDocument(document, bytes, trust, crypto).value,
    signed: toBase64Url(bytes),
  });
  const { type } = parseEnvelope(bytes);
  switch (type) {
    case Directive.type:
      return opened(Directive);
    case Release.type:
      return opened(Release);
    case AdvisoryList.type:
      return opened(AdvisoryList);
    case AdvisoryRemoval.type:
      return opened(AdvisoryRemoval);
    case Beacon.type:
      return opened(Beacon);
    case Approval.type:
      return opened(Approval);
    case Transfer.type: // link 0 too, which the factory signs: it is refused for its signature
      return opened(Transfer);
    default:
      throw new ProtocolError("unknown-type", `a fleet does not take messages of type ${type}`);
  }
}
