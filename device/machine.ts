/**
 * The device, pure: what happened in, what to do out. The shipped device and the simulators run this very
 * code. Effects are carried out in order, and a save is durable before the effect after it starts (P4).
 */
import type { Crypto } from "../protocol/crypto.js";
import { isQuarantined } from "../protocol/level.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import { receive } from "./answers.js";
import { afterSignature, ANSWER_MS, askAgain, proveKey, startJob } from "./asking.js";
import { IDEVID_KEY, nextSyncSeconds, renewalSeconds } from "./jobs.js";
import type { DeviceRecord } from "./record.js";
import { type DeviceState, leaseIsCurrent, levelInForce, nowSeconds, openRecord } from "./state.js";
import { type Effect, type Input, only, type Step, withSession } from "./steps.js";

/** Powered time is saved at least this often; each boot is charged one interval, so that power cycling cannot stop it. */
const PERSIST_SECONDS = 3600;

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
      return askAgain(persistTime(state, input.atMs), input.atMs);
  }
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

/** What a device logs in with: DER, leaf first, and the name of the key. */
export interface TlsIdentity {
  readonly chain: readonly Uint8Array[];
  readonly key: string;
}

/** The LDevID, also an expired one; before there is any, the IDevID. */
export function tlsIdentity({ record }: DeviceState): TlsIdentity {
  return record.ldevid ?? { chain: record.idevid, key: IDEVID_KEY };
}
