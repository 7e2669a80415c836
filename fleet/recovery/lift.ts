/** The record that ends a fence: who did it and why, and what the mended log would not say otherwise. */
import type { EventOf, FenceProof } from "../events.js";
import type { Folded } from "../fold.js";

/** Who mends the log, and why, in their words. */
export interface Mending {
  readonly actor: string;
  readonly reason: string;
  /** Unix seconds by the clock of the machine. */
  readonly now: number;
  /** Why nobody signed, as it was found; absent: nobody had shown anything. */
  readonly fence?: FenceProof;
  /** Ids of workers whose copies are left out. */
  readonly without?: readonly string[];
}

/** @param folded - of the log as it is now: what it says itself is not said again. */
export function fenceLifted(
  how: "refilled" | "new-terms",
  { actor, reason, now, fence, without = [] }: Mending,
  { view, timeFloor }: Pick<Folded, "view" | "timeFloor">,
): EventOf<"fence-lifted"> {
  return {
    type: "fence-lifted",
    how,
    reason,
    ...(fence && !view.fence && { fence }),
    ...(without.length > 0 && { without }),
    at: Math.max(now, timeFloor),
    actor,
  };
}
