/** An operator's act in the API's JSON: what was asked for, by whom, and how far it has come. */
import type { FreshnessRules } from "../../protocol/authority.js";
import { type Level, LEVELS } from "../../protocol/level.js";
import type { ActName } from "../../protocol/vector.js";
import { z } from "zod";
import type { Act, Base64Url } from "../events.js";
import { inForce, isSignedElsewhere } from "../registry-acts.js";
import type { FleetService } from "../service.js";
import type { ActView } from "../view.js";
import { type ActDevice, type ActProgress, progressOf } from "./act-progress.js";
import { fleetIdIn, optionalTimestamp, type Timestamp, timestamp } from "./json.js";
import { assertAccepted, Problem } from "./problem.js";

export interface ActResource {
  /** 16 hex digits. */
  readonly id: string;
  readonly kind: Act["kind"];
  /** To hold at, to leave at, or that an advisory sets. */
  readonly level?: Level;
  /** What is to be done once more. */
  readonly count?: ActName;
  /** The rule of an advisory, and the id of one that is to count no more. */
  readonly match?: string;
  readonly advisory?: number;
  /** Id of the fleet that a device is given to, 32 hex digits. */
  readonly owner?: string;
  /** Of a release: the table of its own that a device gets. */
  readonly freshness?: FreshnessRules;
  /** Public key of a ticket, base64url. */
  readonly key?: Base64Url;
  readonly reason: string;
  /** What an approval has to name: over all of the above and the devices. */
  readonly digest: string;
  /** Signatures are awaited where the keys for it are not on this server. */
  readonly state: "in-force" | "awaiting-approval" | "awaiting-signatures" | "expired";
  readonly requestedBy: string;
  readonly requestedAt: Timestamp;
  /** Until when it can be approved. */
  readonly expiresAt?: Timestamp;
  readonly approvedBy?: string;
  readonly approvedAt?: Timestamp;
  readonly progress: ActProgress;
}

/** One act with a page of its devices. */
export interface ActDetail extends ActResource {
  readonly devices: readonly ActDevice[];
  /** `after` of the next page. */
  readonly next?: number;
}

export const Levels = z.enum(Object.keys(LEVELS) as Level[]);

/** Files an act. @throws Problem when it is refused. */
export async function fileAct(service: FleetService, act: Act, actor: string): Promise<ActResource> {
  const outcome = await service.act(act, actor);
  assertAccepted(outcome);
  return actResource(service, knownAct(service, outcome.id));
}

/** @throws Problem "not-found". */
export function knownAct(service: FleetService, id: string): ActView {
  const view = service.view.acts.get(id);
  if (!view) throw new Problem("not-found", "there is no request of this id; list them: GET /v1/quarantine");
  return view;
}

export function actResource(service: FleetService, view: ActView): ActResource {
  const { id, act, requestedBy, requestedAt, expiresAt, approvedBy, approvedAt } = view;
  return {
    id,
    kind: act.kind,
    ...aimOf(act),
    reason: act.reason,
    digest: service.actDigest(act),
    state: stateOf(service, view),
    requestedBy,
    requestedAt: timestamp(requestedAt),
    ...optionalTimestamp("expiresAt", expiresAt),
    ...(approvedBy !== undefined && { approvedBy }),
    ...optionalTimestamp("approvedAt", approvedAt),
    progress: progressOf(service.view, view),
  };
}

/** What an act is to bring about. */
export function aimOf(
  act: Act,
): Pick<ActResource, "level" | "count" | "match" | "advisory" | "owner" | "freshness" | "key"> {
  switch (act.kind) {
    case "hold":
      return { level: act.level };
    case "release":
      return { level: act.level, ...(act.freshness && { freshness: act.freshness }) };
    case "count":
      return { count: act.count };
    case "advise":
      return { level: act.level, match: act.match };
    case "unadvise":
      return { advisory: act.id };
    case "give":
      return { owner: fleetIdIn(act.owner) };
    case "ticket":
      return { key: act.key };
    case "vouch":
    case "readmit":
      return {};
  }
}

function stateOf(service: FleetService, view: ActView): ActResource["state"] {
  if (inForce(view) || view.finished) return "in-force";
  const context = service.context();
  if (view.expiresAt !== undefined && context.now > view.expiresAt) return "expired";
  const isSigned = !context.releaseOnline || isSignedElsewhere(view.act, context);
  return isSigned ? "awaiting-signatures" : "awaiting-approval";
}
