/** How it looks on a terminal who knows of a document, who was told, and who cannot know yet. */
import type { DeviceExposure, ExposureReport, ExposureSummary } from "../api/exposure.js";
import { printLine, printRecord, printTable } from "./output.js";

type Summary = ExposureSummary["documents"][number];

const NAMES: Readonly<Record<ExposureReport["kind"], string>> = {
  directive: "directive",
  release: "release",
  ledger: "ledger",
  advisories: "advisory list",
  removals: "advisory removals",
  authority: "Authority",
};

/** Of the newest of everything. */
export const SUMMARY_HEADING = ["DOCUMENT", "VERSION", "CONFIRMED", "TOLD", "CANNOT KNOW YET"] as const;

export function exposureRow({ kind, version, counts }: Summary): string[] {
  return [NAMES[kind], versionText(version), ...[counts.confirmed, counts.told, counts.dark].map(String)];
}

export function printExposure(stream: NodeJS.WriteStream, report: ExposureReport): void {
  const { confirmed: known, told, dark } = report.counts;
  printRecord(stream, {
    document: `${NAMES[report.kind]} ${versionText(report.version)}`,
    confirmed: String(known),
    told: String(told),
    "cannot know yet": String(dark),
  });
  printLine(stream, "");
  const rows = report.devices.map(({ number, level, state, since }) => [
    String(number),
    level,
    state,
    sinceText(state, since),
  ]);
  printTable(stream, [["DEVICE", "LEVEL NOW", "STATE", "SINCE"], ...rows]);
}

export function printDeviceExposure(stream: NodeJS.WriteStream, report: DeviceExposure): void {
  const { number, level, documents, peers } = report;
  const lines = documents.map(({ kind, version, devices: [device] }): [string, string] => [
    NAMES[kind],
    `${versionText(version)}: ${device ? `${device.state}, ${sinceText(device.state, device.since)}` : ""}`,
  ]);
  printRecord(stream, {
    device: String(number),
    "level now": level,
    ...Object.fromEntries(lines),
    "peers that refuse it": `${peers.denying} of ${peers.of} hold a ledger that denies it`,
  });
}

function sinceText(state: ExposureReport["devices"][number]["state"], since: string): string {
  return state === "dark" ? `last heard of ${since}` : `since ${since}`;
}

function versionText(version: Summary["version"]): string {
  return typeof version === "number" ? String(version) : version.join(".");
}
