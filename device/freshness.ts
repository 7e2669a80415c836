/** How fresh a device's contact with its fleet is. Time alone changes it, and standing knows nothing of it (P6). Pure. */
import { freshnessLevel } from "../protocol/authority.js";
import type { Level } from "../protocol/level.js";
import { type DeviceState, freshnessRules, lapsedAt, leaseIsCurrent, secondsSinceLapse } from "./state.js";
import type { Effect } from "./steps.js";

export interface Freshness {
  /** The newest lease lasts. */
  readonly fresh: boolean;
  /** When it ends or ended: fleet time, Unix seconds; absent before the first. */
  readonly goodUntil?: number;
  /** What its end asks for by now, whatever the standing is. */
  readonly level: Level;
}

export function freshnessOf(state: DeviceState, atMs: number): Freshness {
  const goodUntil = lapsedAt(state);
  return {
    fresh: leaseIsCurrent(state, atMs),
    ...(goodUntil !== undefined && { goodUntil }),
    level: freshnessLevel(freshnessRules(state), secondsSinceLapse(state, atMs)),
  };
}

/** Told when contact is fresh again, when it no longer is, and when it is old enough for another level. */
export function freshnessNews(told: Freshness, now: Freshness): readonly Effect[] {
  const isNews = told.fresh !== now.fresh || told.level !== now.level;
  return isNews ? [{ type: "freshness", ...now }] : [];
}
