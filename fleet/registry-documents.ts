/**
 * Documents that come signed: by a quorum whose keys are elsewhere, or by this fleet itself, which lost
 * them when it was restored from an older backup. They count as on a device: only upwards in version, only
 * in the term that the Authority names, and never two of one version (P3). One that nobody but this service can
 * have signed, and that is newer than its log, raises the fence too.
 */
import { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import type { Approval } from "../protocol/approval.js";
import type { FreshnessRules, Role } from "../protocol/authority.js";
import { Beacon } from "../protocol/beacon.js";
import { equalBytes, toHex } from "../protocol/bytes.js";
import { parseEnvelope } from "../protocol/cose.js";
import { Directive } from "../protocol/directive.js";
import { MAX_PREDICATE_TEXT } from "../protocol/predicate-text.js";
import { Release } from "../protocol/release.js";
import { compareVersions, NO_VERSION, type Version } from "../protocol/version.js";
import type { Voucher } from "../protocol/voucher.js";
import { actDigest } from "./act-digest.js";
import { isDocumentAct, releaseFact } from "./device-documents.js";
import { type Base64Url, type DecidedFact, fromBase64Url } from "./events.js";
import { accept, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { inForce, isSignedElsewhere, needsRelease, problemWithApproval } from "./registry-acts.js";
import { decideLink } from "./registry-transfer.js";
import { advisoryFactOf, directiveFactOf, releaseFactOf } from "./statements.js";
import { type ActView, type DeviceView, directiveVersion, type FleetView, releaseVersion } from "./view.js";

/** A document whose signatures were verified. `signed`: the envelope. */
export type DocumentRequest = { readonly type: "document"; readonly signed: Base64Url } & (
  | { readonly name: "directive"; readonly value: Directive }
  | { readonly name: "release"; readonly value: Release }
  | { readonly name: "advisory-list"; readonly value: AdvisoryList }
  | { readonly name: "advisory-removal"; readonly value: AdvisoryRemoval }
  | { readonly name: "beacon"; readonly value: Beacon }
  | { readonly name: "approval"; readonly value: Approval }
  | { readonly name: "voucher"; readonly value: Voucher }
);

/**
 * How far a document may be ahead of the newest that this fleet knows. A stolen key could sign the highest
 * number there is, and nothing could come after it but a new term.
 */
export const MAX_LEAP = 1_000_000;

/** Accepted without facts: known already, or older than what is known. */
export function decideDocument(view: FleetView, request: DocumentRequest, context: Context): Decision {
  switch (request.name) {
    case "directive":
    case "release":
      return decideDeviceDocument(view, request, context);
    case "advisory-list":
    case "advisory-removal":
      return decideRules(view, request, context);
    case "beacon":
      return decideLostBeacon(view, request, context);
    case "approval":
      return decideQuorum(view, request, context);
    case "voucher":
      return decideLink(view, request, context);
  }
}

type Named<Name extends DocumentRequest["name"]> = Extract<DocumentRequest, { readonly name: Name }>;

function decideDeviceDocument(
  view: FleetView,
  request: Named<"directive" | "release">,
  context: Context,
): Decision {
  const { name, value, signed } = request;
  const device = view.devices.get(value.subject);
  if (!device) return refuse("not-found", `there is no device ${value.subject}`);
  const news = newsOf(value.version, signed, device[name], context.terms.directive);
  if (news !== "newer") return news === "known" ? accept() : refuse("conflict", news.problem);
  const other = name === "directive" ? releaseVersion(device) : directiveVersion(device);
  if (compareVersions(value.version, other) === 0)
    return refuse(
      "conflict",
      `device ${device.number} got another document of this version: draw it up again`,
    );
  const fence = lostBy(view, request, context);
  if (name === "directive") return accept({ ...directiveFactOf(value), signed }, ...fence);
  if (device.standing === "revoked" && value.level !== "revoked")
    return refuse("conflict", `device ${device.number} is revoked for good`);
  return accept({ ...releaseFor(view, device, value, context), signed }, ...fence);
}

/** A release that an open act asked for carries out that act on its device. */
function releaseFor(view: FleetView, device: DeviceView, value: Release, context: Context): DecidedFact {
  const asked = [...view.acts.values()].find((act) => asksFor(act, device, value, context));
  const fact = releaseFactOf(value, asked?.act.reason ?? "signed elsewhere");
  return asked ? { ...fact, act: asked.id } : fact;
}

function asksFor(pending: ActView, device: DeviceView, value: Release, { now, terms }: Context): boolean {
  const { act, done, finished, expiresAt = now } = pending;
  if (finished || (!inForce(pending) && now > expiresAt)) return false;
  if (!needsRelease(act) || !isDocumentAct(act)) return false;
  if (!act.numbers.includes(device.number) || done.has(device.number)) return false;
  const { level, wipe, freshness } = releaseFact(device, act, pending.id, terms.directive);
  if (!sameTable(freshness, value.freshness)) return false;
  return level === value.level && wipe === (value.wipe ?? 0);
}

function sameTable(a: FreshnessRules | undefined, b: FreshnessRules | undefined): boolean {
  if (!a || !b) return a === b;
  const same = (rule: FreshnessRules[number], i: number) =>
    rule.level === b[i]?.level && rule.afterSeconds === b[i].afterSeconds;
  return a.length === b.length && a.every(same);
}

function decideRules(
  view: FleetView,
  request: Named<"advisory-list" | "advisory-removal">,
  context: Context,
): Decision {
  const { name, value, signed } = request;
  const { list, removal, active } = view.advisories;
  const known = name === "advisory-list" ? list : removal;
  const news = newsOf(value.version, signed, known, context.terms.advisory);
  if (news !== "newer") return news === "known" ? accept() : refuse("conflict", news.problem);
  const fence = lostBy(view, request, context);
  if (name === "advisory-removal") {
    const { version, ids } = value;
    return accept({ type: "advisories-removed", version, ids, signed }, ...fence);
  }
  const fact = advisoryFactOf(value);
  for (const { id, match, level } of fact.entries) {
    if (match.length > MAX_PREDICATE_TEXT)
      return refuse(
        "bad-request",
        `written out, advisory ${id} has more than ${MAX_PREDICATE_TEXT} characters`,
      );
    const ours = active.find((entry) => entry.id === id);
    if (ours && (ours.match !== match || ours.level !== level))
      return refuse("conflict", `advisory ${id} says something else here`);
  }
  return accept({ ...fact, signed }, ...fence);
}

/** A Beacon says what was out, and not why: nothing of it is recorded but that the log does not know of it. */
function decideLostBeacon(view: FleetView, request: Named<"beacon">, context: Context): Decision {
  const { version } = request.value;
  if (version[0] > context.terms.ledger) return refuse("conflict", OF_LATER_TERM);
  const isLost = compareVersions(version, view.beacon?.version ?? NO_VERSION) > 0;
  return accept(...(isLost && version[0] === context.terms.ledger ? lostBy(view, request, context) : []));
}

const SIGNED_BY: Readonly<Record<LosableRequest["name"], Role>> = {
  directive: Directive.signedBy,
  release: Release.signedBy,
  "advisory-list": AdvisoryList.signedBy,
  "advisory-removal": AdvisoryRemoval.signedBy,
  beacon: Beacon.signedBy,
};

/** Those with a version. */
type LosableRequest = Exclude<DocumentRequest, { readonly name: "approval" | "voucher" }>;

/** What follows from a document that is newer than the log, unless others could have signed it. */
function lostBy(
  view: FleetView,
  { name, value }: LosableRequest,
  { onlyHere }: Context,
): readonly DecidedFact[] {
  if (view.fence || !onlyHere.includes(SIGNED_BY[name])) return [];
  const about = "subject" in value ? { number: value.subject } : {};
  return [{ type: "fence-raised", proof: { kind: "document", name, version: value.version, ...about } }];
}

/** The quorum's approval stands for that of a second operator. */
function decideQuorum(view: FleetView, { value, signed }: Named<"approval">, context: Context): Decision {
  const id = toHex(value.act);
  const pending = view.acts.get(id);
  if (!pending) return refuse("not-found", `there is no request ${id}`);
  if (pending.approvedBy !== undefined) return accept();
  if (isSignedElsewhere(pending.act, context))
    return refuse("conflict", `request ${id} needs a signed document, not an approval`);
  const problem = problemWithApproval(view, pending, context);
  if (problem) return refuse("conflict", problem);
  if (context.now > value.expiresAt) return refuse("conflict", "this approval ran out; sign another");
  if (!equalBytes(value.digest, actDigest(view, pending.act, context.crypto)))
    return refuse("conflict", "this approval is for another set of devices");
  return accept({ type: "act-approved", id, digest: toHex(value.digest), signed });
}

const OF_LATER_TERM = "it is of a later term: bring the Authority first";

type News = "newer" | "known" | { readonly problem: string };

function newsOf(
  version: Version,
  signed: Base64Url,
  newest: { readonly version: Version; readonly signed?: Base64Url } | undefined,
  term: number,
): News {
  if (version[0] > term) return { problem: OF_LATER_TERM };
  const order = compareVersions(version, newest?.version ?? NO_VERSION);
  if (version[0] < term || order < 0) return "known";
  if (order === 0) {
    const same = newest?.signed !== undefined && samePayload(newest.signed, signed);
    return same ? "known" : { problem: "same version, other content: a fork; nothing was changed" };
  }
  const newestN = newest?.version[0] === term ? newest.version[1] : 0;
  if (version[1] - newestN > MAX_LEAP)
    return { problem: "it is far ahead of all that this fleet issued: raise the term of its kind" };
  return "newer";
}

function samePayload(a: Base64Url, b: Base64Url): boolean {
  return equalBytes(parseEnvelope(fromBase64Url(a)).payload, parseEnvelope(fromBase64Url(b)).payload);
}
