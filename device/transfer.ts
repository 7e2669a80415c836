/**
 * What becomes of a device when its owner changes: it is born again under the next one, with the same
 * hardware and key. Standing goes along (P7); what the owner before could say or read goes; and what must
 * never be accepted again is kept, should the device come back (P3). Pure.
 */
import { parseEnvelope } from "../protocol/cose.js";
import { Authority } from "../protocol/authority.js";
import { equalBytes, toHex } from "../protocol/bytes.js";
import { higherLevel, type Level } from "../protocol/level.js";
import { NO_VERSION } from "../protocol/version.js";
import { beginTerms } from "./authorities.js";
import { evaluated } from "./facts.js";
import type { NextOwner } from "./grant.js";
import { openRecord } from "./held.js";
import type { DeviceRecord, Former } from "./record.js";
import { type DeviceState, lapsedAt, nowSeconds, standing } from "./state.js";
import { discard, leave, type Moment, type Step } from "./steps.js";

/** One save: after a power cut the device is wholly the old owner's, or wholly the new one's. */
export function changeOwner(state: DeviceState, next: NextOwner, { atMs }: Moment): Step {
  const { ldevid, request, base } = state.record;
  const keys = new Set([ldevid, request, base].flatMap((given) => given?.key ?? []));
  const { record, effects } = discard(recordUnder(next, state, atMs), [...keys]);
  const { session: _session, job: _job, probe: _probe, ...rest } = state;
  const fresh = {
    ...rest,
    record,
    held: openRecord(record, state.crypto),
    anchorMs: atMs,
    receiptOwed: false, // the first sync tells all
    syncOwed: false,
    needsTime: record.signedSeconds === 0,
    needsLinks: false,
    asPledge: false,
  };
  const { number, trust } = next;
  const back = formerOf(state.record, trust.fleetId);
  // Its terms may have risen while the device was away.
  const begun = back ? beginTerms(fresh, authorityIn(back.authority).terms, atMs) : fresh;
  return leave(evaluated(begun), [...effects, { type: "transferred", number, fleet: toHex(trust.fleetId) }]);
}

/** All that is not named here belonged to the owner before, and goes. */
function recordUnder(
  { grant, link, number, trust }: NextOwner,
  state: DeviceState,
  atMs: number,
): DeviceRecord {
  const { record } = state;
  const { hardwareId, model, alarms, lastAlarmId, receiptCounter, keyCounter, former = [] } = record;
  const [givers, back] = [formerOf(record, record.fleetId), formerOf(record, trust.fleetId)];
  const levels = [standing(state), link.value.level, back?.level ?? "none"];
  const level = levels.reduce<Level>(higherLevel, "none");
  return {
    number,
    hardwareId,
    model,
    fleetId: trust.fleetId,
    idevid: grant.idevid,
    maker: record.maker ?? record.idevid,
    voucher: grant.voucher,
    birth: grant.record,
    former: [...former.filter((past) => past !== givers), leaving(state, givers, atMs)],
    signedSeconds: 0,
    poweredSeconds: 0,
    ...(back && heldBefore(back)),
    authority: newer(trust.authority.bytes, back?.authority),
    // Below every version, so that the first release of this owner lifts it.
    holds: level === "none" ? [] : [{ version: NO_VERSION, level }],
    alarms,
    lastAlarmId,
    receiptCounter,
    keyCounter,
  };
}

/** The later of two Authorities of one fleet: nobody goes back to an earlier one (P3). */
function newer(came: Uint8Array, known: Uint8Array | undefined): Uint8Array {
  return known && authorityIn(known).version >= authorityIn(came).version ? known : came;
}

/** Verified before it was saved, or just now. */
function authorityIn(envelope: Uint8Array): Authority {
  return Authority.decode(parseEnvelope(envelope).payload);
}

/** What is remembered of an owner from earlier. */
function formerOf({ former = [] }: DeviceRecord, fleetId: Uint8Array): Former | undefined {
  return former.find((past) => equalBytes(past.fleetId, fleetId));
}

/** What is remembered of the owner who gives. Its directives and releases were for a number that it gives no more. */
function leaving(state: DeviceState, before: Former | undefined, atMs: number): Former {
  const { record } = state;
  const { fleetId, number, authority, beacon, advisories, removals, freedRemovals, latched, done } = record;
  const { signedSeconds } = record;
  const lapsedSeconds = lapsedAt(state);
  return {
    fleetId,
    numbers: [...(before?.numbers ?? []), number],
    level: standing(state),
    authority,
    ...(beacon && { beacon }),
    ...(advisories && { advisories }),
    ...(removals && { removals }),
    ...(freedRemovals && { freedRemovals }),
    ...(latched && { latched }),
    ...(done && { done }),
    signedSeconds,
    poweredSeconds: signedSeconds > 0 ? nowSeconds(state, atMs) - signedSeconds : 0,
    ...(lapsedSeconds !== undefined && { lapsedSeconds }),
  };
}

/** Back at an earlier owner, nothing begins before where it ended there. */
function heldBefore({
  fleetId: _id,
  numbers: _numbers,
  level: _level,
  ...held
}: Former): Partial<DeviceRecord> {
  return held;
}
