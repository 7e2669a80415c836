/** What a device asks its fleet, read as the fleet reads it, and what a fleet that has nothing against it answers. */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { AuthorityReply, AuthorityRequest } from "../../protocol/authority-links.js";
import {
  CertificateReply,
  EnrollRequest,
  ReenrollRequest,
  RenewRequest,
  ReturnRequest,
} from "../../protocol/certify.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { openEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, encodeFrame, frameType } from "../../protocol/frame.js";
import { LedgerRequest } from "../../protocol/ledger-part.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt, SyncRequest } from "../../protocol/sync.js";
import { TimeRequest } from "../../protocol/time.js";
import type { Owner } from "./owner.js";

export type Question =
  | { readonly kind: "time"; readonly value: TimeRequest }
  | { readonly kind: "authority"; readonly value: AuthorityRequest }
  | { readonly kind: "ledger"; readonly value: LedgerRequest }
  | { readonly kind: "sync"; readonly value: SyncRequest }
  | { readonly kind: "receipt"; readonly value: Receipt }
  | { readonly kind: "reenroll"; readonly value: ReenrollRequest }
  | { readonly kind: "enroll" | "renew" | "return"; readonly value: RenewRequest };

/** @param by - the keys that may have signed it. @throws ProtocolError */
export function readQuestion(bytes: Uint8Array, by: readonly PublicKey[], { trust }: Owner): Question {
  if (!looksSigned(bytes)) return readFrame(bytes);
  const open = <T>(message: Message<T>) => openEnvelope(message, bytes, by, trust.fleetId, nodeCrypto).value;
  switch (parseEnvelope(bytes).type) {
    case SyncRequest.type:
      return { kind: "sync", value: open(SyncRequest) };
    case Receipt.type:
      return { kind: "receipt", value: open(Receipt) };
    case EnrollRequest.type:
      return { kind: "enroll", value: open(EnrollRequest) };
    case RenewRequest.type:
      return { kind: "renew", value: open(RenewRequest) };
    case ReenrollRequest.type:
      return { kind: "reenroll", value: open(ReenrollRequest) };
    default:
      return { kind: "return", value: open(ReturnRequest) };
  }
}

function readFrame(bytes: Uint8Array): Question {
  switch (frameType(bytes)) {
    case AuthorityRequest.type:
      return { kind: "authority", value: decodeFrame(AuthorityRequest, bytes) };
    case LedgerRequest.type:
      return { kind: "ledger", value: decodeFrame(LedgerRequest, bytes) };
    default:
      return { kind: "time", value: decodeFrame(TimeRequest, bytes) };
  }
}

/** A receipt has no answer, nor a question for a ledger that this fleet does not have. */
export function answerTo({ kind, value }: Question, owner: Owner): Uint8Array | undefined {
  switch (kind) {
    case "time":
      return owner.time(value.nonce);
    case "authority":
      return authorityReply(owner, value);
    case "ledger":
      return owner.ledgerPart(value);
    case "sync":
      return owner.syncReply(value);
    case "receipt":
      return undefined;
    default:
      return certificateReply(value, owner);
  }
}

/** All links from there on. */
export function authorityReply({ links, trust }: Owner, { version }: Pick<AuthorityRequest, "version">) {
  const newest = trust.authority.value.version;
  return encodeFrame(AuthorityReply, { newest, links: links.slice(version - 1) });
}

export function certificateReply(
  { subject, nonce, publicKey }: Pick<RenewRequest, "subject" | "nonce" | "publicKey">,
  owner: Owner,
  documents: readonly Uint8Array[] = [],
): Uint8Array {
  return encodeFrame(CertificateReply, { nonce, ldevid: owner.ldevid(subject, publicKey), documents });
}
