/** `daymark device list | get | watch`: see the fleet. */
import { buildCommand } from "@stricli/core";
import type { DeviceList, DeviceResource, DocumentVersions } from "../../api/devices.js";
import type { EventResource } from "../../api/events.js";
import { aboutEvent } from "../audit-words.js";
import { type CliContext, clientAliases, type ClientFlags, clientFlags, connect } from "../connection.js";
import { numberParameter, wholeNumber } from "../device-number.js";
import { CliError, EXIT } from "../exit.js";
import { freshnessText } from "../freshness.js";
import { NOTHING, printJson, printLine, printRecord, printTable } from "../output.js";

interface ListFlags extends ClientFlags {
  readonly filter?: readonly string[];
  readonly after: number;
  readonly limit: number;
  readonly all: boolean;
}

const list = buildCommand<ListFlags, [], CliContext>({
  docs: {
    brief: "List devices, their level, and whether they know it",
    fullDescription: [
      "One line per device, by number. KNOWS is confirmed once the device has signed that it holds everything",
      "that was issued for it; not-yet may also mean that it is dark. ACCESS says what waits for an operator:",
      "suspected, see daymark device vouch; return asked, see daymark device readmit.",
      "",
      "Example: daymark device list --filter level:isolate --filter knows:not-yet",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      filter: {
        kind: "parsed",
        parse: String,
        optional: true,
        variadic: true,
        placeholder: "name:value",
        brief:
          "Only these: level:<level>, knows:<confirmed|not-yet>, model:<model>, suspected:<yes|no>, " +
          "return:<none|asked|approved>; may be repeated",
      },
      after: { kind: "parsed", parse: wholeNumber, default: "0", brief: "Begin behind this number" },
      limit: { kind: "parsed", parse: wholeNumber, default: "100", brief: "At most so many, 1 to 1000" },
      all: { kind: "boolean", default: false, withNegated: false, brief: "All of them, page by page" },
    },
    aliases: clientAliases,
  },
  async func(flags) {
    const client = await connect(flags, this);
    const devices: DeviceResource[] = [];
    let after: number | undefined = flags.after;
    do {
      const page: DeviceList = await client.get(listPath(flags, after));
      devices.push(...page.devices);
      after = page.next;
    } while (flags.all && after !== undefined);
    const { stdout, stderr } = this.process;
    const result: DeviceList = after === undefined ? { devices } : { devices, next: after };
    if (flags.json) return printJson(stdout, result);
    printTable(stdout, [HEADING, ...devices.map(rowOf)]);
    if (devices.length === 0) printLine(stderr, "no device matches; without --filter all are shown");
    if (after !== undefined) printLine(stderr, `there are more: --after ${after}, or --all`);
  },
});

const get = buildCommand<ClientFlags, [number], CliContext>({
  docs: {
    brief: "Show one device",
    fullDescription: [
      "Everything the fleet knows of one device. 'wanted' is what was issued for it, 'confirmed' what it signed",
      "that it holds: versions as term.n of its newest directive and release.",
      "",
      "Example: daymark device get 7",
    ].join("\n"),
  },
  parameters: {
    flags: clientFlags,
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [numberParameter] },
  },
  async func(flags, number) {
    const device = await (await connect(flags, this)).get<DeviceResource>(`/v1/devices/${number}`);
    if (flags.json) return printJson(this.process.stdout, device);
    printRecord(this.process.stdout, recordOf(device));
  },
});

interface WatchFlags extends ClientFlags {
  readonly after?: number;
}

const watch = buildCommand<WatchFlags, [number?], CliContext>({
  docs: {
    brief: "Watch what happens, to one device or to all",
    fullDescription: [
      "One line per event, from now on, or behind a position with --after (0: from the beginning); with -j one",
      "JSON object per line. Stop with Ctrl-C.",
      "",
      "Example: daymark device watch 7",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      after: { kind: "parsed", parse: wholeNumber, optional: true, brief: "Begin behind this position" },
    },
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [{ ...numberParameter, optional: true }] },
  },
  async func(flags, number) {
    const client = await connect(flags, this);
    let seen: number | undefined = flags.after;
    for await (const event of client.lines<EventResource>(
      `/v1/events?follow=1&after=${flags.after ?? "now"}`,
    )) {
      seen = event.position;
      if (number !== undefined && event.number !== number) continue;
      if (flags.json) this.process.stdout.write(`${JSON.stringify(event)}\n`);
      else printLine(this.process.stdout, lineOf(event));
    }
    const again = seen === undefined ? "" : ` --after ${seen}`;
    throw new CliError(
      EXIT.unreachable,
      `the server ended the stream; go on with: daymark device watch${again}`,
    );
  },
});

/** Each command by its verb. */
export const deviceCommands = { list, get, watch } as const;

function listPath({ filter = [], limit }: ListFlags, after: number): string {
  const query = new URLSearchParams({ after: String(after), limit: String(limit) });
  for (const each of filter) query.append("filter", each);
  return `/v1/devices?${query.toString()}`;
}

const HEADING = [
  "NUMBER",
  "LEVEL",
  "KNOWS",
  "LAST CONTACT",
  "LDEVID UNTIL",
  "ALARMS",
  "ACCESS",
  "MODEL",
] as const;

function rowOf(device: DeviceResource): string[] {
  const { number, level, knows, lastContactAt, ldevidUntil, alarms, model } = device;
  const dates = [lastContactAt ?? NOTHING, ldevidUntil ?? NOTHING];
  return [String(number), level, knows, ...dates, String(alarms.length), accessOf(device), model];
}

function accessOf({ suspectedSince, comingBack }: DeviceResource): string {
  if (suspectedSince !== undefined) return "suspected";
  return comingBack ? `return ${comingBack}` : NOTHING;
}

function recordOf(device: DeviceResource): Record<string, string> {
  const { confirmed, alarms, suspectedSince, comingBack, ticketUntil, freshness } = device;
  return {
    number: String(device.number),
    level: device.level,
    knows: device.knows,
    wanted: versionsText(device.wanted),
    confirmed: confirmed ? `${versionsText(confirmed)}, at level ${confirmed.level}` : NOTHING,
    "last contact": device.lastContactAt ?? NOTHING,
    "LDevID until": device.ldevidUntil ?? NOTHING,
    model: device.model,
    "hardware id": device.hardwareId,
    imported: device.importedAt,
    alarms: alarms.map(({ id, kind, at }) => `${id} ${kind} (${at})`).join(", ") || NOTHING,
    ...(suspectedSince !== undefined && { "suspected since": suspectedSince }),
    ...(comingBack && { return: comingBack }),
    ...(ticketUntil !== undefined && { "ticket until": ticketUntil }),
    ...(freshness && { "own freshness": freshnessText(freshness) }),
  };
}

function versionsText({ directive, release }: DocumentVersions): string {
  return `directive ${directive.join(".")}, release ${release.join(".")}`;
}

function lineOf(event: EventResource): string {
  const { position, at, type, actor } = event;
  const about = aboutEvent(event);
  return [at, String(position), type, ...(about === "" ? [] : [about]), `by ${actor}`].join("  ");
}
