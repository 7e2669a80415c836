/**
 * What the fleet decides: pure, from the view and one request to facts or a refusal. Nothing is signed,
 * stored or sent here; `service.ts` seals the facts, appends them and only then answers.
 */
import type { Role } from "../protocol/authority.js";
import type { Crypto } from "../protocol/crypto.js";
import type { DecidedFact } from "./events.js";
import type { FleetPolicy } from "./policy.js";
import { type ActRequest, type ApproveRequest, decideAct, decideApproval } from "./registry-acts.js";
import { decideRenewedList, type RenewedList } from "./registry-advisories.js";
import { type BeaconRequest, decideBeacon } from "./registry-beacon.js";
import { type CertifyRequest, decideCertify, decideImport, type ImportRequest } from "./registry-certify.js";
import { decideDocument, type DocumentRequest } from "./registry-documents.js";
import { decideReceipt, decideSync, type ReceiptRequest, type SyncFacts } from "./registry-sync.js";
import { decideTake, type TakeRequest } from "./registry-transfer.js";
import { type CatchUp, decideCatchUp, decideFollowUp, type FollowUp } from "./registry-work.js";
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
  | DocumentRequest
  | TakeRequest
  | Work
  | BeaconRequest;

/** What `openWork` finds to be done, by nobody's request. */
export type Work = FollowUp | CatchUp | RenewedList;

export interface Context {
  /** Fleet time, seconds. */
  readonly now: number;
  readonly policy: FleetPolicy;
  /** Version of the Authority, and the terms that it names. */
  readonly authority: number;
  readonly terms: {
    readonly directive: number;
    readonly advisory: number;
    readonly ledger: number;
    readonly time: number;
  };
  /** This server holds enough keys of the role `release` to sign for it alone. */
  readonly releaseOnline: boolean;
  /** The same of the role `transfer`. */
  readonly transferOnline: boolean;
  /** Roles that nobody else can sign for. */
  readonly onlyHere: readonly Role[];
  readonly crypto: Crypto;
}

/**
 * The facts of one decision are appended as one record. `again`: these come first, the rest is decided when they are
 * in the log. `noted`: what is recorded although it was refused.
 */
export type Decision =
  | { readonly accepted: true; readonly facts: readonly DecidedFact[]; readonly again?: true }
  | { readonly accepted: false; readonly refusal: Refusal; readonly noted?: readonly DecidedFact[] };

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
    case "document":
      return decideDocument(view, request, context);
    case "take":
      return decideTake(view, request, context);
    case "follow-up":
      return decideFollowUp(view, request, context);
    case "catch-up":
      return decideCatchUp(view, request, context);
    case "renew-list":
      return decideRenewedList(view, context);
    case "issue-beacon":
      return decideBeacon(view, request, context);
  }
}
