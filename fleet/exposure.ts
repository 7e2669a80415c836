/**
 * Who knows: for one document, which devices have confirmed it, which were told, and which cannot know yet.
 * Confirmed rests on what a device signed, and on nothing else; silence is never an answer.
 */
import { compareVersions, type Version } from "../protocol/version.js";
import type { HeldFact } from "./events.js";
import { type HeldKind, heldVersion } from "./held.js";
import { epochsOf, issuedEpoch } from "./ledger-history.js";
import type { DeviceView, FleetView } from "./view.js";

/** A document by its version: of one device, or for all. */
export type ExposureSubject =
  | { readonly kind: "directive" | "release"; readonly number: number; readonly version: Version }
  | { readonly kind: "ledger"; readonly version: Version }
  | { readonly kind: "advisories" | "removals"; readonly version: Version }
  | { readonly kind: "authority"; readonly version: number };

/**
 * `confirmed`: it signed that it holds this version or a newer one. `told`: a lease that demands it was
 * issued in answer to its question, and it has not confirmed yet. `dark`: neither; it cannot know.
 */
export type ExposureState = "confirmed" | "told" | "dark";

interface ExposedDevice {
  readonly number: number;
  readonly state: ExposureState;
  /**
   * Unix seconds. Confirmed, told: when it first held, was first told of, the version that stands now: of an
   * older one that is the latest it can have been. Dark: its last contact, or its import.
   */
  readonly since: number;
}

export interface Exposure {
  readonly counts: Readonly<Record<ExposureState, number>>;
  /** Dark ones first, then told, then confirmed; of each the latest first. */
  readonly devices: readonly ExposedDevice[];
  /** `after` of the next page. */
  readonly next?: number;
  /** Of a directive or release: how many of all other devices hold a ledger that denies this one. */
  readonly peers?: { readonly denying: number; readonly of: number };
}

/** One page of devices. `after`: the device that the page before ended with. */
interface ExposurePage {
  readonly state?: ExposureState;
  readonly after?: number;
  readonly limit: number;
}

export const MAX_EXPOSED_DEVICES = 1000;
const ORDER: Readonly<Record<ExposureState, number>> = { dark: 0, told: 1, confirmed: 2 };

/** Pure. Only devices that the subject is about, that exist, and that were not given to another owner. */
export function exposure(
  view: FleetView,
  subject: ExposureSubject,
  { state, after, limit }: ExposurePage = { limit: MAX_EXPOSED_DEVICES },
): Exposure {
  const isMeant = ({ number }: DeviceView) => !("number" in subject) || subject.number === number;
  const all = members(view)
    .filter(isMeant)
    .map((device) => exposed(device, subject));
  const counts = { confirmed: 0, told: 0, dark: 0 };
  for (const device of all) counts[device.state]++;
  const shown = all
    .filter((device) => state === undefined || device.state === state)
    .sort((a, b) => ORDER[a.state] - ORDER[b.state] || b.since - a.since || a.number - b.number);
  const start = after === undefined ? 0 : shown.findIndex(({ number }) => number === after) + 1;
  const devices = shown.slice(start, start + Math.min(limit, MAX_EXPOSED_DEVICES));
  const last = start + devices.length < shown.length ? devices.at(-1) : undefined;
  return {
    counts,
    devices,
    ...(last && { next: last.number }),
    ...("number" in subject && { peers: peersOf(view, subject.number) }),
  };
}

function members({ devices }: FleetView): readonly DeviceView[] {
  return [...devices.values()].filter(({ transferred }) => transferred === undefined);
}

function exposed(device: DeviceView, { kind, version }: ExposureSubject): ExposedDevice {
  const { number, held, heldSince, lease, toldSince, lastContactAt, birth } = device;
  const wanted: Version = typeof version === "number" ? [0, version] : version;
  if (held && reached(held, kind, wanted)) return { number, state: "confirmed", since: heldSince[kind] };
  if (lease && reached(lease.required, kind, wanted))
    return { number, state: "told", since: toldSince[kind] };
  return { number, state: "dark", since: lastContactAt ?? birth.at };
}

function reached(versions: Pick<HeldFact, HeldKind>, kind: HeldKind, wanted: Version): boolean {
  return compareVersions(heldVersion(versions, kind), wanted) >= 0;
}

/** A peer denies it when the ledger that the peer signed that it holds is ours, and has it in the set. */
function peersOf(view: FleetView, number: number): NonNullable<Exposure["peers"]> {
  const epochs = epochsOf(view.ledger, number);
  const denies = ({ held }: DeviceView) => {
    const epoch = held && issuedEpoch(view.ledger, held.ledger);
    return epoch !== undefined && epochs.filter((toggled) => toggled <= epoch).length % 2 === 1;
  };
  const others = members(view).filter((device) => device.number !== number);
  return { denying: others.filter(denies).length, of: others.length };
}
