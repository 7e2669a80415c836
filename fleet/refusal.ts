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

export function refuse(code: Refusal["code"], text: string, retryAfterSeconds?: number): Decision {
  const refusal = retryAfterSeconds === undefined ? { code, text } : { code, text, retryAfterSeconds };
  return { accepted: false, refusal };
}

export function accept(subject: string, ...facts: readonly DecidedFact[]): Decision {
  return { accepted: true, subject, facts };
}

/** The log subject of one device. */
export function deviceSubject(number: number): string {
  return `device/${number}`;
}

/** The log subject of what concerns all devices. */
export const FLEET_SUBJECT = "fleet";
