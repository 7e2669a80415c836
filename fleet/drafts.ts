/**
 * What an act needs signed by people whose keys are not on this server. The same view gives the same
 * values to whoever asks, so that each of them signs the same bytes.
 */
import type { AdvisoryRemoval } from "../protocol/advisory.js";
import type { Approval } from "../protocol/approval.js";
import { fromHex } from "../protocol/bytes.js";
import type { Release } from "../protocol/release.js";
import type { Voucher } from "../protocol/voucher.js";
import { actDigest } from "./act-digest.js";
import { isDocumentAct, releaseFact } from "./device-documents.js";
import type { Context } from "./registry.js";
import { inForce, isSignedElsewhere } from "./registry-acts.js";
import { removalFact } from "./registry-advisories.js";
import { problemWithGiving, transferFact } from "./registry-transfer.js";
import { releaseOf, removalOf, transferOf } from "./statements.js";
import type { ActView, FleetView } from "./view.js";

export type Draft =
  | { readonly name: "release"; readonly value: Release }
  | { readonly name: "advisory-removal"; readonly value: AdvisoryRemoval }
  | { readonly name: "approval"; readonly value: Approval }
  | { readonly name: "voucher"; readonly value: Voucher };

/**
 * One release for each device that is still open, one removal, one link of a voucher, or one approval; none
 * when nothing is missing, the request ran out, or this server signs for the role itself. A draft that is
 * overtaken by a newer document of the device is refused when it comes back: draw it up again.
 */
export function draftsOf(view: FleetView, pending: ActView, context: Context): readonly Draft[] {
  const { id, act, finished, expiresAt } = pending;
  const ranOut = !inForce(pending) && context.now > (expiresAt ?? 0);
  if (finished || ranOut) return [];
  if (isSignedElsewhere(act, context)) return documentsFor(view, pending, context);
  if (context.releaseOnline || inForce(pending) || expiresAt === undefined) return [];
  const digest = actDigest(view, act, context.crypto);
  return [{ name: "approval", value: { act: fromHex(id), digest, expiresAt } }];
}

/** What carries it out, dated when it was asked for. */
function documentsFor(view: FleetView, pending: ActView, context: Context): readonly Draft[] {
  const { id, act, done, requestedAt: issuedAt } = pending;
  if (act.kind === "advise") return [];
  if (act.kind === "unadvise") {
    const value = removalOf(removalFact(view, context, { act, id }), issuedAt);
    return [{ name: "advisory-removal", value }];
  }
  if (act.kind === "give" && problemWithGiving(view, act)) return [];
  return act.numbers.flatMap((number): readonly Draft[] => {
    const device = view.devices.get(number);
    if (!device || done.has(number)) return [];
    if (act.kind === "give") {
      const value = transferOf(transferFact(view, device, act, id, context), issuedAt);
      return [{ name: "voucher", value }];
    }
    if (!isDocumentAct(act)) return [];
    const fact = releaseFact(device, act, id, context.terms.directive);
    return [{ name: "release", value: releaseOf(fact, issuedAt) }];
  });
}
