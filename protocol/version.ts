/**
 * A version is (term, n), compared in that order. Nobody accepts an older one than they hold (P3);
 * raising the term is the cure for a key that signed the highest n.
 */
import { pair, uint } from "./types.js";

export type Version = readonly [term: number, n: number];
export const version = pair(uint(), "version");

/** Held by someone who has seen nothing yet. */
export const NO_VERSION: Version = [0, 0];

/** Negative, zero or positive, as `a` is older than, the same as or newer than `b`. */
export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1];
}
