/**
 * What follows when the fleet or its gateway says no. Nobody signs that, so it delays, steers to another
 * question, and is told to the firmware; of what is stored it takes the open request and its key at most. Pure.
 */
import type { ErrorCode } from "../protocol/notice.js";
import { giveUp } from "./asking.js";
import type { Job } from "./jobs.js";
import type { DeviceRecord } from "./record.js";
import type { DeviceState, Session } from "./state.js";
import { discard, type Effect, leave, type Step } from "./steps.js";

/**
 * What comes next. `retry`: the same, after the pause. `wait-for-operator`: the same too, and a person has to
 * decide first. `return`, `enroll`: the device asks for that instead. `ticket`: a person has to bring one.
 * `none`: the same, ever more seldom, and nothing that a device can do helps.
 */
export type NextStep = "retry" | "wait-for-operator" | "return" | "enroll" | "ticket" | "none";

const NEXT_STEPS: Readonly<Record<ErrorCode, NextStep>> = {
  malformed: "none",
  denied: "none", // unless something else proves it: `nextStep`
  "pending-import": "wait-for-operator",
  held: "wait-for-operator",
  revoked: "none",
  "retry-later": "retry",
  "fleet-unreachable": "retry",
  "not-allowed": "retry", // not even told: the notice of the new role says more
  "approval-pending": "wait-for-operator",
  expired: "return",
  suspected: "wait-for-operator",
  superseded: "ticket",
  "bad-ticket": "ticket",
  "not-enrolled": "enroll",
};

/** `retryAfterSeconds`: as long as the other side asked for, within the bound; 0: it did not. */
export interface Refusal {
  readonly request: Job["kind"];
  readonly code: ErrorCode;
  readonly next: NextStep;
  readonly retryAfterSeconds: number;
}

/** What was asked for last was refused. */
export function takeRefusal(
  state: DeviceState,
  session: Session,
  { request, code, retryAfterSeconds }: Omit<Refusal, "next">,
  atMs: number,
): Step {
  const next = nextStep(state, request, code);
  const told: Effect = { type: "refused-request", request, code, next, retryAfterSeconds };
  // Only a pledge may return or enroll, and only who shows no LDevID is one for sure.
  const hasEnded = request === "renew" && (next === "return" || next === "enroll");
  if (hasEnded || ldevidIsUnknown(state, request, code)) return leave({ ...state, asPledge: true }, [told]);
  const given = giveUp(state, atMs);
  const paused = given.session ?? session;
  const askAtMs = atMs + retryAfterSeconds * 1000;
  if (request === "reenroll") {
    const ticketRefused = next !== "retry" && next !== "wait-for-operator";
    const ticketAtMs = Math.max(paused.ticketAtMs, askAtMs);
    return { state: { ...given, session: { ...paused, ticketAtMs, ticketRefused } }, effects: [told] };
  }
  const enrollInstead = paused.enrollInstead || (request === "return" && next === "enroll");
  const quietUntilMs = Math.max(paused.quietUntilMs, askAtMs);
  const later = { ...given, session: { ...paused, quietUntilMs, enrollInstead } };
  if (code !== "denied" || (request !== "enroll" && request !== "return"))
    return { state: later, effects: [told] };
  const { record, effects } = withoutRequest(state.record);
  return { state: { ...later, record }, effects: [told, ...effects] };
}

function nextStep(state: DeviceState, request: Job["kind"], code: ErrorCode): NextStep {
  if (ldevidIsUnknown(state, request, code)) return "return";
  // Perhaps it does not even know the number: an enrollment brings the birth with it.
  if (code === "denied" && request === "return" && !state.record.base) return "enroll";
  return NEXT_STEPS[code];
}

/** Device or fleet was put back to an older image, and other LDevIDs count there. The IDevID says as well who it is (P9). */
function ldevidIsUnknown({ asPledge, held }: DeviceState, request: Job["kind"], code: ErrorCode): boolean {
  const byLdevid = !asPledge && held.ldevid !== undefined;
  return code === "denied" && byLdevid && (request === "sync" || request === "renew");
}

/**
 * The fleet may have answered this very request before the device was put back, and never answers it again: the
 * next one has a nonce and a key of its own (P9).
 */
function withoutRequest({ request, ...record }: DeviceRecord): ReturnType<typeof discard> {
  return discard(record, request ? [request.key] : []);
}
