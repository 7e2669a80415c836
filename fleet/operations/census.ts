/** The whole fleet in a few numbers, counted in one pass: what the metrics show. No device is named. */
import { LEVELS, type Level } from "../../protocol/level.js";
import { compareVersions, NO_VERSION } from "../../protocol/version.js";
import type { DeviceView, FleetView } from "../view.js";

/** Devices that were given to another owner do not count. */
export interface Census {
  readonly levels: Readonly<Record<Level, number>>;
  /** That ever got an LDevID. */
  readonly enrolled: number;
  /** Whose newest lease has ended: they are dark, and their level decays. */
  readonly leasesEnded: number;
  /** That are held by a directive which they have not signed for yet. */
  readonly unconfirmed: number;
  /** How long the oldest of those directives has stood, seconds; 0 when there is none. */
  readonly longestUnconfirmedSeconds: number;
  /** That seem to be held by two. */
  readonly suspected: number;
}

/** @param now - fleet time, Unix seconds. */
export function censusOf({ devices }: FleetView, now: number): Census {
  const levels = Object.fromEntries(Object.keys(LEVELS).map((level) => [level, 0])) as Record<Level, number>;
  let [enrolled, leasesEnded, unconfirmed, longestUnconfirmedSeconds, suspected] = [0, 0, 0, 0, 0];
  for (const device of devices.values()) {
    if (device.transferred) continue;
    levels[device.level]++;
    if (device.certificates.length > 0) enrolled++;
    if (device.lease && device.lease.goodUntil < now) leasesEnded++;
    if (device.suspectedAt !== undefined) suspected++;
    const { directive } = device;
    if (!directive || directive.level === "none" || hasConfirmed(device, directive.version)) continue;
    unconfirmed++;
    longestUnconfirmedSeconds = Math.max(longestUnconfirmedSeconds, now - directive.at);
  }
  return { levels, enrolled, leasesEnded, unconfirmed, longestUnconfirmedSeconds, suspected };
}

function hasConfirmed({ held }: DeviceView, version: readonly [number, number]): boolean {
  return compareVersions(held?.directive ?? NO_VERSION, version) >= 0;
}
