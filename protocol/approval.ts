/** An approval by the release quorum of an act that the fleet itself carries out, such as raising very many devices. */
import { signedBy } from "./authority.js";
import { seconds, sha256 } from "./common.js";
import { field, message, type TypeOf } from "./schema.js";
import { bytes } from "./types.js";

/**
 * Operators to fleet: carry out this act. CDDL: `approval`, type 10. Signed by `release`.
 */
export const Approval = signedBy(
  "release",
  message(10, "approval", {
    act: field(1, bytes(8), "id of the request"),
    digest: field(2, sha256, "of the act and the resolved set of devices, as the fleet shows it"),
    expiresAt: field(3, seconds, "fleet time after which it no longer counts"),
  }),
);
export type Approval = TypeOf<typeof Approval>;
