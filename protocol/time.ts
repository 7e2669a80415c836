/**
 * Signed time for a device whose clock is too far behind to check its server's certificate. Asked for
 * in the lobby, where nothing is trusted: the answer proves itself and is bound to the question.
 */
import { signedBy } from "./authority.js";
import { nonce } from "./common.js";
import { field, message, type TypeOf } from "./schema.js";
import { version } from "./version.js";

/** Device to gateway, in the lobby. CDDL: `time-request`, frame 34. */
export const TimeRequest = message(34, "time-request", {
  nonce: field(1, nonce, "fresh"),
});
export type TimeRequest = TypeOf<typeof TimeRequest>;

/**
 * Fleet to whoever asked: it is at least this late. Signed by `lease`.
 * CDDL: `signed-time`, type 11; the name `time` is taken (RFC 8610 appendix D).
 */
export const Time = signedBy(
  "lease",
  message(11, "signed-time", {
    nonce: field(1, nonce, "of the question"),
    time: field(2, version, "fleet time: [term, Unix seconds]"),
  }),
);
export type Time = TypeOf<typeof Time>;
