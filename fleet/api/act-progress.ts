/** How far an act has come: on each of its devices, and in all. Pure. */
import type { Level } from "../../protocol/level.js";
import type { ActName } from "../../protocol/vector.js";
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";
import { type ActView, type DeviceView, directiveVersion, type FleetView, releaseVersion } from "../view.js";
import { knowsOf } from "./devices.js";
import { optionalTimestamp, type Timestamp } from "./json.js";

type ActState =
  /** Nothing is issued to this device: the act waits for an approval, or for signatures. */
  | "waiting"
  /** Signed and on its way; the device has not said that it holds it, or has done it, and may be dark. */
  | "issued"
  /** The device signed that it holds it; of a one-shot act, that it has done it. */
  | "confirmed"
  /** A later decision stands for this device. */
  | "superseded";

export interface ActDevice {
  readonly number: number;
  /** What the fleet has decided for it until now. */
  readonly level: Level;
  readonly state: ActState;
  readonly lastContactAt?: Timestamp;
}

/** How many of its devices are in which state. */
export type ActProgress = Readonly<Record<ActState, number>> & { readonly devices: number };

/** The devices among `numbers`, in their order. */
export function statesOn(view: FleetView, act: ActView, numbers: readonly number[]): readonly ActDevice[] {
  const stateOf = stateReader(view, act);
  return numbers.flatMap((number): readonly ActDevice[] => {
    const device = view.devices.get(number);
    if (!device) return [];
    const contact = optionalTimestamp("lastContactAt", device.lastContactAt);
    return [{ number, level: device.level, state: stateOf(device), ...contact }];
  });
}

export function progressOf(view: FleetView, act: ActView): ActProgress {
  const stateOf = stateReader(view, act);
  const count = { waiting: 0, issued: 0, confirmed: 0, superseded: 0 };
  for (const number of act.act.numbers) {
    const device = view.devices.get(number);
    if (device) count[stateOf(device)]++;
  }
  return { devices: act.act.numbers.length, ...count };
}

/** What one act has come to on a device. Looks through the other acts once, however many devices are asked for. */
function stateReader(view: FleetView, filed: ActView): (device: DeviceView) => ActState {
  const { act, done } = filed;
  const decisions = [...view.acts.values()].filter(isDecision);
  return (device) => {
    if (!done.has(device.number)) return "waiting";
    switch (act.kind) {
      case "hold":
      case "release":
        if (!stands(view, device, filed, decisions)) return "superseded";
        return knowsOf(device) === "confirmed" ? "confirmed" : "issued";
      case "count":
        return hasDone(device, act.count) ? "confirmed" : "issued";
      case "give":
        return "issued"; // what becomes of it is for the next owner to see
      case "vouch":
      case "readmit":
      case "ticket":
        return "confirmed"; // the fleet's own decision: the device has nothing to hold
      case "advise":
        return holds(device, "advisories", view.advisories.list?.version);
      case "unadvise":
        return holds(device, "removals", view.advisories.removal?.version);
    }
  };
}

function isDecision({ act: { kind } }: ActView): boolean {
  return kind === "hold" || kind === "release";
}

/** The newest document of the device follows from this act; or from a count, which takes nothing back, after it. */
function stands(view: FleetView, device: DeviceView, filed: ActView, decisions: readonly ActView[]): boolean {
  const { directive, release, number } = device;
  const newest = compareVersions(directiveVersion(device), releaseVersion(device)) > 0 ? directive : release;
  if (newest?.act === filed.id) return true;
  if (newest?.act === undefined || view.acts.get(newest.act)?.act.kind !== "count") return false;
  const [own, place] = [decidedAt(filed, device), decisions.indexOf(filed)];
  return !decisions.some((other, i) => {
    const after = decidedAt(other, device) - own || i - place;
    return after > 0 && other.done.has(number);
  });
}

/** When it was decided for this device, as far as that can be told; Unix seconds. */
function decidedAt({ id, approvedAt, requestedAt }: ActView, { directive, release }: DeviceView): number {
  const document = [directive, release].find((issued) => issued?.act === id);
  return document?.at ?? approvedAt ?? requestedAt;
}

/** Until it has done all that was asked of it since, nobody can tell which of them it has done. */
function hasDone({ asked, done }: DeviceView, count: ActName): boolean {
  return (done[count] ?? 0) >= (asked[count] ?? 0);
}

/** The newest list or removal says all that earlier ones said. */
function holds(
  { held }: DeviceView,
  kind: "advisories" | "removals",
  newest: Version = NO_VERSION,
): "confirmed" | "issued" {
  return held && compareVersions(held[kind], newest) >= 0 ? "confirmed" : "issued";
}
