/** How each event changes the view. The only way anything changes. */
import { atLeast, higherLevel, type HoldLevel } from "../protocol/level.js";
import { type AdvisoriesView, latched, withList, withRemoval } from "./advisories.js";
import type { EventOf, FleetEvent } from "./events.js";
import { advanceLedger, type GenerationEntry, withBeacon } from "./ledger-history.js";
import { type ActView, type DeviceView, type FleetView, isOut, numbersOfHardware } from "./view.js";
import { applyToDevice, countedAnew, importedDevice } from "./view-device.js";

/**
 * The view after one more event. Pure in effect: the maps inside are replaced in place for speed, so
 * the view passed in must not be used again.
 */
export function apply(view: FleetView, event: FleetEvent): FleetView {
  const next = { ...view, lastAt: Math.max(view.lastAt, event.at) };
  switch (event.type) {
    case "fleet-created":
      put(next.authorities, 1, event);
      return { ...next, name: event.name };
    case "authority-issued":
      put(next.authorities, event.version, event);
      return withEpoch(withTerms(next, event), new LedgerStep()); // the Beacon names the newest
    case "holder-certified":
      if (event.profile === "station") put(next.stations, event.number, event);
      return {
        ...next,
        holders: Math.max(next.holders, event.number),
        ...(event.profile === "station" && { station: event }),
      };
    case "device-imported":
      return withBirth(next, event);
    case "device-transferred":
      return withTransfer(next, event);
    case "owner-known":
      put(next.owners, event.fleet, event.links);
      return next;
    case "beacon-issued":
      return { ...next, beacon: event, ledger: withBeacon(next.ledger, event) };
    case "fence-raised":
      return next.fence ? next : { ...next, fence: event };
    case "fence-lifted": {
      const { fence: _lifted, ...before } = next;
      const rest = { ...before, leftOut: new Set([...before.leftOut, ...(event.without ?? [])]) };
      return event.how === "new-terms" ? { ...rest, era: rest.era + 1 } : rest;
    }
    case "checkpoint-signed":
      return { ...next, checkpoint: event };
    case "decision-overtaken":
      return next;
    case "worker-joined":
      put(next.workers, event.id, event);
      return next;
    case "act-requested": {
      const { id, act, expiresAt } = event;
      const done = new Set<number>();
      const asked = { id, act, requestedBy: event.actor, requestedAt: event.at, done, finished: false };
      put(next.acts, id, expiresAt === undefined ? asked : { ...asked, expiresAt });
      return next;
    }
    case "act-approved": {
      const act = next.acts.get(event.id);
      if (act) put(next.acts, event.id, { ...act, approvedBy: event.actor, approvedAt: event.at });
      return next;
    }
    case "advisories-issued":
      finish(next, (act) => act.id === event.act);
      return withAdvisories(next, withList(next.advisories, event));
    case "advisories-removed":
      finish(next, ({ act }) => act.kind === "unadvise" && event.ids.includes(act.id));
      return withAdvisories(next, withRemoval(next.advisories, event));
    default: {
      const before = next.devices.get(event.number);
      if (!before) return next;
      const after = applyToDevice(before, event, next.countsSince);
      const step = new LedgerStep();
      const { active } = next.advisories;
      replace(next, before, event.type === "certificate-issued" ? latched(after, active) : after, step);
      if ("act" in event && event.act) markDone(next, event.act, event.number);
      return step.isEmpty ? next : withEpoch(next, step);
    }
  }
}

/** Whatever times and counts devices have shown were of the term before: in this one they begin anew. */
function withTerms(view: FleetView, event: EventOf<"authority-issued">): FleetView {
  const { version, newDirectives, newTime } = event;
  for (const device of view.devices.values()) {
    const counted = newDirectives ? countedAnew(device) : device;
    put(view.devices, device.number, newTime ? { ...counted, heldTime: 0 } : counted);
  }
  return newDirectives ? { ...view, countsSince: version } : view;
}

function withBirth(view: FleetView, event: EventOf<"device-imported">): FleetView {
  const known = view.numberByHardware.get(event.hardwareId) ?? [];
  put(view.numberByHardware, event.hardwareId, [...known, event.number]);
  const born = importedDevice(event);
  const step = new LedgerStep();
  replace(view, born, latched(born, view.advisories.active), step);
  const next = { ...view, births: Math.max(view.births, event.index + 1), lastBirth: event };
  return step.isEmpty ? next : withEpoch(next, step);
}

/** All that the hardware was here, it is no more. Its standing stays, for the day it comes back (P7). */
function withTransfer(view: FleetView, event: EventOf<"device-transferred">): FleetView {
  const step = new LedgerStep();
  for (const number of numbersOfHardware(view, event.number)) {
    const device = view.devices.get(number);
    if (device && !device.transferred) replace(view, device, { ...device, transferred: event }, step);
  }
  markDone(view, event.act, event.number);
  return step.isEmpty ? view : withEpoch(view, step);
}

function withAdvisories(view: FleetView, advisories: AdvisoriesView): FleetView {
  const step = new LedgerStep();
  for (const device of view.devices.values()) replace(view, device, latched(device, advisories.active), step);
  return withEpoch({ ...view, advisories }, step); // the Beacon names the newest
}

/** What one event changes in the ledger. */
class LedgerStep {
  readonly toggled: number[] = [];
  readonly raised: GenerationEntry[] = [];
  get isEmpty(): boolean {
    return this.toggled.length + this.raised.length === 0;
  }
}

function withEpoch(view: FleetView, { toggled, raised }: LedgerStep): FleetView {
  return { ...view, epoch: advanceLedger(view.ledger, toggled, raised) };
}

/** The one place where a device changes: with it the denied set, the ledger, and who lags behind its hardware. */
function replace(view: FleetView, before: DeviceView, after: DeviceView, step: LedgerStep): void {
  const { number, lowestGeneration } = after;
  if (view.devices.get(number) === after) return;
  put(view.devices, number, after);
  if (isOut(before) !== isOut(after)) step.toggled.push(number);
  if (before.lowestGeneration !== lowestGeneration) step.raised.push([number, lowestGeneration]);
  include(view.denied, number, isOut(after));
  const numbers = numbersOfHardware(view, number);
  if (numbers.length < 2) return;
  const devices = numbers.flatMap((each) => view.devices.get(each) ?? []);
  const advised = devices.reduce<HoldLevel>((level, device) => higherLevel(level, device.advised), "none");
  for (const device of devices) include(view.laggards, device.number, !atLeast(device.level, advised));
}

function markDone(view: FleetView, id: string, number: number): void {
  const act = view.acts.get(id);
  if (!act) return;
  (act.done as Set<number>).add(number);
  if (act.done.size === act.act.numbers.length) put(view.acts, id, { ...act, finished: true });
}

/** An act that one document carries out for all its devices. */
function finish(view: FleetView, isMeant: (act: ActView) => boolean): void {
  for (const act of view.acts.values())
    if (!act.finished && isMeant(act))
      put(view.acts, act.id, { ...act, done: new Set(act.act.numbers), finished: true });
}

function put<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): void {
  (map as Map<K, V>).set(key, value);
}

function include(set: ReadonlySet<number>, number: number, isIn: boolean): void {
  if (isIn) (set as Set<number>).add(number);
  else (set as Set<number>).delete(number);
}
