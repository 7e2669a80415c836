/** `daymark quarantine status`: requests, and who knows of a document, who was told, and who cannot know yet. */
import { buildCommand } from "@stricli/core";
import type { DeviceExposure, ExposureReport, ExposureSummary } from "../../api/exposure.js";
import type { ActList } from "../../api/quarantine.js";
import { ACT_HEADING, actRow, nextStep, printAct, printActDevices } from "../act-output.js";
import { actDetail, actIdParameter } from "../acts.js";
import { type CliContext, clientAliases, type ClientFlags, clientFlags, connect } from "../connection.js";
import { deviceNumber, wholeNumber } from "../device-number.js";
import { CliError, EXIT } from "../exit.js";
import { exposureRow, SUMMARY_HEADING, printDeviceExposure, printExposure } from "../exposure-output.js";
import type { FleetClient } from "../http.js";
import { printJson, printLine, printTable } from "../output.js";

/** Each names what the report is about. */
interface Subjects {
  readonly device?: number;
  readonly advisory?: number;
  readonly advisories?: string;
  readonly removals?: string;
  readonly epoch?: number;
  readonly authority?: number;
}

interface StatusFlags extends ClientFlags, Subjects {
  readonly state?: "confirmed" | "told" | "dark";
  readonly after?: number;
  readonly limit: number;
}

const parsed = <T>(parse: (text: string) => T, placeholder: string, brief: string) =>
  ({ kind: "parsed", parse, optional: true, placeholder, brief }) as const;

export const status = buildCommand<StatusFlags, [string?], CliContext>({
  docs: {
    brief: "Show requests, and who knows",
    fullDescription: [
      "With the id of a request, each of its devices: waiting (for approval or signatures), issued (signed; the",
      "device has not answered and may be dark), confirmed (the device signed that it holds it, or has done it),",
      "or superseded (a later decision stands).",
      "",
      "With a document, each device: confirmed (it signed that it holds it), told (it asked, and a lease demands",
      "it; no receipt yet), or dark (neither: it cannot know, and was last heard of at that time). Of a device",
      "that peers must refuse, also how many of them hold a ledger that says so.",
      "",
      "With nothing, the newest of everything in numbers, and the newest requests.",
      "",
      "Example: daymark quarantine status 0123456789abcdef",
      "Example: daymark quarantine status --device 7",
      "Example: daymark quarantine status --advisory 3 --state dark",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      device: parsed(deviceNumber, "number", "The newest directive and release of a device"),
      advisory: parsed(wholeNumber, "id", "What brought an advisory, or ended it"),
      advisories: parsed(versionText, "term.n", "A version of the advisory list"),
      removals: parsed(versionText, "term.n", "A version of the advisory removals"),
      epoch: parsed(wholeNumber, "n", "An epoch of the ledger"),
      authority: parsed(wholeNumber, "version", "A version of the Authority"),
      state: {
        kind: "enum",
        values: ["confirmed", "told", "dark"],
        optional: true,
        brief: "Only devices in this state",
      },
      after: parsed(wholeNumber, "number", "Begin behind the device that the page before ended with"),
      limit: {
        kind: "parsed",
        parse: wholeNumber,
        default: "100",
        brief: "At most so many devices, 1 to 1000",
      },
    },
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [{ ...actIdParameter, optional: true }] },
  },
  async func(flags, id) {
    const { device, advisory, advisories, removals, epoch, authority } = flags;
    const subjects = { device, advisory, advisories, removals, epoch, authority };
    const named = Object.entries(subjects).filter(([, value]) => value !== undefined);
    if (named.length + (id === undefined ? 0 : 1) > 1)
      throw new CliError(EXIT.usage, "name one thing: a request, or one document");
    const client = await connect(flags, this);
    if (id !== undefined) return showAct(client, id, flags, this);
    const [subject] = named;
    if (!subject) return showAll(client, flags, this);
    const query = new URLSearchParams([[subject[0], String(subject[1])]]);
    if (device !== undefined) return showDevice(client, `/v1/exposure?${query.toString()}`, flags, this);
    query.set("limit", String(flags.limit));
    if (flags.state !== undefined) query.set("state", flags.state);
    if (flags.after !== undefined) query.set("after", String(flags.after));
    return showReport(client, `/v1/exposure?${query.toString()}`, flags, this);
  },
});

async function showAct(
  client: FleetClient,
  id: string,
  { json }: StatusFlags,
  { process: { stdout, stderr } }: CliContext,
): Promise<void> {
  const detail = await actDetail(client, id);
  if (json) return printJson(stdout, detail);
  printAct(stdout, detail);
  printActDevices(stdout, detail.devices);
  if (detail.state !== "in-force") printLine(stderr, nextStep(detail));
}

async function showDevice(
  client: FleetClient,
  path: string,
  { json }: StatusFlags,
  { process: { stdout, stderr } }: CliContext,
): Promise<void> {
  const report = await client.get<DeviceExposure>(path);
  if (json) return printJson(stdout, report);
  printDeviceExposure(stdout, report);
  if (report.documents.length === 0) printLine(stderr, "nothing was issued for this device yet");
}

async function showReport(
  client: FleetClient,
  path: string,
  { json }: StatusFlags,
  { process: { stdout, stderr } }: CliContext,
): Promise<void> {
  const report = await client.get<ExposureReport>(path);
  if (json) return printJson(stdout, report);
  printExposure(stdout, report);
  if (report.next !== undefined) printLine(stderr, `there are more: --after ${report.next}`);
}

async function showAll(
  client: FleetClient,
  { json }: StatusFlags,
  { process: { stdout, stderr } }: CliContext,
): Promise<void> {
  const list = await client.get<ActList>("/v1/quarantine");
  const summary = await client.get<ExposureSummary>("/v1/exposure");
  if (json) return printJson(stdout, { ...list, ...summary });
  printTable(stdout, [SUMMARY_HEADING, ...summary.documents.map(exposureRow)]);
  printLine(stdout, "");
  printTable(stdout, [ACT_HEADING, ...list.acts.map(actRow)]);
  if (list.acts.length === 0)
    printLine(stderr, "nothing was requested yet: daymark quarantine request --help");
}

/** @throws RangeError */
function versionText(text: string): string {
  if (!/^\d{1,15}\.\d{1,15}$/.test(text)) throw new RangeError("a version looks like 1.7: term and number");
  return text;
}
