/** `daymark audit list`: what the log says, event by event, for whoever looks something up. */
import { buildCommand } from "@stricli/core";
import type { EventResource } from "../api/events.js";
import { aboutEvent } from "./audit-words.js";
import { type CliContext, clientAliases, type ClientFlags, clientFlags, connect } from "./connection.js";
import { deviceNumber, wholeNumber } from "./device-number.js";
import { printJson, printLine, printTable } from "./output.js";

interface ListFlags extends ClientFlags {
  readonly device?: number;
  readonly actor?: string;
  readonly type?: string;
  readonly since?: number;
  readonly until?: number;
  readonly after: number;
  readonly limit: number;
}

const only = (brief: string, placeholder: string) =>
  ({ kind: "parsed", parse: String, optional: true, placeholder, brief }) as const;
const time = (brief: string) =>
  ({ kind: "parsed", parse: unixMs, optional: true, placeholder: "time", brief }) as const;

export const list = buildCommand<ListFlags, [], CliContext>({
  docs: {
    brief: "List what happened, oldest first",
    fullDescription: [
      "One line per event: its place in the log, fleet time, kind, who caused it, and what it is about. This shows",
      "the log as the server tells it; what proves itself is daymark audit export.",
      "",
      "Example: daymark audit list --device 7 --since 2027-01-01T00:00:00Z",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      device: { ...only("About this device", "number"), parse: deviceNumber },
      actor: only("Caused by this operator, device/<number> or fleet", "actor"),
      type: only("Of this kind, such as directive-issued", "kind"),
      since: time("Not before, RFC 3339 in UTC"),
      until: time("Not after, RFC 3339 in UTC"),
      after: { kind: "parsed", parse: wholeNumber, default: "0", brief: "Begin behind this position" },
      limit: { kind: "parsed", parse: wholeNumber, default: "100", brief: "At most so many" },
    },
    aliases: clientAliases,
  },
  async func(flags) {
    const client = await connect(flags, this);
    const events: EventResource[] = [];
    let isMore = false;
    for await (const event of client.lines<EventResource>(`/v1/events?after=${flags.after}`)) {
      if (!isWanted(event, flags)) continue;
      const last = events.at(-1);
      // Events of one decision share their position, so a list never ends between them.
      isMore = events.length >= flags.limit && event.position !== last?.position;
      if (isMore) break;
      events.push(event);
    }
    const { stdout, stderr } = this.process;
    if (flags.json) printJson(stdout, { events });
    else printTable(stdout, [HEADING, ...events.map(rowOf)]);
    if (events.length === 0) printLine(stderr, "no event matches");
    if (isMore) printLine(stderr, `there are more: --after ${events.at(-1)?.position ?? flags.after}`);
  },
});

const HEADING = ["POSITION", "AT", "KIND", "ACTOR", "ABOUT"] as const;

function rowOf(event: EventResource): string[] {
  return [String(event.position), event.at, event.type, event.actor, aboutEvent(event)];
}

function isWanted(event: EventResource, { device, actor, type, since, until }: ListFlags): boolean {
  const atMs = Date.parse(event.at);
  return (
    (device === undefined || (event.number === device && event.type !== "holder-certified")) &&
    (actor === undefined || event.actor === actor) &&
    (type === undefined || event.type === type) &&
    (since === undefined || atMs >= since) &&
    (until === undefined || atMs <= until)
  );
}

/** @throws RangeError */
function unixMs(text: string): number {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?$/.test(text);
  const ms = isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new RangeError("a time is like 2027-01-31T12:00:00Z, or a day of it");
  return ms;
}
