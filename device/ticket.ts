/**
 * A ticket that a person brought: with it a device replaces every key by which its fleet knows it. The ticket
 * is a secret until it is used; it is in the record, and in nothing that is told. Pure.
 */
import { equalBytes } from "../protocol/bytes.js";
import { ticketProof } from "../protocol/certify.js";
import type { PublicKey } from "../protocol/crypto.js";
import type { OpenRequest } from "./record.js";
import type { DeviceState } from "./state.js";
import { discard, type Moment, only, type Step, withoutJob } from "./steps.js";

/** The seed of an Ed25519 key. */
export const TICKET_BYTES = 32;

/**
 * Stored before it is used (P4). A ticket that is there already is tried again at once. Another one takes its
 * place, and has a key of its own: perhaps the one before was accepted, and no key is taken twice.
 */
export function takeTicket(state: DeviceState, ticket: Uint8Array, { entropy }: Moment): Step {
  const { request: before, ...rest } = state.record;
  const tried = { ...state, ...(state.session && { session: { ...state.session, ...UNTRIED } }) };
  if (before?.ticket && equalBytes(before.ticket, ticket)) return only(tried);
  const keyCounter = rest.keyCounter + 1;
  const nonce = entropy.slice(16); // behind the nonce of what may be asked for in the same step
  const request: OpenRequest = { kind: "reenroll", nonce, key: `base-${keyCounter}`, ticket };
  const { record, effects } = discard({ ...rest, keyCounter, request }, before ? [before.key] : []);
  const free = state.job && "key" in state.job ? withoutJob(tried) : tried;
  return { state: { ...free, record }, effects };
}

const UNTRIED = { ticketAtMs: 0, ticketRefused: false, ticketPauses: 0 } as const;

/** What the ticket's key signs. @returns 64 bytes. */
export function proveTicket(
  { record, crypto }: DeviceState,
  { nonce, ticket }: OpenRequest,
  newKey: PublicKey,
): Uint8Array {
  if (!ticket) throw new Error("a re-enrollment has a ticket until it is answered");
  const bytes = ticketProof(record.fleetId, record.number, nonce, newKey);
  return crypto.sign({ algorithm: "Ed25519", secret: ticket }, bytes);
}
