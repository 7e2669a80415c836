/** How a request to hold or lift devices looks on a terminal. */
import type { ActDevice } from "../api/act-progress.js";
import type { ActResource } from "../api/quarantine.js";
import { NOTHING, printRecord, printTable } from "./output.js";

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

function whatItDoes({ kind, level }: ActResource): string {
  return kind === "hold" ? `hold at ${level}` : `lift, leave at ${level}`;
}
