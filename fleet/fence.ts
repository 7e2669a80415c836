/**
 * The fence: once it is proven that the log has lost its end, nobody signs. What was lost may have said other things
 * under the versions that would be used next, and devices take two of one version for a forgery (P3).
 */
import { FleetError } from "./errors.js";
import type { DecidedFact, FenceProof } from "./events.js";
import type { FleetView } from "./view.js";

/** Why nobody signs; undefined: there is no fence. */
export function fencedBy({ fence }: FleetView): FleetError | undefined {
  return fence && fenced(fence.proof);
}

/** For a worker that was left out when the log was mended: its copy may hold what the log never had. */
export function leftOut(worker: string): FleetError {
  return new FleetError(
    "conflict",
    `this worker (${worker}) was left out when the log was mended, and must not come back: move its folder away, ` +
      "and make it anew from a backup of another worker",
  );
}

/** Facts that others have signed, and what is about the fence itself. */
export function mayBeRecordedBehindFence(facts: readonly DecidedFact[]): boolean {
  return facts.every(isAllowedBehindFence);
}

/** For operators, and for `readyz`. */
export function fenceWords(proof: FenceProof): string {
  switch (proof.kind) {
    case "token":
      return `device ${proof.number} showed sync token ${proof.shown}, and the log knows of ${proof.issued} only`;
    case "document":
      return `a ${proof.name} ${proof.version.join(".")} came back that the log does not know`;
    case "copy":
      return `the log is not the one that worker ${proof.worker} has a copy of, ${proof.position} records long`;
  }
}

function isAllowedBehindFence({ type, signed }: DecidedFact): boolean {
  return type === "fence-raised" || type === "fence-lifted" || signed !== undefined;
}

function fenced(proof: FenceProof): FleetError {
  return new FleetError(
    "fenced",
    `nothing is signed: the log has lost records (${fenceWords(proof)}); stop the server and run daymark recover`,
  );
}
