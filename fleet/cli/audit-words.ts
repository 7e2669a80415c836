/** Audit in words: what an event is about, and what to do about what a verifier found. */
import type { Verdict } from "../audit/verify.js";
import type { FindingKind } from "../audit/finding.js";
import type { EventResource } from "../api/events.js";
import { optionalTimestamp, timestamp } from "../api/json.js";
import { freshnessText } from "./freshness.js";
import { NOTHING } from "./output.js";

/** Whom or what an event is about, without its type and actor. */
export function aboutEvent({ type, number, level, reason, act, ...event }: EventResource): string {
  const { devices, count, match, advisory, authority, owner, freshness, fence, without } = event;
  const about = [
    number !== undefined && `${type === "holder-certified" ? "holder" : "device"} ${number}`,
    authority !== undefined && `version ${authority}`,
    level,
    count,
    match,
    advisory !== undefined && `advisory ${advisory}`,
    owner !== undefined && `fleet ${owner}`,
    freshness && `freshness ${freshnessText(freshness)}`,
    devices !== undefined && `${devices} devices`,
    act !== undefined && `request ${act}`,
    fence,
    without && `without ${without.join(", ")}`,
    reason !== undefined && `(${reason})`,
  ];
  return about.filter((part) => part !== false && part !== undefined).join("  ");
}

/** For programs: times as everywhere, RFC 3339. */
export function verdictJson({ firstAt, lastAt, ...verdict }: Verdict) {
  return { ...verdict, ...optionalTimestamp("firstAt", firstAt), ...optionalTimestamp("lastAt", lastAt) };
}

export function verdictRecord({ records, checkpoints, root, firstAt, lastAt }: Verdict) {
  return {
    records: String(records),
    from: firstAt === undefined ? NOTHING : timestamp(firstAt),
    until: lastAt === undefined ? NOTHING : timestamp(lastAt),
    "checkpoints within": String(checkpoints),
    root,
  };
}

const ANOTHER =
  "keep this file, and ask for another export: if that has it too, the fleet's own log was changed";
const ALARM =
  "keep this file and what you compared it with: somebody who can write the log has changed its past";
const OWNER =
  "ask the owner, by another way, for the key (daymark audit key), and for earlier keys if there are any";

export const WHAT_TO_DO: Readonly<Record<FindingKind, string>> = {
  header: `is it an export at all? ${OWNER}`,
  changed: ANOTHER,
  missing: ANOTHER,
  moved: ANOTHER,
  repeated: ANOTHER,
  added: ANOTHER,
  truncated: "ask for the export again: it did not arrive whole",
  rewritten: ALARM,
  checkpoint: ANOTHER,
  "other-key": OWNER,
  older: "ask for an export of today; if there is none that reaches so far, the log has lost its end",
};
