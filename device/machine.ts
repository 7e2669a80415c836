/**
 * The device, pure: what happened in, what to do out. The shipped device and the simulators run this very
 * code. Effects are carried out in order, and a save is durable before the effect after it starts (P4).
 */
import type { Crypto } from "../protocol/crypto.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import { isAllowed } from "./allowed.js";
import { receive } from "./answers.js";
import { afterSignature, ANSWER_MS, askAgain, handOut, proveKey, startJob } from "./asking.js";
import { evaluated } from "./facts.js";
import { freshnessNews, freshnessOf } from "./freshness.js";
import { openRecord } from "./held.js";
import { IDEVID_KEY, ledgerRequest, nextSyncSeconds, renewalSeconds } from "./jobs.js";
import { perform } from "./performing.js";
import { countTime, keeping, PERSIST_SECONDS } from "./powered.js";
import type { DeviceRecord } from "./record.js";
import {
  type Build,
  type DeviceState,
  freshnessRules,
  lapsedAt,
  leaseIsCurrent,
  levelInForce,
  nowSeconds,
} from "./state.js";
import { type Effect, type Input, only, type Step, withSession } from "./steps.js";
import { takeTicket } from "./ticket.js";

/** A device at boot. Keys that its record has given up are gone by now. @throws ProtocolError when its record cannot be read. */
export function boot(record: DeviceRecord, crypto: Crypto, atMs: number, build: Build = {}): DeviceState {
  const charged = record.signedSeconds > 0 ? PERSIST_SECONDS : 0;
  const leaf = record.idevid[0] ?? new Uint8Array();
  const { discarded: _gone, ...kept } = record;
  const opened = evaluated({
    record: { ...kept, poweredSeconds: record.poweredSeconds + charged },
    held: openRecord(record, crypto),
    crypto,
    build,
    idevidKey: decodeCertificate(leaf).fields.publicKey,
    anchorMs: atMs,
    bootMs: atMs,
    receiptOwed: false,
    syncOwed: false,
    speaking: false,
    reported: "none",
    freshness: { fresh: false, level: "none" },
    heldBack: 0,
    needsTime: record.signedSeconds === 0,
    needsLinks: false,
    asPledge: false,
  });
  return { ...opened, reported: levelInForce(opened, atMs), freshness: freshnessOf(opened, atMs) };
}

/** Pure: equal state and input give an equal result. */
export function step(state: DeviceState, input: Input): Step {
  const handled = handle(state, input);
  const performed = perform(handled.state);
  const started = startJob(performed.state, input);
  const effects = [...handled.effects, ...performed.effects, ...started.effects];
  return settle(state, started.state, effects, input.atMs);
}

/** What follows from any change: stop speaking first, save before anything leaves, speak again last. */
function settle(before: DeviceState, next: DeviceState, effects: readonly Effect[], atMs: number): Step {
  const [was, is] = [before.reported, levelInForce(next, atMs)];
  const after = was === is ? next : countTime(next, atMs); // a level that time brought stays over a power cut
  const freshness = freshnessOf(after, atMs);
  const may = maySpeak(after, atMs);
  const speak: Effect = { type: "speak", allowed: may };
  const left = effects.find(({ type }) => type === "reconnect");
  const all: Effect[] = [
    ...(before.speaking && !may ? [speak] : []),
    ...keeping(before.record, after.record, was === is),
    ...(was === is ? [] : [{ type: "level", level: is, before: was } as const]),
    ...effects.filter(({ type }) => type !== "reconnect"),
    ...freshnessNews(before.freshness, freshness),
    ...(left ? [left] : []), // once, and after everything else
    ...(!before.speaking && may ? [speak] : []),
    { type: "wake", atMs: nextWake(after, atMs) },
  ];
  return { state: { ...after, speaking: may, reported: is, freshness }, effects: all };
}

/** Connected to the fleet, a device syncs before it speaks; without a connection nothing is sent at all (I4). */
export function maySpeak(state: DeviceState, atMs: number): boolean {
  const { session } = state;
  return (
    session?.role === "device" &&
    session.synced &&
    leaseIsCurrent(state, atMs) &&
    isAllowed(levelInForce(state, atMs), "application")
  );
}

function handle(state: DeviceState, input: Input): Step {
  switch (input.type) {
    case "connected":
      return only(connected(state, input.door));
    case "disconnected":
      return only(withSession(state, undefined));
    case "server-refused": {
      const [needsTime, needsLinks] = [input.why === "dates", input.why === "chain"];
      return only({ ...withSession(state, undefined), needsTime, needsLinks });
    }
    case "received":
      return receive(state, input.message, input);
    case "key-created":
      return proveKey(state, input.publicKey, input.atMs);
    case "signed":
      return afterSignature(state, input.signature, input.atMs);
    case "held-back":
      return only({ ...state, heldBack: input.messages });
    case "wanted":
      return handOut(state, input.what, input);
    case "ticket":
      return takeTicket(state, input.ticket, input);
    case "tick":
      return askAgain(persistTime(state, input.atMs), input.atMs);
  }
}

/** One visit to the lobby for each refusal: if links did not help, the front door is tried again, ever later. */
function connected(state: DeviceState, door: "front" | "lobby"): DeviceState {
  const newestAuthority = door === "lobby" ? Infinity : 0; // in the lobby it asks in any case
  const quiet = { synced: false, quietUntilMs: 0, fruitless: 0, spreadAtMs: 0 };
  const noTicket = { ticketAtMs: 0, ticketRefused: false, ticketPauses: 0 };
  const untried = { newestAuthority, linksDone: false, enrollInstead: false };
  const session = { door, ...quiet, ...noTicket, ...untried };
  return withSession({ ...state, needsLinks: door === "front" && state.needsLinks }, session);
}

function persistTime(state: DeviceState, atMs: number): DeviceState {
  return atMs - state.anchorMs < PERSIST_SECONDS * 1000 ? state : countTime(state, atMs);
}

/** When to look again, though nothing happens: answers, pauses, syncs, renewals, leases. */
function nextWake(state: DeviceState, atMs: number): number {
  const { session, job } = state;
  const now = nowSeconds(state, atMs);
  const lapsed = lapsedAt(state);
  const rules = freshnessRules(state).map(({ afterSeconds }) => afterSeconds);
  const lapses = lapsed === undefined ? [] : [1, ...rules].map((after) => lapsed + after);
  const online = session ? [nextSyncSeconds(state), renewalSeconds(state)] : [];
  const seconds = [...lapses, ...online].filter((due): due is number => due !== undefined && due > now);
  const parts = ledgerRequest(state) ? session?.ledgerAtMs : undefined;
  const waits = [session?.quietUntilMs, session?.spreadAtMs, session?.ticketAtMs, parts];
  const candidates = [
    ...seconds.map((due) => atMs + (due - now) * 1000),
    ...(job?.sent ? [job.sent.atMs + ANSWER_MS] : []),
    ...waits.filter((due): due is number => due !== undefined && due > atMs),
  ];
  return Math.min(atMs + PERSIST_SECONDS * 1000, ...candidates);
}

/** What a device logs in with: DER, leaf first, and the name of the key. */
export interface TlsIdentity {
  readonly chain: readonly Uint8Array[];
  readonly key: string;
}

/** The LDevID, also an expired one; the IDevID before there is any, and after a gateway refused it. */
export function tlsIdentity({ record, asPledge }: DeviceState): TlsIdentity {
  const factory = { chain: record.idevid, key: IDEVID_KEY };
  return asPledge ? factory : (record.ldevid ?? factory);
}
