/** How an operator's act looks on a terminal: what it does, how far it has come, and what to do next. */
import type { ActDevice } from "../api/act-progress.js";
import type { ActResource } from "../api/acts.js";
import { freshnessText } from "./freshness.js";
import { NOTHING, printJson, printLine, printRecord, printTable } from "./output.js";

/** What a command that files an act ends with. */
export function printFiled({ stdout, stderr }: NodeJS.Process, act: ActResource, json: boolean): void {
  if (json) printJson(stdout, act);
  else printAct(stdout, act);
  printLine(stderr, nextStep(act));
}

export function printAct(stream: NodeJS.WriteStream, act: ActResource): void {
  const { waiting, issued, confirmed: known, superseded, devices } = act.progress;
  const by = (who: string | undefined, at: string | undefined) =>
    who === undefined ? NOTHING : `${who}, ${at}`;
  printRecord(stream, {
    request: act.id,
    does: whatItDoes(act),
    reason: act.reason,
    state: act.state,
    requested: by(act.requestedBy, act.requestedAt),
    approved: by(act.approvedBy, act.approvedAt),
    ...(act.expiresAt !== undefined && { "approve until": act.expiresAt }),
    ...(act.key !== undefined && { "ticket key": act.key }),
    digest: act.digest,
    devices: `${devices}: ${waiting} waiting, ${issued} issued, ${known} confirmed, ${superseded} superseded`,
  });
}

export function printActDevices(stream: NodeJS.WriteStream, devices: readonly ActDevice[]): void {
  const rows = devices.map(({ number, level, state, lastContactAt = NOTHING }) => [
    String(number),
    level,
    state,
    lastContactAt,
  ]);
  printTable(stream, [["DEVICE", "LEVEL NOW", "THIS REQUEST", "LAST CONTACT"], ...rows]);
}

/** Of a list of requests. */
export const ACT_HEADING = [
  "REQUEST",
  "DOES",
  "STATE",
  "DEVICES",
  "CONFIRMED",
  "BY",
  "AT",
  "REASON",
] as const;

export function actRow(act: ActResource): string[] {
  const { devices, confirmed: known } = act.progress;
  const counts = [String(devices), String(known)];
  return [act.id, whatItDoes(act), act.state, ...counts, act.requestedBy, act.requestedAt, act.reason];
}

/** In a sentence, for stderr. */
export function nextStep({ id, state }: ActResource): string {
  switch (state) {
    case "awaiting-approval":
      return `not in force yet; someone else approves it: daymark quarantine approve ${id} --as approver`;
    case "awaiting-signatures":
      return (
        "not in force yet; the keys for it are not on this server, their holders sign it: " +
        `daymark release draft ${id} --out FILE`
      );
    case "expired":
      return "it ran out and changes nothing more: ask for it again";
    case "in-force":
      return `see who knows: daymark quarantine status ${id}`;
  }
}

function whatItDoes({ kind, level, count, match, advisory, owner, freshness }: ActResource): string {
  switch (kind) {
    case "hold":
      return `hold at ${level}`;
    case "release":
      return `lift, leave at ${level}${freshness ? `, freshness ${freshnessText(freshness)}` : ""}`;
    case "count":
      return `${count} once more`;
    case "advise":
      return `hold at ${level} all that match ${match}`;
    case "unadvise":
      return `end advisory ${advisory}`;
    case "give":
      return `give to fleet ${owner}`;
    case "vouch":
      return "vouch that there is one";
    case "readmit":
      return "let come back";
    case "ticket":
      return "ticket for new keys";
  }
}
