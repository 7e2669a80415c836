/**
 * Two devices, with no network but the wire between them: each says what it holds, then sends what the
 * other lacks, then what it now confirms. What is sent proves itself, so who is at the other end does not
 * matter (P1). After the hello come envelopes and ledger parts, each an item of a CBOR sequence (RFC 8742).
 */
import { deviceNumber } from "./common.js";
import { field, message, optional, type TypeOf } from "./schema.js";
import { choice, uint } from "./types.js";
import { heldVector } from "./vector.js";

/** First in each direction. CDDL: `peer-hello`, frame 45. */
export const PeerHello = message(45, "peer-hello", {
  number: field(1, deviceNumber, "who speaks, as it says"),
  holds: field(2, heldVector, "the newest documents it has stored"),
  maxBytes: optional(3, uint(4_194_304, 1_024), "all that it can take in this exchange; absent: any"),
});
export type PeerHello = TypeOf<typeof PeerHello>;

/** Ends what one side sends: its documents, then its receipts. CDDL: `peer-end`, frame 46. */
export const PeerEnd = message(46, "peer-end", {
  part: field(1, choice({ documents: 0, receipts: 1 }), "what is complete now"),
  items: field(2, uint(4_096), "how many items that were"),
});
export type PeerEnd = TypeOf<typeof PeerEnd>;
