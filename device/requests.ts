/** What a device says when it asks, ready to be sent or to be signed by the right key. Pure. */
import { AuthorityRequest } from "../protocol/authority-links.js";
import { EnrollRequest, ReenrollRequest, RenewRequest, ReturnRequest } from "../protocol/certify.js";
import type { PublicKey } from "../protocol/crypto.js";
import { prepareEnvelope } from "../protocol/envelope.js";
import { encodeFrame } from "../protocol/frame.js";
import { LedgerRequest } from "../protocol/ledger-part.js";
import { Receipt, SyncRequest } from "../protocol/sync.js";
import { TimeRequest } from "../protocol/time.js";
import { IDEVID_KEY, type Job, ledgerRequest } from "./jobs.js";
import { type DeviceState, heldVector } from "./state.js";

/** Largest reply to a sync that this device library takes. */
const MAX_REPLY_BYTES = 16_384;
/** Largest reply with links: a single one may have 24,576 bytes. */
const MAX_LINKS_BYTES = 65_536;

/** A message without its signature. */
export interface Unsigned {
  readonly key: string;
  readonly toBeSigned: Uint8Array;
  readonly finish: (signature: Uint8Array) => Uint8Array;
}

/** `name`: in the `KeyStore`. */
interface SigningKey {
  readonly name: string;
  readonly publicKey: PublicKey;
}

/** The frame that a job sends; undefined for one that is signed. */
export function plainRequest(state: DeviceState, job: Job): Uint8Array | undefined {
  switch (job.kind) {
    case "authority": {
      const { version } = state.held.trust.authority.value;
      return encodeFrame(AuthorityRequest, { version, maxReplyBytes: MAX_LINKS_BYTES });
    }
    case "time":
      return encodeFrame(TimeRequest, { nonce: job.nonce });
    case "ledger": {
      const missing = ledgerRequest(state);
      if (!missing) throw new Error("a part is asked for when one is missing");
      return encodeFrame(LedgerRequest, missing);
    }
    default:
      return undefined;
  }
}

/** The envelope that a job sends. */
export function unsignedRequest(state: DeviceState, job: Job, atMs: number): Unsigned {
  const { record } = state;
  switch (job.kind) {
    case "sync":
      return syncRequest(state, job.nonce, atMs);
    case "receipt":
      return receiptOf(state);
    case "enroll":
    case "renew":
    case "return":
    case "reenroll": {
      const { nonce, newKey, proof } = job;
      if (!newKey || !proof) throw new Error("a certificate request comes after its key and proof");
      const request = { subject: record.number, nonce, publicKey: newKey, proof };
      if (job.kind === "renew") return sealed(state, RenewRequest, request);
      if (job.kind === "return") return sealed(state, ReturnRequest, request, baseKey(state));
      if (job.kind === "reenroll") {
        const shown = { subject: record.number, nonce, publicKey: newKey, ticket: proof };
        return sealed(state, ReenrollRequest, shown, { name: job.key, publicKey: newKey });
      }
      const factory = { name: IDEVID_KEY, publicKey: state.idevidKey };
      const { idevid, voucher, birth } = record;
      return sealed(state, EnrollRequest, { ...request, idevid, voucher, record: birth }, factory);
    }
    default:
      throw new Error(`a question for the ${job.kind} is not signed`);
  }
}

export function syncRequest(state: DeviceState, nonce: Uint8Array, atMs: number): Unsigned {
  const { record, build, bootMs, heldBack, probe } = state;
  const uptimeSeconds = Math.floor((atMs - bootMs) / 1000);
  const { firmware, maxPartBytes } = build;
  return sealed(state, SyncRequest, {
    subject: record.number,
    nonce,
    holds: heldVector(state),
    maxReplyBytes: MAX_REPLY_BYTES,
    health: { uptimeSeconds, heldBack, ...(firmware !== undefined && { firmware }) },
    ...(record.signedSeconds > 0 && { time: record.signedSeconds }),
    ...(record.alarms.length > 0 && { alarms: record.alarms }),
    ...(maxPartBytes !== undefined && { maxPartBytes }),
    ...(record.token && { token: record.token }),
    ...(probe && { probe }),
  });
}

/** What is stored now, under the counter that was saved for it. */
export function receiptOf(state: DeviceState): Unsigned {
  const { number, receiptCounter } = state.record;
  return sealed(state, Receipt, { subject: number, counter: receiptCounter, holds: heldVector(state) });
}

/** @param by - the key that the device proves itself with; otherwise that of the identity it comes with. */
function sealed<T>(
  state: DeviceState,
  message: Parameters<typeof prepareEnvelope<T>>[0],
  value: T,
  by: SigningKey = operationalKey(state),
): Unsigned {
  const { record, crypto } = state;
  return { key: by.name, ...prepareEnvelope(message, value, by.publicKey, record.fleetId, crypto) };
}

/** The LDevID's once there is one; as a pledge not, since whoever refused it does not take its key either. */
function operationalKey(state: DeviceState): SigningKey {
  const { record, held, asPledge } = state;
  if (!asPledge && record.ldevid && held.ldevid)
    return { name: record.ldevid.key, publicKey: held.ldevid.publicKey };
  return baseKey(state);
}

/** What says who the device is: the IDevID's key, or since a re-enrollment the one of that. */
function baseKey({ record: { base }, idevidKey }: DeviceState): SigningKey {
  return base ? { name: base.key, publicKey: base.publicKey } : { name: IDEVID_KEY, publicKey: idevidKey };
}
