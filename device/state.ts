/** A device in memory: its record, the record's documents opened, and the connection of the moment. */
import { freshnessLevel, openFirstAuthority, openDocument, type Trust } from "../protocol/authority.js";
import { Beacon } from "../protocol/beacon.js";
import { equalBytes } from "../protocol/bytes.js";
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import { Directive } from "../protocol/directive.js";
import type { Opened } from "../protocol/envelope.js";
import { Lease } from "../protocol/lease.js";
import { higherLevel, type Level } from "../protocol/level.js";
import type { SessionRole } from "../protocol/notice.js";
import { Release } from "../protocol/release.js";
import { standingOf } from "../protocol/standing.js";
import type { HeldVector } from "../protocol/vector.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import type { Alarm, DeviceRecord } from "./record.js";
import type { Job } from "./jobs.js";

/** Documents of the record, opened again at every boot: the disk is a carrier like any other. */
export interface Held {
  readonly trust: Trust;
  readonly directive?: Opened<Directive>;
  readonly release?: Opened<Release>;
  readonly freed?: Opened<Release>;
  readonly beacon?: Opened<Beacon>;
  readonly lease?: Opened<Lease>;
  readonly ldevid?: LdevidDates;
}

/** Unix seconds. */
export interface LdevidDates {
  readonly publicKey: PublicKey;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Session {
  /** Through the front door, or through the lobby: no trust, signed time only. */
  readonly door: "front" | "lobby";
  /** What the gateway says this session may do; undefined until it has said so. */
  readonly role?: SessionRole;
  /** A lease was accepted on this very connection. */
  readonly synced: boolean;
  /** Ask for nothing before this (ms, as `Input.atMs`): someone asked for a pause. */
  readonly quietUntilMs: number;
  /** Syncs that brought no lease, in a row. */
  readonly fruitless: number;
}

export interface DeviceState {
  readonly record: DeviceRecord;
  readonly held: Held;
  readonly crypto: Crypto;
  readonly idevidKey: PublicKey;
  /** `Input.atMs` up to which `record.poweredSeconds` counts. */
  readonly anchorMs: number;
  readonly bootMs: number;
  readonly session?: Session;
  readonly job?: Job;
  /** Standing changed and the fleet has not been told. */
  readonly receiptOwed: boolean;
  readonly speaking: boolean;
  /** The level last told to the application; time alone can change the one in force. */
  readonly reported: Level;
  /** Application messages that wait, for the health line. */
  readonly heldBack: number;
  /** The next connection goes through the lobby: the server's certificate has dates that time cannot confirm. */
  readonly needsTime: boolean;
}

/** Opens a record. @throws ProtocolError when the disk holds something that does not prove itself. */
export function openRecord(record: DeviceRecord, crypto: Crypto): Held {
  const trust = openFirstAuthority(record.authority, crypto, record.fleetId);
  const open = <T>(document: Parameters<typeof openDocument<T, string>>[0], bytes: Uint8Array | undefined) =>
    bytes && openDocument(document, bytes, trust, crypto);
  const [directive, release, freed] = [
    open(Directive, record.directive),
    open(Release, record.release),
    open(Release, record.freed),
  ];
  const [beacon, lease] = [open(Beacon, record.beacon), open(Lease, record.lease)];
  const leaf = record.ldevid?.chain[0];
  return {
    trust,
    ...(directive && { directive }),
    ...(release && { release }),
    ...(freed && { freed }),
    ...(beacon && { beacon }),
    ...(lease && { lease }),
    ...(leaf && { ldevid: datesOf(leaf) }),
  };
}

export function datesOf(leaf: Uint8Array): LdevidDates {
  const { publicKey, notBeforeSeconds, notAfterSeconds } = decodeCertificate(leaf).fields;
  return { publicKey, notBefore: notBeforeSeconds, notAfter: notAfterSeconds };
}

/** Fleet time as the device knows it: signed time and powered seconds since. A lower bound of the truth. */
export function nowSeconds({ record, anchorMs }: DeviceState, atMs: number): number {
  return record.signedSeconds + record.poweredSeconds + Math.floor((atMs - anchorMs) / 1000);
}

const ALARM_LEVELS: Readonly<Record<Alarm["kind"], Level>> = {
  rollback: "isolate",
  tamper: "isolate",
  fork: "isolate",
  unreadable: "restrict",
};

/** What documents and the device's own alarms add up to. Time has no part in it (P5, P6). */
export function standing({ record, held }: Pick<DeviceState, "record" | "held">): Level {
  const documents = standingOf(record.holds, held.freed?.value);
  return record.alarms.reduce<Level>(
    (highest, { kind }) => higherLevel(highest, ALARM_LEVELS[kind]),
    documents,
  );
}

/** True when there is a release that no lease has named yet. */
export function releaseWaits({ release, freed }: Held): boolean {
  return release !== undefined && !(freed && equalBytes(release.hash, freed.hash));
}

/** The level in force: the higher of standing and what a lease that ran out asks for. */
export function levelInForce(state: DeviceState, atMs: number): Level {
  const lease = state.held.lease?.value;
  const sinceEnd = lease ? nowSeconds(state, atMs) - lease.goodUntil : -1;
  return higherLevel(standing(state), freshnessLevel(state.held.trust.authority.value, sinceEnd));
}

/** True while the newest lease lasts. */
export function leaseIsCurrent(state: DeviceState, atMs: number): boolean {
  const lease = state.held.lease?.value;
  return lease !== undefined && nowSeconds(state, atMs) <= lease.goodUntil;
}

/** What this device holds, as it tells the fleet. */
export function heldVector(state: Pick<DeviceState, "record" | "held">): HeldVector {
  const { trust, beacon, directive, release } = state.held;
  return {
    authority: { version: trust.authority.value.version, hash: trust.authority.hash },
    ...(beacon && { ledger: { version: beacon.value.version, hash: beacon.hash } }),
    ...(directive && { directive: { version: directive.value.version, hash: directive.hash } }),
    ...(release && { release: { version: release.value.version, hash: release.hash } }),
    level: standing(state),
  };
}
