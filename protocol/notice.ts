/** What a gateway says of a session, and how requests are refused. Both unsigned: they can steer or delay, never change state. */
import { nonce } from "./common.js";
import { field, message, optional, type TypeOf } from "./schema.js";
import { choice, text, uint } from "./types.js";

/** What a session may do: DESIGN's table of gateway roles. */
export const SESSION_ROLES = { lobby: 0, pledge: 1, held: 2, device: 3, service: 4 } as const;
export type SessionRole = keyof typeof SESSION_ROLES;

export const ROLE_REASONS = {
  ok: 0,
  "no-certificate": 1,
  "bad-certificate": 2,
  "not-enrolled": 3,
  expired: 4,
  future: 5,
  quarantined: 6,
  "pending-import": 7,
  "old-generation": 8,
  revoked: 9,
  suspected: 10,
} as const;
export type RoleReason = keyof typeof ROLE_REASONS;

/** Gateway to device, after each login and each change: your session may do this. CDDL: `role-notice`, frame 33. */
export const RoleNotice = message(33, "role-notice", {
  role: field(1, choice(SESSION_ROLES), "what the session may do"),
  reason: field(2, choice(ROLE_REASONS), "why no more than that"),
  authority: field(3, uint(), "newest Authority version: a hint to ask for its links"),
});
export type RoleNotice = TypeOf<typeof RoleNotice>;

export const ERROR_CODES = {
  malformed: 1, // the request broke the protocol: do not repeat it unchanged
  denied: 2, // the proof does not hold: check certificate, voucher and keys
  "pending-import": 3, // the fleet does not know the device yet: ask again later
  held: 4, // not while quarantined: sync instead
  revoked: 5, // for good
  "retry-later": 6, // too busy
  "fleet-unreachable": 7, // the gateway cannot reach its fleet
  "not-allowed": 8, // the session's role does not cover this message
  "approval-pending": 9, // an operator has to agree first
  expired: 10, // the LDevID that signed has ended
  suspected: 11, // two seem to hold these keys; an operator has to look
  superseded: 12, // these keys were replaced by a re-enrollment
  "bad-ticket": 13, // the ticket is unknown, used, or has run out
  "not-enrolled": 14, // there is no LDevID to renew or to come back with
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/** An unsigned error can delay a device by at most this. */
export const MAX_RETRY_AFTER_SECONDS = 3600;

/** Fleet or gateway to device: no. CDDL: `error`, frame 32. */
export const ErrorReply = message(32, "error", {
  nonce: optional(1, nonce, "of the request; absent when it could not be read"),
  code: field(2, choice(ERROR_CODES), "what to do next depends on this alone"),
  retryAfterSeconds: optional(3, uint(MAX_RETRY_AFTER_SECONDS), "not before this long"),
  text: optional(4, text(128), "for a person reading a log"),
});
export type ErrorReply = TypeOf<typeof ErrorReply>;
