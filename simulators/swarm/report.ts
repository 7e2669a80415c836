/** What a run found, as one object for programs and as tables for people. Pure. */
import { type Claim, claimsTable } from "../voyage/claims.js";
import type { Timed } from "./scenario.js";
import type { Percentiles } from "./timings.js";

export interface Report {
  readonly type: "result";
  readonly scenario: string;
  /** Every claim held. */
  readonly held: boolean;
  readonly claims: readonly Claim[];
  readonly timings: readonly Timed[];
  readonly devices: number;
  readonly picked: number;
  readonly workers: number;
  readonly gateways: number;
  readonly addresses: number;
  /** How long devices wait before they try again, at the first and at the last time: full jitter in between. */
  readonly backoff: { readonly firstMs: number; readonly longestMs: number };
  readonly seconds: { readonly births: number; readonly arrival: number; readonly scenario: number };
  /** Largest resident memory, bytes. */
  readonly memory: readonly {
    readonly what: "server" | "gateway";
    readonly pid: number;
    readonly peakBytes: number;
  }[];
  /** How late any worker was since the last act, at most: what every time here may owe to the measuring itself. */
  readonly lateMs: number;
}

export function reportText(report: Report): string {
  const { scenario, devices, workers, addresses, gateways, backoff, seconds, memory, lateMs } = report;
  const inside = gateways === 0 ? "a gateway inside the server" : `${gateways} gateway processes`;
  return [
    `${scenario}: ${devices} devices in ${workers} processes, from ${addresses} addresses, at ${inside}.`,
    `Births ${seconds.births} s, first lease of all ${seconds.arrival} s, scenario ${seconds.scenario} s.`,
    `Devices try again after at most ${backoff.firstMs} ms, doubling to ${backoff.longestMs} ms, with full jitter.`,
    "",
    timingsTable(report.timings),
    "",
    ...memory.map(({ what, pid, peakBytes }) => `  ${what} ${pid}: at most ${megabytes(peakBytes)} MB`),
    `  measured by processes that were at most ${lateMs} ms late`,
    "",
    claimsTable(report.claims),
    "",
    report.held ? "Every claim held." : "Not every claim held: the rows marked NO say which.",
  ].join("\n");
}

const HEADING = ["Milliseconds", "count", "p50", "p90", "p99", "all"] as const;

/** A time that was not reached is "-". */
function timingsTable(timings: readonly Timed[]): string {
  const rows = [HEADING, ...timings.map(({ what, times }) => [what, String(times.count), ...shares(times)])];
  const widths = HEADING.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  return rows.map((row) => `  ${line(row)}`).join("\n");
}

function shares({ p50, p90, p99, p100 }: Percentiles): readonly string[] {
  return [p50, p90, p99, p100].map((ms) => (ms === undefined ? "-" : ms.toFixed(1)));
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
