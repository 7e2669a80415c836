/**
 * Authority links on request: in the lobby, where nothing is trusted and a device whose server's chain no
 * longer verifies finds its way back, and at the front door. The links prove themselves.
 */
import { documents } from "./common.js";
import { field, message, type TypeOf } from "./schema.js";
import { uint } from "./types.js";

/** Device to gateway: what comes after this version? CDDL: `authority-request`, frame 35. */
export const AuthorityRequest = message(35, "authority-request", {
  version: field(1, uint(Number.MAX_SAFE_INTEGER, 1), "the Authority that the device holds"),
  maxReplyBytes: field(2, uint(65_536, 512), "the largest reply it can take"),
});
export type AuthorityRequest = TypeOf<typeof AuthorityRequest>;

/** Gateway to device: the next links, oldest first. CDDL: `authority-reply`, frame 36. */
export const AuthorityReply = message(36, "authority-reply", {
  newest: field(1, uint(Number.MAX_SAFE_INTEGER, 1), "newest version there is: ask again until you hold it"),
  links: field(2, documents, "as many as fit"),
});
export type AuthorityReply = TypeOf<typeof AuthorityReply>;
