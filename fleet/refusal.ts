/** How the registry says no: a code for the wire or the API, and words for a person. */
import type { ErrorCode } from "../protocol/notice.js";
import type { FleetErrorCode } from "./errors.js";
import type { Decision } from "./registry.js";
import type { DecidedFact } from "./events.js";

export interface Refusal {
  readonly code: ErrorCode | FleetErrorCode;
  readonly text: string;
  readonly retryAfterSeconds?: number;
}

/** What devices are told while nobody signs: they go on under their leases, and ask again later. */
export const BEHIND_FENCE: Refusal = {
  code: "fleet-unreachable",
  text: "the fleet has lost part of its log, and says nothing new until that is mended",
};

export function refuse(code: Refusal["code"], text: string, retryAfterSeconds?: number): Decision {
  const refusal = retryAfterSeconds === undefined ? { code, text } : { code, text, retryAfterSeconds };
  return { accepted: false, refusal };
}

export function accept(...facts: readonly DecidedFact[]): Decision {
  return { accepted: true, facts };
}

/** Decided as far as it goes now: with these facts in the log it has to be decided again. */
export function acceptFirst(...facts: readonly DecidedFact[]): Decision {
  return { accepted: true, facts, again: true };
}
