/** The ways in which a device asks for an LDevID, with all that they take at hand, and what it hears. */
import { toBase64Url } from "../../fleet/events.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import {
  CertificateReply,
  ReenrollRequest,
  RenewRequest,
  ReturnRequest,
  ticketProof,
} from "../../protocol/certify.js";
import type { PublicKey, Signer } from "../../protocol/crypto.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, frameType } from "../../protocol/frame.js";
import { type ErrorCode, ErrorReply } from "../../protocol/notice.js";
import { freshKey, freshNonce, must, type SmallDevice, type SmallFleet } from "./fixtures.js";

export const WAYS = ["enroll", "renew", "return", "reenroll"] as const;
type Way = (typeof WAYS)[number];

/** One person asks for it, another approves. @returns the key whose seed is the ticket. */
export async function ticketFor(fleet: SmallFleet, number: number): Promise<Signer> {
  const key = freshKey("Ed25519");
  const act = { kind: "ticket", numbers: [number], key: toBase64Url(key.publicKey.bytes) } as const;
  const refusal = await fleet.carryOut({ ...act, reason: "story" });
  if (refusal) throw new Error(refusal.text);
  return key;
}

/** What a ticket signs, and the request that shows it, unless the test says otherwise. */
export interface Reenrollment {
  readonly fleet: SmallFleet;
  readonly number: number;
  readonly ticket: Signer;
  /** The new key; it signs the request. */
  readonly key?: Signer;
  readonly nonce?: Uint8Array;
  /** What the ticket signed, where that is not the same. */
  readonly signedFor?: { readonly number?: number; readonly nonce?: Uint8Array; readonly key?: PublicKey };
  /** Who signs the request, where that is not the new key. */
  readonly signer?: Signer;
}

export function reenrollRequest(asked: Reenrollment): Uint8Array {
  const { fleet, number: subject, ticket, key = freshKey(), nonce = freshNonce(), signedFor = {} } = asked;
  const { fleetId } = fleet.service.trust;
  const { publicKey } = key;
  const { number = subject, nonce: other = nonce, key: proven = publicKey } = signedFor;
  const signature = ticket.sign(ticketProof(fleetId, number, other, proven));
  const value = { subject, nonce, publicKey, ticket: signature };
  return sealEnvelope(ReenrollRequest, value, asked.signer ?? key, fleetId, nodeCrypto);
}

/** A request with the keys that the device has, or had; by a ticket for `reenroll`. */
export function requestOf(way: Way, device: SmallDevice, ticket: Signer = freshKey("Ed25519")): Uint8Array {
  switch (way) {
    case "enroll":
      return device.enrollRequest();
    case "renew":
      return device.seal(RenewRequest, device.newKey());
    case "return":
      return device.seal(ReturnRequest, device.newKey(), device.idevid);
    case "reenroll":
      return reenrollRequest({ fleet: device.fleet, number: device.number, ticket });
  }
}

/** What comes of a message over the device's own session. */
export async function heard(device: SmallDevice, message: Uint8Array): Promise<"certificate" | ErrorCode> {
  const [reply, ...more] = await device.send(message);
  if (more.length > 0) throw new Error("one request has one reply");
  const bytes = must(reply);
  return frameType(bytes) === CertificateReply.type ? "certificate" : decodeFrame(ErrorReply, bytes).code;
}
