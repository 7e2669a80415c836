/** Sync: one exchange after any absence. The device says what it holds; the reply has whatever is newer. */
import { deviceNumber, documents, envelope, nonce, seconds } from "./common.js";
import { ledgerPart } from "./ledger-part.js";
import { field, map, message, optional, type TypeOf } from "./schema.js";
import { array, choice, text, uint } from "./types.js";
import { probe, syncToken } from "./sync-token.js";
import { heldVector } from "./vector.js";

/** What a device noticed about itself. Each is latched until a release names its id. */
export const ALARM_KINDS = { rollback: 0, tamper: 1, unreadable: 2, fork: 3, lost: 4 } as const;

const alarm = map(
  {
    id: field(1, uint(), "counted by the device, from 1"),
    kind: field(2, choice(ALARM_KINDS), "what it noticed"),
  },
  "alarm",
);

const health = map(
  {
    uptimeSeconds: field(1, uint(), "powered since the last boot"),
    heldBack: field(2, uint(), "application messages waiting"),
    firmware: optional(3, text(32), "what it runs"),
  },
  "health",
);

/** Device to fleet: this is what I hold; what is newer? CDDL: `sync-request`, type 23, signed by the device's key. */
export const SyncRequest = message(23, "sync-request", {
  subject: field(1, deviceNumber, "who asks"),
  nonce: field(2, nonce, "fresh; binds the lease, and is forgotten at a reboot"),
  holds: field(3, heldVector, "the newest documents it has stored"),
  maxReplyBytes: field(4, uint(65_536, 512), "the largest reply it can take"),
  alarms: optional(5, array(alarm, { min: 1, max: 16 }), "not yet cleared"),
  health: optional(6, health, "how it is"),
  time: optional(7, seconds, "newest signed fleet time it holds; absent before the first"),
  maxPartBytes: optional(8, uint(65_536, 64), "the largest part of a ledger it can take; absent: any"),
  token: optional(9, syncToken, "of the newest lease that brought one"),
  probe: optional(10, probe, "of the reply that asked for it: this was signed after that"),
});
export type SyncRequest = TypeOf<typeof SyncRequest>;

/** Fleet to device: whatever is newer, and a lease. CDDL: `sync-reply`, frame 31. */
export const SyncReply = message(31, "sync-reply", {
  nonce: field(1, nonce, "of the request"),
  lease: optional(2, envelope, "absent for a device that gets none"),
  documents: field(3, documents, "newer than what the device named"),
  ledger: optional(4, ledgerPart, "what leads from the ledger it named to the newest, or the start of that"),
  probe: optional(5, probe, "the token is not the newest: say again what you hold, and this with it"),
});
export type SyncReply = TypeOf<typeof SyncReply>;

/**
 * Device to fleet: this is stored here, and in force. Sent only after it is durable (P4).
 * CDDL: `receipt`, type 24, signed by the device's key.
 */
export const Receipt = message(24, "receipt", {
  subject: field(1, deviceNumber, "who confirms"),
  counter: field(2, uint(), "grows with each receipt"),
  holds: field(3, heldVector, "what it has stored"),
});
export type Receipt = TypeOf<typeof Receipt>;
