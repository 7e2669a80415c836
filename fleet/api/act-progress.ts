/** How far an act has come: on each of its devices, and in all. Pure. */
import type { Level } from "../../protocol/level.js";
import { compareVersions } from "../../protocol/version.js";
import { type ActView, type DeviceView, directiveVersion, type FleetView, releaseVersion } from "../view.js";
import { knowsOf } from "./devices.js";
import { optionalTimestamp, type Timestamp } from "./json.js";

type ActState =
  /** Nothing is issued to this device: the act waits for its approval. */
  | "waiting"
  /** Signed and on its way; the device has not said that it holds it, and may be dark. */
  | "issued"
  /** The device signed that it holds it. */
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

export function stateOn(device: DeviceView | undefined, act: ActView): readonly ActDevice[] {
  if (!device) return [];
  const { number, level, lastContactAt } = device;
  const state = stateOf(device, act.id, act.done.has(number));
  return [{ number, level, state, ...optionalTimestamp("lastContactAt", lastContactAt) }];
}

export function progressOf(view: FleetView, { id, act, done }: ActView): ActProgress {
  const count = { waiting: 0, issued: 0, confirmed: 0, superseded: 0 };
  for (const number of act.numbers) {
    const device = view.devices.get(number);
    if (device) count[stateOf(device, id, done.has(number))]++;
  }
  return { devices: act.numbers.length, ...count };
}

function stateOf(device: DeviceView, id: string, done: boolean): ActState {
  if (!done) return "waiting";
  const { directive, release } = device;
  const newest = compareVersions(directiveVersion(device), releaseVersion(device)) > 0 ? directive : release;
  if (newest?.act !== id) return "superseded";
  return knowsOf(device) === "confirmed" ? "confirmed" : "issued";
}
