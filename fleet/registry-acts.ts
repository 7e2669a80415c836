/**
 * Acts of operators. Raising is one person's act; lowering, final revocation and mass acts need a
 * second person. An act in force is carried out device by device, each a record of its own, so that a
 * crash in between leaves work to go on with and nothing half done.
 */

import type { Act, Fact } from "./events.js";
import type { FleetPolicy } from "./policy.js";
import { accept, deviceSubject, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { directiveFact } from "./registry-certify.js";
import { type ActView, type DeviceView, type FleetView, nextVersion } from "./view.js";

/** An operator asks for an act. `id`: 8 random bytes as hex. */
export interface ActRequest {
  readonly type: "act";
  readonly id: string;
  readonly act: Act;
}

/** A second operator approves it, having seen `digest` (of the resolved set of devices). */
export interface ApproveRequest {
  readonly type: "approve";
  readonly id: string;
  readonly actor: string;
  readonly digest: string;
  /** Digest of the act as requested. */
  readonly expectedDigest: string;
}

/** Work that the log shows to be open: an act in force, not yet carried out on this device. */
export interface FollowUp {
  readonly type: "follow-up";
  readonly id: string;
  readonly number: number;
}

export const MAX_ACT_DEVICES = 100_000;
const MAX_REASON_BYTES = 64;

/** Which acts need the quorum. */
function needsApproval(act: Act, policy: FleetPolicy): boolean {
  return act.kind === "release" || act.level === "revoked" || act.numbers.length > policy.massActDevices;
}

export function decideAct(
  view: FleetView,
  { id, act: asked }: ActRequest,
  { now, policy }: Context,
): Decision {
  const unknown = asked.numbers.find((number) => !view.devices.has(number));
  if (unknown !== undefined) return refuse("not-found", `there is no device ${unknown}; nothing was changed`);
  const problem = problemWith(asked) ?? (view.acts.has(id) ? "this request id was used before" : undefined);
  if (problem) return refuse("bad-request", problem);
  const act = { ...asked, numbers: wholeHardware(view, asked.numbers) };
  const gone = revokedAmong(view, act);
  if (gone !== undefined)
    return refuse("conflict", `device ${gone} is revoked for good; nothing was changed`);
  const fact: Fact = { type: "act-requested", id, act };
  return accept(
    `act/${id}`,
    needsApproval(act, policy) ? { ...fact, expiresAt: now + policy.approvalSeconds } : fact,
  );
}

/** Standing belongs to the hardware: an act on one of its numbers is an act on all of them (P7). */
function wholeHardware(view: FleetView, numbers: readonly number[]): readonly number[] {
  const all = numbers.flatMap((number) => {
    const { hardwareId = "" } = view.devices.get(number) ?? {};
    return view.numberByHardware.get(hardwareId) ?? [];
  });
  return [...new Set(all)].sort((a, b) => a - b);
}

function revokedAmong(view: FleetView, { numbers }: Act): number | undefined {
  return numbers.find((number) => view.devices.get(number)?.level === "revoked");
}

function problemWith({ kind, numbers, level, reason }: Act): string | undefined {
  if (numbers.length === 0) return "name at least one device";
  if (numbers.length > MAX_ACT_DEVICES) return `at most ${MAX_ACT_DEVICES} devices in one act`;
  if (new Set(numbers).size !== numbers.length) return "a device is named twice";
  if (reason.trim() === "") return "give a reason: it is part of the record";
  if (/\p{Surrogate}/u.test(reason)) return "a reason holds whole characters only";
  if (new TextEncoder().encode(reason).length > MAX_REASON_BYTES)
    return `a reason has at most ${MAX_REASON_BYTES} bytes`;
  if (kind === "hold" && level === "none")
    return "a hold raises: choose observe, restrict, isolate or revoked";
  if (kind === "release" && level === "revoked")
    return "a release lowers: choose none, observe, restrict or isolate";
  return undefined;
}

export function decideApproval(view: FleetView, request: ApproveRequest, { now }: Context): Decision {
  const { id, actor, digest, expectedDigest } = request;
  const pending = view.acts.get(id);
  if (!pending) return refuse("not-found", `there is no request ${id}`);
  if (pending.expiresAt === undefined)
    return refuse("conflict", `request ${id} needs no approval; it is in force`);
  if (pending.approvedBy !== undefined)
    return refuse("conflict", `request ${id} was approved by ${pending.approvedBy}`);
  if (pending.requestedBy === actor)
    return refuse("denied", "the one who asks cannot approve: use another token");
  if (now > pending.expiresAt) return refuse("conflict", `request ${id} ran out; ask for it again`);
  if (digest !== expectedDigest) return refuse("conflict", "this approval is for another set of devices");
  const gone = revokedAmong(view, pending.act);
  if (gone !== undefined)
    return refuse("conflict", `device ${gone} was revoked for good meanwhile; ask again without it`);
  return accept(`act/${id}`, { type: "act-approved", id, digest });
}

export function inForce(act: ActView): boolean {
  return act.expiresAt === undefined || act.approvedBy !== undefined;
}

/** Pure: what the log says is still to be done, oldest act first. */
export function openWork(view: FleetView): readonly FollowUp[] {
  return [...view.acts.values()].filter(inForce).flatMap(({ id, act, done }) => {
    if (done.size === act.numbers.length) return [];
    const open = act.numbers.filter((number) => !done.has(number));
    return open.map((number) => ({ type: "follow-up", id, number }) as const);
  });
}

export function decideFollowUp(view: FleetView, { id, number }: FollowUp, context: Context): Decision {
  const act = view.acts.get(id);
  const device = view.devices.get(number);
  if (!act || !device || !inForce(act) || act.done.has(number)) return refuse("conflict", "nothing to do");
  return accept(deviceSubject(number), actFact(device, act.act, id, context));
}

function actFact(device: DeviceView, { kind, level, reason }: Act, act: string, { terms }: Context): Fact {
  if (kind === "hold" && level !== "revoked")
    return directiveFact(device, level, reason, terms.directive, act);
  const version = nextVersion(device, terms.directive);
  const clearedAlarms = kind === "release" ? device.alarms.map(({ id }) => id).slice(-16) : [];
  // Two acts may be in force at once, after a crash in between: whatever their order, revoked is final.
  const left = device.level === "revoked" ? "revoked" : level;
  return { type: "release-issued", number: device.number, version, level: left, reason, clearedAlarms, act };
}

/** The ledger moved on: sign its new head. @param digest - of the present set, base64url. */
export function decideBeacon(view: FleetView, digest: string, { terms, authority }: Context): Decision {
  const version = [terms.ledger, view.epoch] as const;
  return accept("fleet", { type: "beacon-issued", version, denied: view.denied.size, digest, authority });
}
