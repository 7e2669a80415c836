/**
 * What the fleet decides: pure, from the view and one request to facts or a refusal. Nothing is signed,
 * stored or sent here; `service.ts` seals the facts, appends them and only then answers.
 */
import type { Fact } from "./events.js";
import type { FleetPolicy } from "./policy.js";
import {
  type ActRequest,
  type ApproveRequest,
  decideAct,
  decideApproval,
  type FollowUp,
} from "./registry-acts.js";
import { decideBeacon, decideFollowUp } from "./registry-acts.js";
import { type CertifyRequest, decideCertify, decideImport, type ImportRequest } from "./registry-certify.js";
import { decideReceipt, decideSync, type ReceiptRequest, type SyncFacts } from "./registry-sync.js";
import type { Refusal } from "./refusal.js";
import type { FleetView } from "./view.js";

/** All that can be asked of the registry. Whoever asks was authenticated before. */
export type RegistryRequest =
  | ImportRequest
  | CertifyRequest
  | SyncFacts
  | ReceiptRequest
  | ActRequest
  | ApproveRequest
  | FollowUp
  | { readonly type: "issue-beacon"; readonly digest: string };

/** `now`: fleet time, seconds. `terms`: those that the Authority names. */
export interface Context {
  readonly now: number;
  readonly policy: FleetPolicy;
  readonly authority: number;
  readonly terms: { readonly directive: number; readonly ledger: number; readonly time: number };
}

/** Facts of one decision share a subject: they are appended as one record. */
export type Decision =
  | { readonly accepted: true; readonly subject: string; readonly facts: readonly Fact[] }
  | { readonly accepted: false; readonly refusal: Refusal };

/** Pure: equal view, request and context give an equal decision. */
export function decide(view: FleetView, request: RegistryRequest, context: Context): Decision {
  switch (request.type) {
    case "import":
      return decideImport(view, request, context);
    case "certify":
      return decideCertify(view, request, context);
    case "sync":
      return decideSync(view, request, context);
    case "receipt":
      return decideReceipt(view, request);
    case "act":
      return decideAct(view, request, context);
    case "approve":
      return decideApproval(view, request, context);
    case "follow-up":
      return decideFollowUp(view, request, context);
    case "issue-beacon":
      return decideBeacon(view, request.digest, context);
  }
}
