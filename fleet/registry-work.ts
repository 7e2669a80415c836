/**
 * What follows from acts in force. Devices are taken one by one, each a record of its own, so that a crash
 * in between leaves work to go on with and nothing half done.
 */
import { higherLevel, type HoldLevel } from "../protocol/level.js";
import { directiveFact, type DocumentAct, isDocumentAct, releaseFact } from "./device-documents.js";
import type { Fact } from "./events.js";
import { accept, refuse } from "./refusal.js";
import type { Context, Decision, Work } from "./registry.js";
import { accessFact } from "./registry-access.js";
import { inForce, isRule, isSignedElsewhere } from "./registry-acts.js";
import { hasRoom, listFact, listIsOld, removalFact } from "./registry-advisories.js";
import { problemWithGiving, transferFact } from "./registry-transfer.js";
import { type ActView, type DeviceView, type FleetView, numbersOfHardware } from "./view.js";

/** An act in force, not yet carried out on this device; without a number: by its one document for all. */
export interface FollowUp {
  readonly type: "follow-up";
  readonly id: string;
  readonly number?: number;
}

/** A device below the level that advisories give to another number of its hardware (P7). */
export interface CatchUp {
  readonly type: "catch-up";
  readonly number: number;
}

/**
 * Pure: what the log says is still to be done and this server can do, oldest act first. The first of it is
 * always accepted, with a fact; what comes behind may be overtaken by that.
 */
export function openWork(view: FleetView, context: Context): readonly Work[] {
  const acts = [...view.acts.values()].filter((act) => isOpen(view, act, context));
  const laggards = [...view.laggards].map((number): Work => ({ type: "catch-up", number }));
  const renewed: readonly Work[] = listIsOld(view, context) ? [{ type: "renew-list" }] : [];
  return [...renewed, ...acts.flatMap(workOf), ...laggards];
}

/** In force, unfinished, and not for others to sign. */
function isOpen(view: FleetView, { act, ...rest }: ActView, context: Context): boolean {
  if (rest.finished || !inForce({ act, ...rest })) return false;
  if (isSignedElsewhere(act, context)) return false;
  if (act.kind === "give" && problemWithGiving(view, act)) return false;
  return !isRule(act) || hasRoom(view, act, context);
}

function workOf({ id, act, done }: ActView): readonly FollowUp[] {
  if (isRule(act)) return [{ type: "follow-up", id }];
  const open = act.numbers.filter((number) => !done.has(number));
  return open.map((number) => ({ type: "follow-up", id, number }));
}

export function decideFollowUp(view: FleetView, { id, number }: FollowUp, context: Context): Decision {
  const pending = view.acts.get(id);
  if (!pending || !isOpen(view, pending, context)) return refuse("conflict", "nothing to do");
  const { act, done } = pending;
  if (act.kind === "advise") return accept(listFact(view, context, { act, id }));
  if (act.kind === "unadvise") return accept(removalFact(view, context, { act, id }));
  const device = number === undefined ? undefined : view.devices.get(number);
  if (!device || done.has(device.number)) return refuse("conflict", "nothing to do");
  if (act.kind === "give") return accept(transferFact(view, device, act, id, context));
  const fact = isDocumentAct(act)
    ? documentFact(device, act, id, context)
    : accessFact(device, act, id, context);
  return accept(fact);
}

/** The document that carries out an act on one device. */
function documentFact(device: DeviceView, act: DocumentAct, id: string, { terms }: Context): Fact {
  const { reason } = act;
  if (act.kind === "hold" && act.level !== "revoked")
    return directiveFact(device, act.level, terms.directive, { reason, act: id });
  if (act.kind === "count" && act.count !== "wipe")
    return directiveFact(device, "none", terms.directive, { reason, act: id, once: act.count });
  return releaseFact(device, act, id, terms.directive);
}

export function decideCatchUp(view: FleetView, { number }: CatchUp, { terms }: Context): Decision {
  const device = view.devices.get(number);
  if (!device || !view.laggards.has(number)) return refuse("conflict", "nothing to do");
  const level = numbersOfHardware(view, number).reduce<HoldLevel>(
    (highest, other) => higherLevel(highest, view.devices.get(other)?.advised ?? "none"),
    "none",
  );
  const reason = "advisory on another number of this hardware";
  return accept(directiveFact(device, level, terms.directive, { reason }));
}
