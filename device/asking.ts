/** How a device asks: a key where one is needed, a signature, the message; and again when no answer comes. Pure. */
import { keyProof } from "../protocol/certify.js";
import type { PublicKey } from "../protocol/crypto.js";
import { actsAsked, actsDue, type Job, nextJobKind } from "./jobs.js";
import { pause, ticketPause } from "./pauses.js";
import type { OpenRequest } from "./record.js";
import { proveTicket } from "./ticket.js";
import { plainRequest, receiptOf, syncRequest, unsignedRequest } from "./requests.js";
import type { DeviceState } from "./state.js";
import { discard, type Input, leave, type Moment, only, type Step, withoutJob } from "./steps.js";

/** An answer that takes longer is asked for again, unchanged; after that many tries the connection is given up. */
export const ANSWER_MS = 30_000;
const MAX_TRIES = 3;

/** Begins what the state asks for, if nothing is under way. */
export function startJob(state: DeviceState, { atMs, entropy }: Input): Step {
  const kind = nextJobKind(state, atMs);
  const nonce = entropy.slice(0, 16);
  switch (kind) {
    case undefined:
      return only(state);
    case "authority":
    case "ledger":
      return send(state, { kind }, atMs);
    case "time":
      return send(state, { kind, nonce }, atMs);
    case "sync":
      return askToSign({ ...state, syncOwed: false }, { kind, nonce }, atMs);
    case "receipt":
      return askToSign({ ...countReceipt(state), receiptOwed: false }, { kind }, atMs);
    default:
      return requestCertificate(state, kind, nonce);
  }
}

function requestCertificate(state: DeviceState, kind: OpenRequest["kind"], nonce: Uint8Array): Step {
  const { request: before, ...rest } = state.record;
  const open = before?.kind === kind ? before : undefined;
  const keyCounter = rest.keyCounter + (open ? 0 : 1);
  const asked = actsAsked(state).rekey;
  const rekey = asked !== undefined && actsDue(state).includes("rekey") ? { rekey: asked } : {};
  const request = open ?? { kind, nonce, key: `ldevid-${keyCounter}`, ...rekey };
  const given = !open && before ? [before.key] : []; // of a request of another kind, never answered
  const { record, effects } = discard({ ...rest, keyCounter, request }, given);
  return {
    state: { ...state, record, job: request },
    effects: [...effects, { type: "create-key", name: request.key }],
  };
}

/** The new key signs first: proof that the device holds it. With a ticket, it signs the request itself. */
export function proveKey(state: DeviceState, newKey: PublicKey, atMs: number): Step {
  const { job, record } = state;
  if (!job || !("key" in job)) return only(state);
  if (job.kind === "reenroll") {
    const proof = proveTicket(state, job, newKey);
    return askToSign(state, { ...job, newKey, proof }, atMs);
  }
  const bytes = keyProof(record.fleetId, record.number, job.nonce, newKey);
  return { state: { ...state, job: { ...job, newKey } }, effects: [{ type: "sign", key: job.key, bytes }] };
}

export function afterSignature(state: DeviceState, signature: Uint8Array, atMs: number): Step {
  const { job } = state;
  if (!job) return only(state);
  if (job.finish) {
    const { finish, ...rest } = job;
    return sendBytes(state, rest, finish(signature), atMs);
  }
  return "key" in job ? askToSign(state, { ...job, proof: signature }, atMs) : only(state);
}

/** For a stick: the nonce is saved before the question leaves, so that its answer counts after a reboot too. */
export function handOut(state: DeviceState, what: "challenge" | "receipt", { atMs, entropy }: Moment): Step {
  if (what === "receipt") {
    const counted = countReceipt(state);
    return { state: counted, effects: [{ type: "hand-out", unsigned: receiptOf(counted) }] };
  }
  const challenge = entropy.slice(0, 16);
  const unsigned = syncRequest(state, challenge, atMs);
  return {
    state: { ...state, record: { ...state.record, challenge } },
    effects: [{ type: "hand-out", unsigned }],
  };
}

function countReceipt(state: DeviceState): DeviceState {
  return { ...state, record: { ...state.record, receiptCounter: state.record.receiptCounter + 1 } };
}

function askToSign(state: DeviceState, job: Job, atMs: number): Step {
  const { key, toBeSigned, finish } = unsignedRequest(state, job, atMs);
  return {
    state: { ...state, job: { ...job, finish } },
    effects: [{ type: "sign", key, bytes: toBeSigned }],
  };
}

function send(state: DeviceState, job: Job, atMs: number): Step {
  const bytes = plainRequest(state, job);
  if (!bytes) throw new Error(`a ${job.kind} is signed before it is sent`);
  return sendBytes(state, job, bytes, atMs);
}

function sendBytes(state: DeviceState, job: Job, bytes: Uint8Array, atMs: number): Step {
  const sent = { bytes, atMs, tries: (job.sent?.tries ?? 0) + 1 };
  // A receipt has no answer; the next sync says the same if it is lost.
  const waiting = job.kind === "receipt" ? withoutJob(state) : { ...state, job: { ...job, sent } };
  return { state: waiting, effects: [{ type: "send", bytes }] };
}

/** An unanswered question is repeated, then the connection given up; or, where others can go on, the question. */
export function askAgain(state: DeviceState, atMs: number): Step {
  const { job, session } = state;
  if (!job?.sent || !session || atMs < job.sent.atMs + ANSWER_MS) return only(state);
  if (job.sent.tries < MAX_TRIES) return sendBytes(state, job, job.sent.bytes, atMs);
  if (job.kind === "reenroll") return only(giveUp(state, atMs));
  return job.kind === "authority" || job.kind === "ledger" ? only(giveUp(state, atMs)) : leave(state);
}

/** After an error, or nothing but silence. Without links, new keys, or parts of the ledger, other questions go on. */
export function giveUp(state: DeviceState, atMs: number): DeviceState {
  const { job, session } = state;
  if (!session) return withoutJob(state);
  if (job?.kind === "authority") return { ...withoutJob(state), session: { ...session, linksDone: true } };
  if (job?.kind === "reenroll")
    return { ...withoutJob(state), session: { ...session, ...ticketPause(session, atMs) } };
  const paused = { ...session, ...pause(session, false, atMs) };
  const ledgerAtMs = paused.quietUntilMs + 1; // a sync that is due goes first
  return { ...withoutJob(state), session: job?.kind === "ledger" ? { ...paused, ledgerAtMs } : paused };
}
