/** What the events add up to: the one table that decisions look at. Rebuilt from the log at every start. */
import type { Hold, Freed } from "../protocol/standing.js";
import { addHold, liftHolds, standingOf } from "../protocol/standing.js";
import { type HoldLevel, isDenied, type Level } from "../protocol/level.js";
import { compareVersions, NO_VERSION, type Version } from "../protocol/version.js";
import type { Act, Base64Url, EventOf, FleetEvent, HeldFact, KeyFact } from "./events.js";

export interface DeviceView {
  readonly number: number;
  readonly hardwareId: Base64Url;
  readonly model: string;
  /** Of its IDevID. */
  readonly key: KeyFact;
  readonly birth: EventOf<"device-imported">;
  readonly level: Level;
  readonly holds: readonly Hold<HoldLevel>[];
  readonly freed?: Freed;
  readonly directive?: EventOf<"directive-issued">;
  readonly release?: EventOf<"release-issued">;
  /** The LDevID in use, newest last; the one before it counts until the newest was used. */
  readonly certificates: readonly EventOf<"certificate-issued">[];
  readonly lowestGeneration: number;
  readonly lease?: EventOf<"lease-issued">;
  /** What the device last signed that it holds, and when. */
  readonly held?: HeldFact;
  readonly lastContactAt?: number;
  /** Newest signed fleet time that the device has shown to know. */
  readonly heldTime: number;
  readonly receiptCounter: number;
  readonly alarms: readonly { readonly id: number; readonly kind: string; readonly at: number }[];
  readonly lastAlarmId: number;
}

export interface ActView {
  readonly id: string;
  readonly act: Act;
  readonly requestedBy: string;
  readonly requestedAt: number;
  /** Present when a second person has to approve, and until when they may. */
  readonly expiresAt?: number;
  readonly approvedBy?: string;
  readonly approvedAt?: number;
  /** Devices whose directive or release was issued. */
  readonly done: ReadonlySet<number>;
}

export interface FleetView {
  readonly name: string;
  /** Newest time in any event: fleet time never falls. */
  readonly lastAt: number;
  readonly devices: ReadonlyMap<number, DeviceView>;
  readonly numberByHardware: ReadonlyMap<Base64Url, readonly number[]>;
  readonly acts: ReadonlyMap<string, ActView>;
  /** Numbers at `isolate` or above, and how often that set or a lowest generation changed. */
  readonly denied: ReadonlySet<number>;
  readonly epoch: number;
  readonly beacon?: EventOf<"beacon-issued">;
  readonly births: number;
  readonly lastBirth?: EventOf<"device-imported">;
  /** Highest number of a holder that is no device, and the newest station's certificate. */
  readonly holders: number;
  readonly station?: EventOf<"holder-certified">;
}

export const EMPTY_VIEW: FleetView = {
  name: "",
  lastAt: 0,
  devices: new Map(),
  numberByHardware: new Map(),
  acts: new Map(),
  denied: new Set(),
  epoch: 0,
  births: 0,
  holders: 0,
};

/**
 * The view after one more event. Pure in effect: the maps inside are replaced in place for speed, so
 * the view passed in must not be used again.
 */
export function apply(view: FleetView, event: FleetEvent): FleetView {
  const next = { ...view, lastAt: Math.max(view.lastAt, event.at) };
  switch (event.type) {
    case "fleet-created":
      return { ...next, name: event.name };
    case "holder-certified":
      return {
        ...next,
        holders: Math.max(next.holders, event.number),
        ...(event.profile === "station" && { station: event }),
      };
    case "device-imported": {
      const known = next.numberByHardware.get(event.hardwareId) ?? [];
      put(next.numberByHardware, event.hardwareId, [...known, event.number]);
      put(next.devices, event.number, importedDevice(event));
      return { ...next, births: Math.max(next.births, event.index + 1), lastBirth: event };
    }
    case "beacon-issued":
      return { ...next, beacon: event };
    case "act-requested": {
      const { id, act, expiresAt } = event;
      const requested = { id, act, requestedBy: event.actor, requestedAt: event.at, done: new Set<number>() };
      put(next.acts, id, expiresAt === undefined ? requested : { ...requested, expiresAt });
      return next;
    }
    case "act-approved": {
      const act = next.acts.get(event.id);
      if (act) put(next.acts, event.id, { ...act, approvedBy: event.actor, approvedAt: event.at });
      return next;
    }
    default: {
      const before = next.devices.get(event.number);
      if (!before) return next;
      const after = applyToDevice(before, event);
      put(next.devices, event.number, after);
      if ("act" in event && event.act) markDone(next, event.act, event.number);
      return { ...next, epoch: next.epoch + updateDenied(next, before, after) };
    }
  }
}

type DeviceEvent = EventOf<
  | "certificate-issued"
  | "directive-issued"
  | "release-issued"
  | "lease-issued"
  | "receipt-received"
  | "alarm-reported"
>;

function applyToDevice(device: DeviceView, event: DeviceEvent): DeviceView {
  switch (event.type) {
    case "certificate-issued":
      return { ...device, certificates: [...device.certificates.slice(-1), event], lastContactAt: event.at };
    case "directive-issued": {
      const holds = addHold(device.holds, event);
      const level = standingOf(holds, device.freed);
      return { ...device, holds, level, directive: event, lowestGeneration: event.lowestGeneration };
    }
    case "release-issued": {
      const holds = liftHolds(device.holds, event.version);
      const alarms = device.alarms.filter((alarm) => !event.clearedAlarms.includes(alarm.id));
      return { ...device, holds, freed: event, alarms, release: event, level: standingOf(holds, event) };
    }
    case "lease-issued": {
      const { held, at, key, time } = event;
      const newest = device.certificates.at(-1);
      const certificates = newest?.key.bytes === key ? [newest] : device.certificates;
      const leased = { ...device, lease: event, certificates };
      // An older sync that somebody repeats is answered, which harms nobody, but is no news of the device.
      const news = time > device.heldTime || device.held === undefined;
      return news ? { ...leased, held, heldTime: time, lastContactAt: at } : leased;
    }
    case "receipt-received":
      return { ...device, held: event.held, receiptCounter: event.counter, lastContactAt: event.at };
    case "alarm-reported": {
      const alarms = [...device.alarms, { id: event.id, kind: event.kind, at: event.at }];
      return { ...device, alarms, lastAlarmId: Math.max(device.lastAlarmId, event.id) };
    }
  }
}

function importedDevice(event: EventOf<"device-imported">): DeviceView {
  const { number, hardwareId, model, key } = event;
  return {
    number,
    hardwareId,
    model,
    key,
    birth: event,
    level: "none",
    holds: [],
    certificates: [],
    lowestGeneration: 1,
    receiptCounter: 0,
    heldTime: 0,
    alarms: [],
    lastAlarmId: 0,
  };
}

/** 1 when the ledger's content changed, else 0. */
function updateDenied(view: FleetView, before: DeviceView, after: DeviceView): 0 | 1 {
  const denied = view.denied as Set<number>;
  if (isDenied(after.level)) denied.add(after.number);
  else denied.delete(after.number);
  const moved = isDenied(before.level) !== isDenied(after.level);
  return moved || before.lowestGeneration !== after.lowestGeneration ? 1 : 0;
}

function markDone(view: FleetView, id: string, number: number): void {
  (view.acts.get(id)?.done as Set<number> | undefined)?.add(number);
}

function put<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): void {
  (map as Map<K, V>).set(key, value);
}

/** The newest directive's version, or [0, 0]. */
export function directiveVersion(device: DeviceView): Version {
  return device.directive?.version ?? NO_VERSION;
}

export function releaseVersion(device: DeviceView): Version {
  return device.release?.version ?? NO_VERSION;
}

/** One counter numbers a device's directives and releases, so no two documents share a version. */
export function nextVersion(device: DeviceView, term: number): Version {
  const [directive, release] = [directiveVersion(device), releaseVersion(device)];
  const newest = compareVersions(directive, release) > 0 ? directive : release;
  return newest[0] === term ? [term, newest[1] + 1] : [term, 1];
}
