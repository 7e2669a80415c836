/**
 * The one thing a device is asking for at a time: which it is follows from the state alone, so a lost
 * connection, a reboot or a lost reply needs no memory of where it was.
 */
import { EnrollRequest, RenewRequest, ReturnRequest } from "../protocol/certify.js";
import type { PublicKey } from "../protocol/crypto.js";
import { prepareEnvelope } from "../protocol/envelope.js";
import { Receipt, SyncRequest } from "../protocol/sync.js";
import { type DeviceState, heldVector, nowSeconds, releaseWaits } from "./state.js";
import type { OpenRequest } from "./record.js";

export type Job = JobKind & {
  /** Being signed: what to make of the signature. */
  readonly finish?: (signature: Uint8Array) => Uint8Array;
  /** Sent, and to be sent again unchanged when no answer comes. */
  readonly sent?: { readonly bytes: Uint8Array; readonly atMs: number; readonly tries: number };
};
type JobKind =
  | { readonly kind: "time" | "sync"; readonly nonce: Uint8Array }
  | { readonly kind: "receipt" }
  | (OpenRequest & { readonly newKey?: PublicKey; readonly proof?: Uint8Array });

/** Largest reply that this device library takes. */
const MAX_REPLY_BYTES = 16_384;
/** Names of keys in the `KeyStore`. */
export const IDEVID_KEY = "idevid";

/** What to ask for next, if anything. */
export function nextJobKind(state: DeviceState, atMs: number): Job["kind"] | undefined {
  const { session, receiptOwed, held, record } = state;
  if (!session || state.job || atMs < session.quietUntilMs) return undefined;
  if (session.door === "lobby") return "time";
  switch (session.role) {
    case "pledge":
      if (record.request && record.request.kind !== "renew") return record.request.kind;
      return held.ldevid ? "return" : "enroll";
    case "held":
    case "device":
      if (!session.synced || releaseWaits(held) || syncIsDue(state, atMs)) return "sync";
      if (receiptOwed) return "receipt";
      return session.role === "device" && renewalIsDue(state, atMs) ? "renew" : undefined;
    default:
      return undefined;
  }
}

/** The time at which the present lease asks for the next sync. */
export function nextSyncSeconds({ held }: DeviceState): number | undefined {
  const lease = held.lease?.value;
  return lease && lease.time[1] + lease.nextSyncSeconds;
}

/** An LDevID is renewed from two thirds of its life on. */
export function renewalSeconds({ held }: DeviceState): number | undefined {
  const dates = held.ldevid;
  return dates && dates.notBefore + Math.floor(((dates.notAfter - dates.notBefore) * 2) / 3);
}

function syncIsDue(state: DeviceState, atMs: number): boolean {
  return nowSeconds(state, atMs) >= (nextSyncSeconds(state) ?? 0);
}

function renewalIsDue(state: DeviceState, atMs: number): boolean {
  const due = renewalSeconds(state);
  return due !== undefined && nowSeconds(state, atMs) >= due;
}

/** The key that the device proves itself with, and its name: the LDevID's once there is one. */
function operationalKey(state: DeviceState): { name: string; publicKey: PublicKey } {
  const { record, held } = state;
  if (record.ldevid && held.ldevid) return { name: record.ldevid.key, publicKey: held.ldevid.publicKey };
  return { name: IDEVID_KEY, publicKey: state.idevidKey };
}

export interface Unsigned {
  readonly key: string;
  readonly toBeSigned: Uint8Array;
  readonly finish: (signature: Uint8Array) => Uint8Array;
}

/** The message that a job sends, ready for the signature of the right key. */
export function unsignedRequest(state: DeviceState, job: Job, atMs: number): Unsigned {
  const { record, crypto } = state;
  const subject = record.number;
  const operational = operationalKey(state);
  const seal = <T>(
    message: Parameters<typeof prepareEnvelope<T>>[0],
    value: T,
    by = operational,
  ): Unsigned => ({
    key: by.name,
    ...prepareEnvelope(message, value, by.publicKey, record.fleetId, crypto),
  });
  const factory = { name: IDEVID_KEY, publicKey: state.idevidKey };
  switch (job.kind) {
    case "sync": {
      const health = { uptimeSeconds: Math.floor((atMs - state.bootMs) / 1000), heldBack: state.heldBack };
      const alarms = record.alarms.length > 0 ? { alarms: record.alarms } : {};
      const holds = heldVector(state);
      return seal(SyncRequest, {
        subject,
        nonce: job.nonce,
        holds,
        maxReplyBytes: MAX_REPLY_BYTES,
        health,
        ...(record.signedSeconds > 0 && { time: record.signedSeconds }),
        ...alarms,
      });
    }
    case "receipt":
      return seal(Receipt, { subject, counter: record.receiptCounter, holds: heldVector(state) });
    case "time":
      throw new Error("a question for the time is not signed");
    default: {
      const { nonce, newKey, proof } = job;
      if (!newKey || !proof) throw new Error("a certificate request comes after its key and proof");
      const request = { subject, nonce, publicKey: newKey, proof };
      if (job.kind === "renew") return seal(RenewRequest, request);
      if (job.kind === "return") return seal(ReturnRequest, request, factory);
      const { idevid, voucher, birth } = record;
      return seal(EnrollRequest, { ...request, idevid, voucher, record: birth }, factory);
    }
  }
}
