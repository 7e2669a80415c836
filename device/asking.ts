/** How a device asks: a key where one is needed, a signature, the message; and again when no answer comes. Pure. */
import { keyProof } from "../protocol/certify.js";
import type { PublicKey } from "../protocol/crypto.js";
import { encodeFrame } from "../protocol/frame.js";
import { TimeRequest } from "../protocol/time.js";
import { type Job, nextJobKind, unsignedRequest } from "./jobs.js";
import type { DeviceState } from "./state.js";
import { type Input, leave, only, type Step, withoutJob } from "./steps.js";

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
    case "time":
      return send(state, { kind, nonce }, encodeFrame(TimeRequest, { nonce }), atMs);
    case "sync":
      return askToSign(state, { kind, nonce }, atMs);
    case "receipt": {
      const record = { ...state.record, receiptCounter: state.record.receiptCounter + 1 };
      return askToSign({ ...state, record, receiptOwed: false }, { kind }, atMs);
    }
    default: {
      const open = state.record.request?.kind === kind ? state.record.request : undefined;
      const keyCounter = state.record.keyCounter + (open ? 0 : 1);
      const request = open ?? { kind, nonce, key: `ldevid-${keyCounter}` };
      const record = { ...state.record, keyCounter, request };
      const given = open ? undefined : state.record.request?.key; // of a request of another kind, never answered
      return {
        state: { ...state, record, job: request },
        effects: [
          ...(given === undefined ? [] : [{ type: "remove-key", name: given } as const]),
          { type: "create-key", name: request.key },
        ],
      };
    }
  }
}

/** The new key signs first: proof that the device holds it. */
export function proveKey(state: DeviceState, newKey: PublicKey): Step {
  const { job, record } = state;
  if (!job || !("key" in job)) return only(state);
  const bytes = keyProof(record.fleetId, record.number, job.nonce, newKey);
  return { state: { ...state, job: { ...job, newKey } }, effects: [{ type: "sign", key: job.key, bytes }] };
}

export function afterSignature(state: DeviceState, signature: Uint8Array, atMs: number): Step {
  const { job } = state;
  if (!job) return only(state);
  if (job.finish) {
    const { finish, ...rest } = job;
    return send(state, rest, finish(signature), atMs);
  }
  return "key" in job ? askToSign(state, { ...job, proof: signature }, atMs) : only(state);
}

function askToSign(state: DeviceState, job: Job, atMs: number): Step {
  const { key, toBeSigned, finish } = unsignedRequest(state, job, atMs);
  return {
    state: { ...state, job: { ...job, finish } },
    effects: [{ type: "sign", key, bytes: toBeSigned }],
  };
}

function send(state: DeviceState, job: Job, bytes: Uint8Array, atMs: number): Step {
  const sent = { bytes, atMs, tries: (job.sent?.tries ?? 0) + 1 };
  // A receipt has no answer; the next sync says the same if it is lost.
  const waiting = job.kind === "receipt" ? withoutJob(state) : { ...state, job: { ...job, sent } };
  return { state: waiting, effects: [{ type: "send", bytes }] };
}

/** An unanswered question is repeated, then the connection given up. */
export function askAgain(state: DeviceState, atMs: number): Step {
  const { job } = state;
  if (!job?.sent || atMs < job.sent.atMs + ANSWER_MS) return only(state);
  if (job.sent.tries < MAX_TRIES) return send(state, job, job.sent.bytes, atMs);
  return leave(state);
}
