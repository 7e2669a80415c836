/**
 * What is seen of one device from outside: a fold over what it and its connection tell. Counts begin anew at a
 * mark, so that a scenario can ask what came of one act. Pure.
 */
import type { Level } from "../../protocol/level.js";

/** What happened to a device, at a moment of machine time. */
export type Noticed =
  | { readonly type: "connected" | "closed" | "received" | "leased" | "acknowledged" }
  | { readonly type: "speak"; readonly allowed: boolean }
  | { readonly type: "level"; readonly level: Level }
  | { readonly type: "failed"; readonly why: string };

export interface Sighting {
  readonly number: number;
  /** Through the front door, login done. */
  readonly connected: boolean;
  /** It may send application messages, in its own eyes. */
  readonly speaking: boolean;
  /** The level in force on the device. */
  readonly level: Level;
  /** It was given a lease at some time since it was started. */
  readonly leased: boolean;
  /** Why the device itself stopped, if it did. */
  readonly failed?: string;
  /** All below: since the mark. */
  readonly closes: number;
  readonly acknowledged: number;
  /** First end of a connection that was open; then the first connection after it, and the first lease over one. */
  readonly closedAtMs?: number;
  readonly returnedAtMs?: number;
  readonly leasedAgainAtMs?: number;
  /** After that return: something came down to it; it was allowed to speak. */
  readonly answered: boolean;
  readonly spokeAgain: boolean;
}

export function firstSight(number: number, level: Level): Sighting {
  return marked({ number, connected: false, speaking: false, level, leased: false, ...nothing });
}

/** What lasts; all counts begin anew. */
export function marked({ number, connected, speaking, level, leased, failed }: Sighting): Sighting {
  const lasting = { number, connected, speaking, level, leased, ...(failed !== undefined && { failed }) };
  return { ...lasting, ...nothing };
}

const nothing = { closes: 0, acknowledged: 0, answered: false, spokeAgain: false } as const;

export function notice(seen: Sighting, noticed: Noticed, atMs: number): Sighting {
  const isBack = seen.returnedAtMs !== undefined;
  switch (noticed.type) {
    case "connected": {
      const returns = seen.closedAtMs !== undefined && !isBack;
      return { ...seen, connected: true, ...(returns && { returnedAtMs: atMs }) };
    }
    case "closed":
      if (!seen.connected) return seen; // an attempt that came to nothing
      return { ...seen, connected: false, closes: seen.closes + 1, closedAtMs: seen.closedAtMs ?? atMs };
    case "received":
      return isBack && !seen.answered ? { ...seen, answered: true } : seen;
    case "leased":
      return { ...seen, leased: true, ...(isBack && { leasedAgainAtMs: seen.leasedAgainAtMs ?? atMs }) };
    case "speak":
      return {
        ...seen,
        speaking: noticed.allowed,
        spokeAgain: seen.spokeAgain || (isBack && noticed.allowed),
      };
    case "acknowledged":
      return { ...seen, acknowledged: seen.acknowledged + 1 };
    case "level":
      return { ...seen, level: noticed.level };
    case "failed":
      return { ...seen, connected: false, speaking: false, failed: noticed.why };
  }
}
