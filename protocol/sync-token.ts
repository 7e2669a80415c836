/**
 * The rolling token that tells one holder of a device's state from two. Each lease brings one, and the next
 * sync shows it; a second holder of the same state, or an older image of it, shows one whose time is over.
 */
import { bytes, uint } from "./types.js";
import { field, map, type Type, type ValueOf } from "./schema.js";

const fields = {
  n: field(1, uint(), "grows with each token for this device"),
  after: field(2, uint(), "the token that was shown for this one; 0: none was"),
  seal: field(3, bytes(8), "by the fleet, for itself: nobody else can read it"),
};
/** Given by the fleet in a lease, shown by the device in its next sync. To the device only `after` means anything. */
export const syncToken: Type<ValueOf<typeof fields>> = map(fields, "sync-token");
export type SyncToken = ValueOf<typeof fields>;

/** Of a reply that asks the device to say again, now, what it holds. */
export const probe = bytes(16);
