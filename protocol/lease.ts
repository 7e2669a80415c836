/** The lease: proof of fresh contact. It lends a device its rights until a date, and names what is current. */
import { signedBy } from "./authority.js";
import { deviceNumber, nonce, seconds } from "./common.js";
import { field, message, optional, type TypeOf } from "./schema.js";
import { syncToken } from "./sync-token.js";
import { uint } from "./types.js";
import { actsDone, requiredVector } from "./vector.js";
import { version } from "./version.js";

/**
 * Fleet to one device, in answer to its nonce: at this fleet time this is all there is for you.
 * It counts only when the device's stored vector has reached `required`.
 * CDDL: `lease`, type 7. Signed by `lease`.
 */
export const Lease = signedBy(
  "lease",
  message(7, "lease", {
    subject: field(1, deviceNumber, "the device it is for"),
    nonce: field(2, nonce, "of the request it answers"),
    time: field(3, version, "fleet time: [term, Unix seconds]"),
    goodUntil: field(4, seconds, "fleet time at which it ends"),
    nextSyncSeconds: field(5, uint(31_536_000, 1), "ask again after this long"),
    required: field(6, requiredVector, "what the device must hold for this lease to count"),
    done: optional(7, actsDone, "one-shot acts that the fleet has a receipt for: not to be done again"),
    token: optional(8, syncToken, "to be shown in the next sync"),
  }),
);
export type Lease = TypeOf<typeof Lease>;
