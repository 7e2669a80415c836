/** A device in memory: its record, the record's documents opened, and the connection of the moment. */
import { freshnessFor, freshnessLevel, type FreshnessRules } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import type { Opened } from "../protocol/envelope.js";
import { higherLevel, type Level } from "../protocol/level.js";
import type { SessionRole } from "../protocol/notice.js";
import { standingOf } from "../protocol/standing.js";
import type { HeldVector } from "../protocol/vector.js";
import type { Version } from "../protocol/version.js";
import { advisedLevel } from "./advisories.js";
import { alarmLevel } from "./alarms.js";
import type { EdgeContext } from "./edge.js";
import type { Freshness } from "./freshness.js";
import type { Held } from "./held.js";
import type { Job } from "./jobs.js";
import type { PeerJudge, PeerPolicy } from "./peers.js";
import type { DeviceRecord } from "./record.js";

export interface Session {
  /** Through the front door, or through the lobby: no trust; Authority links and signed time only. */
  readonly door: "front" | "lobby";
  /** What the gateway says this session may do; undefined until it has said so. */
  readonly role?: SessionRole;
  /** A lease was accepted on this very connection. */
  readonly synced: boolean;
  /** Ask for nothing before this (ms, as `Input.atMs`): someone asked for a pause. */
  readonly quietUntilMs: number;
  /** Syncs that brought no lease, in a row. */
  readonly fruitless: number;
  /** Newest Authority that somebody spoke of: a hint, since notices are not signed. */
  readonly newestAuthority: number;
  /** Links were asked for, and there were none: no second attempt on this connection. */
  readonly linksDone: boolean;
  /** From then on the parts of the ledger that are missing are asked for; undefined: not yet. */
  readonly ledgerAtMs?: number;
  /** Nothing is said before then about what everyone was told at once. */
  readonly spreadAtMs: number;
  /** A ticket is not shown before then; and not at all on this connection once it was refused. */
  readonly ticketAtMs: number;
  readonly ticketRefused: boolean;
  /** Refusals for now, and silence, in a row. */
  readonly ticketPauses: number;
  /** The fleet knows of no LDevID to come back with. */
  readonly enrollInstead: boolean;
}

/** What the firmware says of itself; the same until the next boot. */
export interface Build {
  /** Up to 32 bytes; told in each sync, and a fact for advisories. */
  readonly firmware?: string;
  /** Largest part of a ledger that it can take, 64 to 65,536 bytes; absent: any. */
  readonly maxPartBytes?: number;
}

export interface DeviceState {
  readonly record: DeviceRecord;
  readonly held: Held;
  readonly crypto: Crypto;
  readonly build: Build;
  readonly idevidKey: PublicKey;
  /** `Input.atMs` up to which `record.poweredSeconds` counts. */
  readonly anchorMs: number;
  readonly bootMs: number;
  readonly session?: Session;
  readonly job?: Job;
  /** The fleet has asked for another sync with this in it: 16 bytes, until a reply asks for none. */
  readonly probe?: Uint8Array;
  /** Standing changed, or an act was done, and the fleet has not been told. */
  readonly receiptOwed: boolean;
  /** Something was done that a sync is to tell. */
  readonly syncOwed: boolean;
  readonly speaking: boolean;
  /** The level last told to the application; time alone can change the one in force. */
  readonly reported: Level;
  /** The same of freshness. */
  readonly freshness: Freshness;
  /** Application messages that wait, for the health line. */
  readonly heldBack: number;
  /** The next connection goes through the lobby: the server's certificate has dates that time cannot confirm. */
  readonly needsTime: boolean;
  /** It does so too: the server's chain does not verify, and perhaps it would under a newer Authority. */
  readonly needsLinks: boolean;
  /** The IDevID is shown, and the base key signs: a gateway or the fleet has refused the LDevID. */
  readonly asPledge: boolean;
}

export function withHeld(
  state: DeviceState,
  held: Partial<DeviceState["held"]>,
  record: Partial<DeviceRecord>,
): DeviceState {
  return { ...state, held: { ...state.held, ...held }, record: { ...state.record, ...record } };
}

/** What the edge needs to judge what comes. */
export function contextOf(state: DeviceState, atMs: number): EdgeContext {
  const { record, held, crypto } = state;
  const { hardwareId, former = [], earlier = [] } = record;
  const [voucher, publicKey, before] = [held.voucher, state.idevidKey, earlier.at(-1)];
  const owned = { hardwareId, publicKey, voucher, standing: standing(state), former };
  const now = nowSeconds(state, atMs);
  return { trust: held.trust, crypto, nowSeconds: now, owned, ...(before && { earlier: before }) };
}

/** What peers are judged by. */
export function judgeOf(state: DeviceState, policy: PeerPolicy, atMs: number): PeerJudge {
  const { record, held, crypto } = state;
  const now = record.signedSeconds > 0 ? nowSeconds(state, atMs) : 0; // before that it is no time at all
  const { set } = held.ledger;
  return { trust: held.trust, nowSeconds: now, policy, crypto, ...(set && { ledger: set }) };
}

/** Fleet time as the device knows it: signed time and powered seconds since. A lower bound of the truth. */
export function nowSeconds({ record, anchorMs }: DeviceState, atMs: number): number {
  return record.signedSeconds + record.poweredSeconds + Math.floor((atMs - anchorMs) / 1000);
}

/** What documents and the device's own alarms add up to. Time has no part in it (P5, P6). */
export function standing({ record, held }: Pick<DeviceState, "record" | "held">): Level {
  const ownDocuments = standingOf(record.holds, held.freed?.value);
  return higherLevel(higherLevel(ownDocuments, advisedLevel(held.advisories)), alarmLevel(record.alarms));
}

/** True when there is a release that no lease has named yet. One of an earlier term never will be. */
export function releaseWaits({ release, freed, trust }: Held): boolean {
  const current = ofTerm(release, trust.authority.value.terms.directive);
  return current !== undefined && !(freed && equalBytes(current.hash, freed.hash));
}

/** The document, if it counts in this term. */
export function ofTerm<T extends Opened<{ readonly version: Version }>>(
  document: T | undefined,
  term: number,
): T | undefined {
  return document?.value.version[0] === term ? document : undefined;
}

/** When the newest lease ends or ended; undefined for a device that never had one. */
export function lapsedAt({ held, record }: Pick<DeviceState, "record" | "held">): number | undefined {
  return held.lease?.value.goodUntil ?? record.lapsedSeconds;
}

/** Negative while the newest lease lasts, and for a device that never had one. */
export function secondsSinceLapse(state: DeviceState, atMs: number): number {
  const lapsed = lapsedAt(state);
  return lapsed === undefined ? -1 : nowSeconds(state, atMs) - lapsed;
}

/**
 * The table that counts for this device. One of its own comes with a release, and so counts from the lease on
 * that puts the release in force, or the release alone could make a device less strict (P13).
 */
export function freshnessRules({ held, record }: Pick<DeviceState, "record" | "held">): FreshnessRules {
  return freshnessFor(held.trust.authority.value, record.model, held.freed?.value.freshness);
}

/** The level in force: the higher of standing and what a lease that ran out asks for. */
export function levelInForce(state: DeviceState, atMs: number): Level {
  return higherLevel(standing(state), freshnessLevel(freshnessRules(state), secondsSinceLapse(state, atMs)));
}

/** True while the newest lease lasts. */
export function leaseIsCurrent(state: DeviceState, atMs: number): boolean {
  const lease = state.held.lease?.value;
  return lease !== undefined && nowSeconds(state, atMs) <= lease.goodUntil;
}

/**
 * What this device holds, as it tells the fleet. A lease must name the very release and removal that are
 * said here; those of an earlier term count no longer, and no lease will name them.
 */
export function heldVector({ held, record }: Pick<DeviceState, "record" | "held">): HeldVector {
  const { trust, directive } = held;
  const { version, terms } = trust.authority.value;
  const release = ofTerm(held.release, terms.directive);
  const removals = ofTerm(held.advisories.removal, terms.advisory);
  const [ledger, advisories] = [held.ledger.set?.beacon, held.advisories.list];
  const said = (document: Opened<{ readonly version: Version }>) => ({
    version: document.value.version,
    hash: document.hash,
  });
  return {
    authority: { version, hash: trust.authority.hash },
    ...(ledger && { ledger: said(ledger) }),
    ...(advisories && { advisories: said(advisories) }),
    ...(removals && { removals: said(removals) }),
    ...(directive && { directive: said(directive) }),
    ...(release && { release: said(release) }),
    level: standing({ held, record }),
    ...(record.done && Object.keys(record.done).length > 0 && { done: record.done }),
  };
}
