/** `daymark quarantine request | lift | approve | status`: take a device's rights away, and give them back. */
import { createInterface } from "node:readline/promises";
import { buildCommand } from "@stricli/core";
import { type Level, LEVELS } from "../../../protocol/level.js";
import type { ActDetail, ActList, ActResource } from "../../api/quarantine.js";
import { ACT_HEADING, actRow, printAct, printActDevices } from "../act-output.js";
import { type CliContext, clientAliases, type ClientFlags, clientFlags, connect } from "../connection.js";
import { numberParameter } from "../device-number.js";
import { CliError, EXIT } from "../exit.js";
import type { FleetClient } from "../http.js";
import { printJson, printLine, printTable } from "../output.js";

interface ActFlags extends ClientFlags {
  readonly level: Level;
  readonly reason: string;
}

const LEVEL_NAMES = Object.keys(LEVELS) as Level[];
const numbers = { kind: "array", parameter: numberParameter, minimum: 1 } as const;
const reason = { kind: "parsed", parse: String, brief: "Why: it stays in the record" } as const;

const request = buildCommand<ActFlags, number[], CliContext>({
  docs: {
    brief: "Hold devices at a level",
    fullDescription: [
      "One person may raise a few devices at once; revoking for good, or many devices in one request, waits for",
      "a second person. Exit code 0 means that the request is filed: its state says whether it is in force.",
      "",
      "Example: daymark quarantine request 7 8 --level isolate --reason 'reported stolen'",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      level: {
        kind: "enum",
        values: LEVEL_NAMES.filter((level) => level !== "none"),
        brief: "The level to hold them at, or a higher one",
      },
      reason,
    },
    aliases: clientAliases,
    positional: numbers,
  },
  func(flags, ...devices) {
    return file("/v1/quarantine/requests", flags, devices, this);
  },
});

const lift = buildCommand<ActFlags, number[], CliContext>({
  docs: {
    brief: "Ask to lift what holds devices",
    fullDescription: [
      "Lifting always waits for a second person. Once approved, a device is free when it has come back, asked,",
      "and got a fresh lease: no older document frees it.",
      "",
      "Example: daymark quarantine lift 7 --reason 'found again'",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      level: {
        kind: "enum",
        values: LEVEL_NAMES.filter((level) => level !== "revoked"),
        default: "none",
        brief: "The level to leave them at",
      },
      reason,
    },
    aliases: clientAliases,
    positional: numbers,
  },
  func(flags, ...devices) {
    return file("/v1/quarantine/lifts", flags, devices, this);
  },
});

interface ApproveFlags extends ClientFlags {
  readonly yes: boolean;
}

const id = { brief: "Id of a request", parse: requestId, placeholder: "id" } as const;

const approve = buildCommand<ApproveFlags, [string], CliContext>({
  docs: {
    brief: "Approve somebody else's request",
    fullDescription: [
      "Shows the request with its devices and asks; without a terminal it demands --yes. The approval is for",
      "exactly what was shown. Nobody can approve what they asked for themselves.",
      "",
      "Example: daymark quarantine approve 0123456789abcdef --as approver",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      yes: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Approve what is shown, and do not ask",
      },
    },
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [id] },
  },
  async func(flags, actId) {
    const client = await connect(flags, this);
    const { stdin, stdout, stderr } = this.process;
    const shown = await detailOf(client, actId);
    printAct(stderr, shown);
    printActDevices(stderr, shown.devices);
    if (shown.state !== "awaiting-approval") {
      throw new CliError(EXIT.conflict, `this request is ${shown.state}: there is nothing to approve`);
    }
    if (!flags.yes && !stdin.isTTY) {
      throw new CliError(EXIT.usage, "nobody can be asked here; look at the devices above, then add --yes");
    }
    if (!flags.yes && !(await confirmed(this.process)))
      throw new CliError(EXIT.failed, "nothing was approved");
    const { digest } = shown;
    const act = await client.post<ActResource>(`/v1/quarantine/requests/${actId}/approve`, { digest });
    if (flags.json) return printJson(stdout, act);
    printLine(stdout, `approved ${act.id}: ${act.state}`);
    printLine(stderr, `see who knows: daymark quarantine status ${act.id}`);
  },
});

const status = buildCommand<ClientFlags, [string?], CliContext>({
  docs: {
    brief: "Show requests, and who knows",
    fullDescription: [
      "Without an id the newest requests. With one, each of its devices: waiting (for the approval), issued",
      "(signed; the device has not answered and may be dark), confirmed (the device signed that it holds it), or",
      "superseded (a later decision stands).",
      "",
      "Example: daymark quarantine status 0123456789abcdef",
    ].join("\n"),
  },
  parameters: {
    flags: clientFlags,
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [{ ...id, optional: true }] },
  },
  async func(flags, actId) {
    const client = await connect(flags, this);
    const { stdout, stderr } = this.process;
    if (actId !== undefined) {
      const detail = await detailOf(client, actId);
      if (flags.json) return printJson(stdout, detail);
      printAct(stdout, detail);
      return printActDevices(stdout, detail.devices);
    }
    const list = await client.get<ActList>("/v1/quarantine");
    if (flags.json) return printJson(stdout, list);
    printTable(stdout, [ACT_HEADING, ...list.acts.map(actRow)]);
    if (list.acts.length === 0)
      printLine(stderr, "nothing was requested yet: daymark quarantine request --help");
  },
});

/** Each command by its verb. */
export const quarantineCommands = { request, lift, approve, status } as const;

async function file(
  path: string,
  flags: ActFlags,
  devices: readonly number[],
  context: CliContext,
): Promise<void> {
  const client = await connect(flags, context);
  const { level, reason: why, json } = flags;
  const act = await client.post<ActResource>(path, { numbers: devices, level, reason: why });
  const { stdout, stderr } = context.process;
  if (json) printJson(stdout, act);
  else printAct(stdout, act);
  if (act.state === "awaiting-approval") {
    printLine(
      stderr,
      `not in force yet; someone else approves it: daymark quarantine approve ${act.id} --as approver`,
    );
  } else printLine(stderr, `see who knows: daymark quarantine status ${act.id}`);
}

/** An act with all its devices, page by page. */
async function detailOf(client: FleetClient, actId: string): Promise<ActDetail> {
  const path = `/v1/quarantine/${actId}`;
  let { next, ...detail } = await client.get<ActDetail>(`${path}?limit=1000`);
  while (next !== undefined) {
    const page = await client.get<ActDetail>(`${path}?limit=1000&after=${next}`);
    detail = { ...detail, devices: [...detail.devices, ...page.devices] };
    next = page.next;
  }
  return detail;
}

async function confirmed({ stdin, stderr }: NodeJS.Process): Promise<boolean> {
  const terminal = createInterface({ input: stdin, output: stderr });
  const ended = new AbortController();
  terminal.once("close", () => ended.abort()); // Ctrl-C and Ctrl-D: no answer is no
  const answer = await terminal.question("Approve this? [y/N] ", ended).catch(() => "");
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** @throws RangeError */
function requestId(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text))
    throw new RangeError("an id has 16 hex digits: daymark quarantine status");
  return text;
}
