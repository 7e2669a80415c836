/**
 * Acts of operators: what they may ask for, and who must agree. Raising is one person's act; lowering,
 * erasing, final revocation and mass acts need more than one. How they are carried out is in
 * registry-work.ts.
 */
import { approvalDigest } from "./act-digest.js";
import type { Act, Fact } from "./events.js";
import { type FleetPolicy, MAX_FRESHNESS_RULES } from "./policy.js";
import { accept, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { isAccess, isTicketKey, problemWithAccess } from "./registry-access.js";
import { resolveRule } from "./registry-advisories.js";
import { problemWithGiving } from "./registry-transfer.js";
import { type ActView, type FleetView, numbersOfHardware } from "./view.js";

/** An operator asks for an act. `id`: 8 random bytes as hex. Of an advisory, `numbers` is left empty. */
export interface ActRequest {
  readonly type: "act";
  readonly id: string;
  readonly act: Act;
}

/** A second operator approves it, having seen `digest`: see `approvalDigest`. */
export interface ApproveRequest {
  readonly type: "approve";
  readonly id: string;
  readonly actor: string;
  readonly digest: string;
}

export const MAX_ACT_DEVICES = 100_000;
const MAX_REASON_BYTES = 64;

/** What the hold key cannot say: such an act needs the signatures of the release role. */
export function needsRelease(act: Act): boolean {
  switch (act.kind) {
    case "hold":
      return act.level === "revoked";
    case "count":
      return act.count === "wipe";
    case "advise":
    case "give": // takes the key of its own role
    case "vouch":
    case "readmit":
    case "ticket":
      return false;
    case "release":
    case "unadvise":
      return true;
  }
}

/** The document that carries out this act is signed elsewhere, and those signatures are its approval too. */
export function isSignedElsewhere(
  act: Act,
  { releaseOnline, transferOnline }: Pick<Context, "releaseOnline" | "transferOnline">,
): boolean {
  return act.kind === "give" ? !transferOnline : needsRelease(act) && !releaseOnline;
}

/** Which acts need the quorum. */
function needsApproval(act: Act, policy: FleetPolicy): boolean {
  if (isAccess(act)) return true; // lets a device do what it may not do by itself
  return needsRelease(act) || act.kind === "give" || act.numbers.length > policy.massActDevices;
}

export function decideAct(view: FleetView, { id, act: asked }: ActRequest, context: Context): Decision {
  const { now, policy } = context;
  const unknown = asked.numbers.find((number) => !view.devices.has(number));
  if (unknown !== undefined) return refuse("not-found", `there is no device ${unknown}; nothing was changed`);
  const problem = problemWith(asked) ?? (view.acts.has(id) ? "this request id was used before" : undefined);
  if (problem) return refuse("bad-request", problem);
  const isAlone = asked.kind === "give" || isAccess(asked); // about a number's voucher, or its keys
  const resolved = isRule(asked)
    ? resolveRule(view, asked, context)
    : { act: isAlone ? asked : withWholeHardware(view, asked) };
  if (!("act" in resolved)) return resolved;
  const { act } = resolved;
  const gone = revokedAmong(view, act);
  if (gone !== undefined)
    return refuse("conflict", `device ${gone} is revoked for good; nothing was changed`);
  const notNow = problemNow(view, act);
  if (notNow) return refuse("conflict", notNow);
  const fact: Fact = { type: "act-requested", id, act };
  return accept(needsApproval(act, policy) ? { ...fact, expiresAt: now + policy.approvalSeconds } : fact);
}

/** Standing belongs to the hardware: an act on one of its numbers is an act on all of them (P7). */
function withWholeHardware(view: FleetView, act: Act): Act {
  const all = act.numbers.flatMap((number) => numbersOfHardware(view, number));
  return { ...act, numbers: [...new Set(all)].sort((a, b) => a - b) };
}

/** What stands in the way of an act that takes a device as it is at this moment. */
function problemNow(view: FleetView, act: Act): string | undefined {
  if (act.kind === "give") return problemWithGiving(view, act);
  return isAccess(act) ? problemWithAccess(view, act) : undefined;
}

/** Rules leave revoked devices where they are; all other acts are about these very devices. */
function revokedAmong(view: FleetView, act: Act): number | undefined {
  if (isRule(act)) return undefined;
  return act.numbers.find((number) => view.devices.get(number)?.level === "revoked");
}

type RuleAct = Extract<Act, { readonly kind: "advise" | "unadvise" }>;

/** An act on all devices that a rule matches. */
export function isRule(act: Act): act is RuleAct {
  return act.kind === "advise" || act.kind === "unadvise";
}

function problemWith(act: Act): string | undefined {
  const { kind, numbers, reason } = act;
  if (numbers.length === 0 && !isRule(act)) return "name at least one device";
  if (numbers.length > 0 && isRule(act)) return "a rule says which devices are meant: name none";
  if (numbers.length > 1 && kind === "give")
    return "devices are given one by one: each has a voucher of its own";
  if (numbers.length > 1 && kind === "ticket") return "a ticket is for one device: ask for each by itself";
  if (kind === "ticket" && !isTicketKey(act.key))
    return "the key of a ticket is an Ed25519 public key, 32 bytes";
  if (numbers.length > MAX_ACT_DEVICES) return `at most ${MAX_ACT_DEVICES} devices in one act`;
  if (new Set(numbers).size !== numbers.length) return "a device is named twice";
  if (reason.trim() === "") return "give a reason: it is part of the record";
  if (/\p{Surrogate}/u.test(reason)) return "a reason holds whole characters only";
  if (new TextEncoder().encode(reason).length > MAX_REASON_BYTES)
    return `a reason has at most ${MAX_REASON_BYTES} bytes`;
  if (kind === "hold" && act.level === "none")
    return "a hold raises: choose observe, restrict, isolate or revoked";
  if (kind === "advise" && act.level === "none")
    return "an advisory raises: choose observe, restrict or isolate";
  if (kind === "release" && act.level === "revoked")
    return "a release lowers: choose none, observe, restrict or isolate";
  if (kind === "release" && (act.freshness?.length ?? 0) > MAX_FRESHNESS_RULES)
    return `a freshness table has at most ${MAX_FRESHNESS_RULES} rules`;
  return undefined;
}

export function decideApproval(view: FleetView, request: ApproveRequest, context: Context): Decision {
  const { id, actor, digest } = request;
  const pending = view.acts.get(id);
  if (!pending) return refuse("not-found", `there is no request ${id}`);
  const problem = problemWithApproval(view, pending, context);
  if (problem) return refuse("conflict", problem);
  if (!context.releaseOnline || isSignedElsewhere(pending.act, context))
    return refuse("approval-needed", "the keys for this are elsewhere: their holders sign what this needs");
  if (pending.requestedBy === actor)
    return refuse("denied", "the one who asks cannot approve: use another token");
  if (digest !== approvalDigest(view, pending.act, context.crypto))
    return refuse("conflict", "this approval is for another set of devices");
  return accept({ type: "act-approved", id, digest });
}

/** Why this act cannot be approved, by whomever. */
export function problemWithApproval(view: FleetView, act: ActView, { now }: Context): string | undefined {
  const { id, expiresAt, approvedBy } = act;
  if (expiresAt === undefined) return `request ${id} needs no approval; it is in force`;
  if (approvedBy !== undefined) return `request ${id} was approved by ${approvedBy}`;
  if (act.finished) return `request ${id} was carried out`;
  if (now > expiresAt) return `request ${id} ran out; ask for it again`;
  const gone = revokedAmong(view, act.act);
  if (gone !== undefined) return `device ${gone} was revoked for good meanwhile; ask again without it`;
  return problemNow(view, act.act);
}

export function inForce(act: ActView): boolean {
  return act.expiresAt === undefined || act.approvedBy !== undefined;
}
