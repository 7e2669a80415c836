/**
 * The device, pure: what happened in, what to do out. The shipped device and the simulators run this very
 * code. Effects are carried out in order, and a save is durable before the effect after it starts (P4).
 */
import { equalBytes } from "../protocol/bytes.js";
import { keyProof } from "../protocol/certify.js";
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import { encodeFrame } from "../protocol/frame.js";
import { isQuarantined, type Level } from "../protocol/level.js";
import { type ErrorReply, MAX_RETRY_AFTER_SECONDS } from "../protocol/notice.js";
import { TimeRequest } from "../protocol/time.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import { applyDocument, applyLease } from "./documents.js";
import type { FleetMessage } from "./edge.js";
import {
  IDEVID_KEY,
  type Job,
  nextJobKind,
  nextSyncSeconds,
  renewalSeconds,
  unsignedRequest,
} from "./jobs.js";
import type { DeviceRecord } from "./record.js";
import {
  datesOf,
  type DeviceState,
  leaseIsCurrent,
  levelInForce,
  nowSeconds,
  openRecord,
  type Session,
} from "./state.js";

/** All that can happen to a device. `atMs`: powered time, milliseconds. `entropy`: 32 fresh bytes. */
export type Input = { readonly atMs: number; readonly entropy: Uint8Array } & (
  | { readonly type: "connected"; readonly door: Session["door"] }
  | { readonly type: "disconnected" }
  /** The server's certificate was refused: for its dates only, or for good. */
  | { readonly type: "server-refused"; readonly why: "dates" | "chain" }
  | { readonly type: "received"; readonly message: FleetMessage }
  | { readonly type: "key-created"; readonly publicKey: PublicKey }
  | { readonly type: "signed"; readonly signature: Uint8Array }
  | { readonly type: "held-back"; readonly messages: number }
  | { readonly type: "tick" }
);

/** All a device can ask for. */
export type Effect =
  | { readonly type: "save"; readonly record: DeviceRecord }
  /** Answered by `key-created`, also when a key of this name is there already. */
  | { readonly type: "create-key"; readonly name: string }
  | { readonly type: "remove-key"; readonly name: string }
  /** Answered by `signed`. */
  | { readonly type: "sign"; readonly key: string; readonly bytes: Uint8Array }
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Leave, and come back with the identity and through the door that the state now names. */
  | { readonly type: "reconnect" }
  | { readonly type: "level"; readonly level: Level; readonly before: Level }
  /** Whether application messages may be sent from now on. */
  | { readonly type: "speak"; readonly allowed: boolean }
  | { readonly type: "wake"; readonly atMs: number };

export interface Step {
  readonly state: DeviceState;
  readonly effects: readonly Effect[];
}

/** Powered time is saved at least this often; each boot is charged one interval, so that power cycling cannot stop it. */
const PERSIST_SECONDS = 3600;
/** An answer that takes longer is asked for again, unchanged; after that many tries the connection is given up. */
const ANSWER_MS = 30_000;
const MAX_TRIES = 3;
/** Pause after a sync that brought no lease: doubles up to the most that an error may ask for. */
const FIRST_PAUSE_MS = 2_000;

/** A device at boot. @throws ProtocolError when its record does not prove itself. */
export function boot(record: DeviceRecord, crypto: Crypto, atMs: number): DeviceState {
  const charged = record.signedSeconds > 0 ? PERSIST_SECONDS : 0;
  const leaf = record.idevid[0] ?? new Uint8Array();
  const opened = {
    record: { ...record, poweredSeconds: record.poweredSeconds + charged },
    held: openRecord(record, crypto),
    crypto,
    idevidKey: decodeCertificate(leaf).fields.publicKey,
    anchorMs: atMs,
    bootMs: atMs,
    receiptOwed: false,
    speaking: false,
    reported: "none",
    heldBack: 0,
    needsTime: record.signedSeconds === 0,
  } as const;
  return { ...opened, reported: levelInForce(opened, atMs) };
}

/** Pure: equal state and input give an equal result. */
export function step(state: DeviceState, input: Input): Step {
  const handled = handle(state, input);
  const started = startJob(handled.state, input);
  return settle(state, started.state, [...handled.effects, ...started.effects], input.atMs);
}

/** What follows from any change: stop speaking first, save before anything leaves, speak again last. */
function settle(before: DeviceState, after: DeviceState, effects: readonly Effect[], atMs: number): Step {
  const [was, is] = [before.reported, levelInForce(after, atMs)];
  const may = maySpeak(after, atMs);
  const speak: Effect = { type: "speak", allowed: may };
  const all: Effect[] = [
    ...(before.speaking && !may ? [speak] : []),
    ...(after.record === before.record ? [] : [{ type: "save", record: after.record } as const]),
    ...(was === is ? [] : [{ type: "level", level: is, before: was } as const]),
    ...effects,
    ...(!before.speaking && may ? [speak] : []),
    { type: "wake", atMs: nextWake(after, atMs) },
  ];
  return { state: { ...after, speaking: may, reported: is }, effects: all };
}

/** Connected to the fleet, a device syncs before it speaks; without a connection nothing is sent at all (I4). */
export function maySpeak(state: DeviceState, atMs: number): boolean {
  const { session } = state;
  return (
    session?.role === "device" &&
    session.synced &&
    leaseIsCurrent(state, atMs) &&
    !isQuarantined(levelInForce(state, atMs))
  );
}

function handle(state: DeviceState, input: Input): Step {
  switch (input.type) {
    case "connected":
      return only(withSession(state, { door: input.door, synced: false, quietUntilMs: 0, fruitless: 0 }));
    case "disconnected":
      return only(withSession(state, undefined));
    case "server-refused":
      return only({ ...withSession(state, undefined), needsTime: input.why === "dates" });
    case "received":
      return receive(state, input.message, input.atMs);
    case "key-created":
      return proveKey(state, input.publicKey);
    case "signed":
      return afterSignature(state, input.signature, input.atMs);
    case "held-back":
      return only({ ...state, heldBack: input.messages });
    case "tick":
      return tick(state, input.atMs);
  }
}

function receive(state: DeviceState, message: FleetMessage, atMs: number): Step {
  const { session, job, held, record } = state;
  if (message.name === "document") {
    // By whatever carrier, connected or not (P1).
    const next = applyDocument(state, message.document);
    return only(next === state ? state : { ...next, receiptOwed: true });
  }
  if (!session) return only(state);
  switch (message.name) {
    case "role-notice":
      if (message.value.role === session.role) return only(state);
      return only({ ...withoutJob(state), session: { ...session, role: message.value.role } });
    case "error":
      return only(afterError(state, message.value, atMs));
    case "time": {
      const { nonce, time } = message.opened.value;
      if (job?.kind !== "time" || !equalBytes(job.nonce, nonce)) return only(state);
      if (time[0] !== held.trust.authority.value.terms.time || time[1] < record.signedSeconds)
        return only(state);
      const timed = { ...record, signedSeconds: time[1], poweredSeconds: 0 };
      return leave({ ...state, record: timed, anchorMs: atMs, needsTime: false });
    }
    case "sync-reply": {
      if (job?.kind !== "sync" || !equalBytes(job.nonce, message.nonce)) return only(state);
      const informed = message.documents.reduce(applyDocument, withoutJob(state));
      const leased = message.lease && applyLease(informed, message.lease, job.nonce, atMs);
      const next = leased ?? informed;
      const synced = {
        synced: leased !== undefined || session.synced,
        ...pause(session, leased !== undefined, atMs),
      };
      const receiptOwed =
        state.receiptOwed || next.held.directive !== held.directive || next.held.freed !== held.freed;
      return only({ ...next, receiptOwed, session: { ...session, ...synced } });
    }
    case "certificate-reply":
      return takeCertificate(state, message, atMs);
  }
}

/** A sync without a lease is asked again, ever more slowly. */
function pause(
  session: Session,
  fruitful: boolean,
  atMs: number,
): Pick<Session, "fruitless" | "quietUntilMs"> {
  if (fruitful) return { fruitless: 0, quietUntilMs: 0 };
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** session.fruitless, MAX_RETRY_AFTER_SECONDS * 1000);
  return { fruitless: session.fruitless + 1, quietUntilMs: atMs + pauseMs };
}

/** Nobody signs errors, so all they can do is delay, and not for long. */
function afterError(state: DeviceState, error: ErrorReply, atMs: number): DeviceState {
  const { session, job } = state;
  // The role changed while the message was on its way: the notice of the new one says what to do.
  if (error.code === "not-allowed") return state;
  if (!session || !job || (error.nonce && "nonce" in job && !equalBytes(error.nonce, job.nonce)))
    return state;
  const asked = Math.min(error.retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS) * 1000;
  const paused = pause(session, false, atMs);
  const quietUntilMs = Math.max(paused.quietUntilMs, atMs + asked);
  return { ...withoutJob(state), session: { ...session, ...paused, quietUntilMs } };
}

function takeCertificate(
  state: DeviceState,
  reply: FleetMessage & { name: "certificate-reply" },
  atMs: number,
): Step {
  const { job, record, held } = state;
  if (!job || !("key" in job) || !equalBytes(job.nonce, reply.nonce)) return only(state);
  const { verdict } = reply;
  const ours = verdict.profile === "ldevid" && verdict.number === record.number;
  const forNewKey = job.newKey !== undefined && equalBytes(verdict.publicKey.bytes, job.newKey.bytes);
  if (!ours || !forNewKey || verdict.notAfterSeconds < nowSeconds(state, atMs)) return only(state);
  const informed = reply.documents.reduce(applyDocument, withoutJob(state));
  const { request: _done, ...rest } = informed.record;
  const ldevid = { chain: reply.chain, key: job.key };
  const leaf = reply.chain[0] ?? new Uint8Array();
  const next = {
    ...informed,
    record: { ...rest, ldevid },
    held: { ...informed.held, ldevid: datesOf(leaf) },
  };
  const old = record.ldevid?.key;
  const forget = old && held.ldevid && old !== job.key ? [{ type: "remove-key", name: old } as const] : [];
  return leave(next, forget);
}

/** Begins what the state asks for, if nothing is under way. */
function startJob(state: DeviceState, { atMs, entropy }: Input): Step {
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
function proveKey(state: DeviceState, newKey: PublicKey): Step {
  const { job, record } = state;
  if (!job || !("key" in job)) return only(state);
  const bytes = keyProof(record.fleetId, record.number, job.nonce, newKey);
  return { state: { ...state, job: { ...job, newKey } }, effects: [{ type: "sign", key: job.key, bytes }] };
}

function afterSignature(state: DeviceState, signature: Uint8Array, atMs: number): Step {
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

function tick(state: DeviceState, atMs: number): Step {
  const kept = persistTime(state, atMs);
  const { job } = kept;
  if (!job?.sent || atMs < job.sent.atMs + ANSWER_MS) return only(kept);
  if (job.sent.tries < MAX_TRIES) return send(kept, job, job.sent.bytes, atMs);
  return leave(kept);
}

function persistTime(state: DeviceState, atMs: number): DeviceState {
  const elapsed = Math.floor((atMs - state.anchorMs) / 1000);
  if (elapsed < PERSIST_SECONDS || state.record.signedSeconds === 0) return state;
  const poweredSeconds = state.record.poweredSeconds + elapsed;
  return { ...state, record: { ...state.record, poweredSeconds }, anchorMs: state.anchorMs + elapsed * 1000 };
}

/** When to look again, though nothing happens: answers, pauses, syncs, renewals, leases. */
function nextWake(state: DeviceState, atMs: number): number {
  const { session, job, held } = state;
  const now = nowSeconds(state, atMs);
  const lease = held.lease?.value;
  const rules = held.trust.authority.value.freshness.map(({ afterSeconds }) => afterSeconds);
  const leaseEnds = lease ? [1, ...rules].map((after) => lease.goodUntil + after) : [];
  const online = session ? [nextSyncSeconds(state), renewalSeconds(state)] : [];
  const seconds = [...leaseEnds, ...online].filter((due): due is number => due !== undefined && due > now);
  const candidates = [
    ...seconds.map((due) => atMs + (due - now) * 1000),
    ...(job?.sent ? [job.sent.atMs + ANSWER_MS] : []),
    ...(session && session.quietUntilMs > atMs ? [session.quietUntilMs] : []),
  ];
  return Math.min(atMs + PERSIST_SECONDS * 1000, ...candidates);
}

/** Nothing more is asked over a connection that is left. */
function leave(state: DeviceState, effects: readonly Effect[] = []): Step {
  return { state: withSession(state, undefined), effects: [...effects, { type: "reconnect" }] };
}

function withSession(state: DeviceState, session: Session | undefined): DeviceState {
  const { session: _session, ...rest } = withoutJob(state);
  return session ? { ...rest, session } : rest;
}

function withoutJob(state: DeviceState): DeviceState {
  const { job: _job, ...rest } = state;
  return rest;
}

function only(state: DeviceState): Step {
  return { state, effects: [] };
}

/** What a device logs in with: DER, leaf first, and the name of the key. */
export interface TlsIdentity {
  readonly chain: readonly Uint8Array[];
  readonly key: string;
}

/** The LDevID, also an expired one; before there is any, the IDevID. */
export function tlsIdentity({ record }: DeviceState): TlsIdentity {
  return record.ldevid ?? { chain: record.idevid, key: IDEVID_KEY };
}
