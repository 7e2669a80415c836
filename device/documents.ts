/**
 * What a document does to a device: pure, order-independent, never backwards (P2, P3). Directives and
 * releases of another device, another term or an older version change nothing.
 */
import { equalBytes } from "../protocol/bytes.js";
import type { Opened } from "../protocol/envelope.js";
import type { Level } from "../protocol/level.js";
import type { Lease } from "../protocol/lease.js";
import type { Release } from "../protocol/release.js";
import { addHold, liftHolds } from "../protocol/standing.js";
import { reaches } from "../protocol/vector.js";
import { compareVersions, NO_VERSION, type Version } from "../protocol/version.js";
import type { StandingDocument } from "./edge.js";
import type { Alarm, DeviceRecord } from "./record.js";
import { type DeviceState, heldVector, releaseWaits } from "./state.js";

/** Alarms kept; with that many the device is isolated anyway, and the oldest tell most. */
const MAX_ALARMS = 16;

/** The state after a document; the very same state when it changes nothing. */
export function applyDocument(state: DeviceState, document: StandingDocument): DeviceState {
  const { record, held } = state;
  const { terms } = held.trust.authority.value;
  switch (document.name) {
    case "beacon": {
      const news = compare(document.opened, held.beacon, terms.ledger);
      if (news !== "newer") return news === "fork" ? raiseAlarm(state, "fork") : state;
      return withHeld(state, { beacon: document.opened }, { beacon: document.opened.bytes });
    }
    case "directive": {
      const { opened } = document;
      if (opened.value.subject !== record.number) return state;
      const news = compare(opened, held.directive, terms.directive);
      if (news !== "newer") return news === "fork" ? raiseAlarm(state, "fork") : state;
      const lifted = compareVersions(opened.value.version, held.freed?.value.version ?? NO_VERSION) < 0;
      const holds = lifted ? record.holds : addHold<Level>(record.holds, opened.value);
      return withHeld(state, { directive: opened }, { directive: opened.bytes, holds });
    }
    case "release": {
      const { opened } = document;
      const final = held.release?.value.level === "revoked"; // nothing lowers it
      if (opened.value.subject !== record.number || final) return state;
      const news = compare(opened, held.release, terms.directive);
      if (news !== "newer") return news === "fork" ? raiseAlarm(state, "fork") : state;
      // Not in force yet: until a lease names it, it can only raise (P13), and so is one hold more.
      const holds = addHold<Level>(record.holds, opened.value);
      return withHeld(state, { release: opened }, { release: opened.bytes, holds });
    }
    case "unreadable-directive": {
      if (document.subject !== record.number || document.version[0] !== terms.directive) return state;
      const newest = held.directive?.value.version ?? NO_VERSION;
      if (compareVersions(document.version, newest) <= 0) return state;
      return record.alarms.some(({ kind }) => kind === "unreadable")
        ? state
        : raiseAlarm(state, "unreadable");
    }
  }
}

/**
 * The state after a lease, or undefined when the lease does not count: another device or nonce, another
 * term, time running backwards, or a vector that this device has not reached.
 */
export function applyLease(
  state: DeviceState,
  lease: Opened<Lease>,
  nonce: Uint8Array,
  atMs: number,
): DeviceState | undefined {
  const { subject, time, required } = lease.value;
  const { record, held } = state;
  if (subject !== record.number || !equalBytes(lease.value.nonce, nonce)) return undefined;
  if (time[0] !== held.trust.authority.value.terms.time || time[1] < record.signedSeconds) return undefined;
  if (!reaches(heldVector(state), required)) return undefined;
  const freed = held.release;
  const lifted = freed && releaseWaits(held) ? liftedBy(record, freed.value) : {};
  const timed = { signedSeconds: time[1], poweredSeconds: 0, lease: lease.bytes };
  const next = withHeld(
    state,
    { lease, ...(freed && { freed }) },
    { ...timed, ...lifted, ...(freed && { freed: freed.bytes }) },
  );
  return { ...next, anchorMs: atMs };
}

/** What is left of holds and alarms once a release is in force. */
function liftedBy(record: DeviceRecord, { version, clearedAlarms = [] }: Release): Partial<DeviceRecord> {
  return {
    holds: liftHolds(record.holds, version),
    alarms: record.alarms.filter(({ id }) => !clearedAlarms.includes(id)),
  };
}

function raiseAlarm(state: DeviceState, kind: Alarm["kind"]): DeviceState {
  const { record } = state;
  if (record.alarms.length >= MAX_ALARMS) return state;
  const id = record.lastAlarmId + 1;
  return { ...state, record: { ...record, alarms: [...record.alarms, { id, kind }], lastAlarmId: id } };
}

/** Same version with other content is a fork: somebody signs twice. */
function compare(
  found: Opened<{ readonly version: Version }>,
  known: Opened<{ readonly version: Version }> | undefined,
  term: number,
): "newer" | "known" | "older" | "fork" {
  if (found.value.version[0] !== term) return "older"; // counts only in the term that the Authority names
  const order = compareVersions(found.value.version, known?.value.version ?? NO_VERSION);
  if (order !== 0 || !known) return order > 0 || !known ? "newer" : "older";
  return equalBytes(found.hash, known.hash) ? "known" : "fork";
}

function withHeld(
  state: DeviceState,
  held: Partial<DeviceState["held"]>,
  record: Partial<DeviceRecord>,
): DeviceState {
  return { ...state, held: { ...state.held, ...held }, record: { ...state.record, ...record } };
}
