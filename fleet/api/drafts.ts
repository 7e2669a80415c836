/**
 * What an act still needs signed, as a bundle to be carried to where the keys for it are. The chain of
 * Authorities goes first: it says which fleet this is, and whose keys may sign.
 */
import { AdvisoryRemoval } from "../../protocol/advisory.js";
import { Approval } from "../../protocol/approval.js";
import { joinBundle } from "../../protocol/bundle.js";
import { encodeFrame } from "../../protocol/frame.js";
import { Release } from "../../protocol/release.js";
import { Transfer } from "../../protocol/voucher.js";
import { type Draft, draftsOf } from "../drafts.js";
import { fromBase64Url } from "../events.js";
import type { FleetService } from "../service.js";
import type { ActView } from "../view.js";
import { Problem } from "./problem.js";

/** In one bundle, so that there is room for the signatures too. The rest is drafted once these are taken. */
const MAX_DRAFTS = 2000;

/** @throws Problem "conflict" when nothing is to be signed. */
export function draftsBundle(service: FleetService, act: ActView): Uint8Array {
  const drafts = draftsOf(service.view, act, service.context());
  if (drafts.length === 0)
    throw new Problem(
      "conflict",
      `nothing of request ${act.id} waits for signatures: it is in force, ran out, or is approved on this server`,
    );
  const links = [...service.view.authorities.values()].map(({ signed = "" }) => fromBase64Url(signed));
  return joinBundle([...links, ...drafts.slice(0, MAX_DRAFTS).map(frameOf)]);
}

function frameOf(draft: Draft): Uint8Array {
  switch (draft.name) {
    case "release":
      return encodeFrame(Release, draft.value);
    case "advisory-removal":
      return encodeFrame(AdvisoryRemoval, draft.value);
    case "approval":
      return encodeFrame(Approval, draft.value);
    case "voucher":
      return encodeFrame(Transfer, draft.value);
  }
}
