/** What a scenario measured, as Markdown, and what a reader has to know beside it. Pure. */
import { megabytes, type Report } from "../../simulators/swarm/report.js";
import type { Percentiles } from "../../simulators/swarm/timings.js";
import { table } from "../docs/markdown.js";
import type { HandshakeLimit } from "./connect-limit.js";

const NONE = "–";

/** Times in milliseconds. */
export function timesTable({ timings }: Pick<Report, "timings">): string {
  const rows = timings.map(({ what, times }) => [what, String(times.count), ...shares(times)]);
  return table(["Milliseconds", "Count", "p50", "p90", "p99", "All"], rows, [1, 2, 3, 4, 5]);
}

/** How large the run was, and what each process took at most. */
export function sizeLine({ devices, workers, gateways, addresses, memory }: Report): string {
  const took = memory.map(({ what, peakBytes }) => `${what} ${megabytes(peakBytes)} MB`);
  return (
    `${devices} devices in ${workers} processes, from ${addresses} addresses; ${gateways} gateway processes. ` +
    `Largest memory: ${took.join(", ")}.`
  );
}

/** Time until so many were back, beside what bare handshakes of as many would take. */
export function herdTable(report: Pick<Report, "timings">, limit: HandshakeLimit): string {
  const { p50, p90, p99, p100 } = timesOf(report, "gateways killed to leased again");
  const rows = Object.entries({ "50 %": p50, "90 %": p90, "99 %": p99, all: p100 }).map(([share, ms]) => [
    share,
    ms === undefined ? NONE : (ms / 1_000 / limit.resumedSeconds).toFixed(2),
    ms === undefined ? NONE : (ms / 1_000 / limit.fullSeconds).toFixed(2),
    ms === undefined ? NONE : (ms / 1_000).toFixed(1),
  ]);
  return table(["Back", "Resumed handshakes = 1", "Full handshakes = 1", "Seconds"], rows, [1, 2, 3]);
}

export function limitLine(connects: number, { fullSeconds, resumedSeconds }: HandshakeLimit): string {
  return (
    `${connects} bare handshakes, right before: ${resumedSeconds.toFixed(1)} s resumed, ` +
    `${fullSeconds.toFixed(1)} s full.`
  );
}

/** 99th percentiles of the same work, in the flood and in peace. */
export function floodTable(report: Pick<Report, "timings">): string {
  const what = [
    "connection begun to lease",
    "connection lost to lease",
    "message handed over to acknowledged",
  ];
  const rows = what.map((name) => {
    const [calm, flooded] = ["in peace", "in the flood"].map(
      (when) => timesOf(report, `${name}, ${when}`).p99,
    );
    const known = calm !== undefined && flooded !== undefined;
    return [name, known ? (flooded / calm).toFixed(2) : NONE, oneDigit(flooded), oneDigit(calm)];
  });
  return table(["p99", "In peace = 1", "In the flood, ms", "In peace, ms"], rows, [1, 2, 3]);
}

/** Claims that did not hold; nothing where all did. */
export function missedClaims({ claims }: Pick<Report, "claims">): readonly string[] {
  return claims.filter(({ held }) => !held).map(({ claim, observed }) => `${claim}: ${observed}`);
}

function timesOf({ timings }: Pick<Report, "timings">, what: string): Percentiles {
  const found = timings.find((timed) => timed.what === what);
  if (!found) throw new RangeError(`the scenario did not report "${what}"`);
  return found.times;
}

function shares({ p50, p90, p99, p100 }: Percentiles): readonly string[] {
  return [p50, p90, p99, p100].map(oneDigit);
}

function oneDigit(ms: number | undefined): string {
  return ms === undefined ? NONE : ms.toFixed(1);
}
