/** `daymark advisory preview | add | list | remove`: rules that hold every device they match. */
import { buildCommand } from "@stricli/core";
import type { HoldLevel } from "../../../protocol/level.js";
import type { AdvisoryList, AdvisoryPreview } from "../../api/advisories.js";
import { fileAct, reasonFlag, type ReasonFlags } from "../acts.js";
import { type CliContext, clientAliases, type ClientFlags, clientFlags, connect } from "../connection.js";
import { wholeNumber } from "../device-number.js";
import { printJson, printLine, printRecord, printTable } from "../output.js";

const matchFlag = {
  kind: "parsed",
  parse: String,
  placeholder: "rule",
  brief: "Which devices are meant",
} as const;

const LANGUAGE = [
  "A rule asks for number, generation, station, model, firmware, hardwareId or algorithm, with = or in, joined by",
  'and, or, not: model in {"cam-2", "cam-3"} and not (number in 100..200). A device that cannot tell is meant.',
];

interface PreviewFlags extends ClientFlags {
  readonly match: string;
  readonly after: number;
  readonly limit: number;
}

const preview = buildCommand<PreviewFlags, [], CliContext>({
  docs: {
    brief: "Show which devices a rule would hold",
    fullDescription: [
      "Changes nothing. Tells the devices that match for sure from those of which a fact is not known, which counts",
      "as a match. A device evaluates the rule on its own facts and may know better, such as its firmware.",
      "",
      ...LANGUAGE,
      "",
      "Example: daymark advisory preview --match 'model in {\"cam-2\"}'",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      match: matchFlag,
      after: { kind: "parsed", parse: wholeNumber, default: "0", brief: "Begin behind this number" },
      limit: { kind: "parsed", parse: wholeNumber, default: "100", brief: "At most so many, 1 to 1000" },
    },
    aliases: clientAliases,
  },
  async func({ match, after, limit, ...flags }) {
    const client = await connect(flags, this);
    const query = new URLSearchParams({ match, after: String(after), limit: String(limit) });
    const found = await client.get<AdvisoryPreview>(`/v1/advisories/preview?${query.toString()}`);
    const { stdout, stderr } = this.process;
    if (flags.json) return printJson(stdout, found);
    printRecord(stdout, {
      rule: found.match,
      "match for sure": String(found.sure),
      "a fact is not known": String(found.unknown),
      "held in all": `${found.sure + found.unknown} of ${found.of}`,
    });
    printLine(stdout, "");
    const rows = found.devices.map((device) => [
      String(device.number),
      device.match,
      device.level,
      device.model,
    ]);
    printTable(stdout, [["DEVICE", "MATCH", "LEVEL NOW", "MODEL"], ...rows]);
    if (found.next !== undefined) printLine(stderr, `there are more: --after ${found.next}`);
  },
});

interface AddFlags extends ReasonFlags {
  readonly match: string;
  readonly level: Exclude<HoldLevel, "none">;
}

const add = buildCommand<AddFlags, [], CliContext>({
  docs: {
    brief: "Hold all devices that match a rule, known or not yet",
    fullDescription: [
      "One person may hold few devices so; a rule that matches many waits for a second person. Every device that",
      "matches once stays held until the advisory is removed. See daymark advisory preview first.",
      "",
      ...LANGUAGE,
      "",
      "Example: daymark advisory add --match 'model in {\"cam-2\"}' --level isolate --reason 'open telnet'",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      match: matchFlag,
      level: {
        kind: "enum",
        values: ["observe", "restrict", "isolate"],
        brief: "The level to hold them at, or a higher one",
      },
      reason: reasonFlag,
    },
    aliases: clientAliases,
  },
  func({ match, level, reason, ...flags }) {
    return fileAct("/v1/advisories", { match, level, reason }, flags, this);
  },
});

const list = buildCommand<ClientFlags, [], CliContext>({
  docs: {
    brief: "List the advisories that count",
    fullDescription: [
      "Each with its rule and how many devices the fleet holds for it. Who knows of one: daymark quarantine status",
      "--advisory ID.",
      "",
      "Example: daymark advisory list",
    ].join("\n"),
  },
  parameters: { flags: clientFlags, aliases: clientAliases },
  async func(flags) {
    const known = await (await connect(flags, this)).get<AdvisoryList>("/v1/advisories");
    const { stdout, stderr } = this.process;
    if (flags.json) return printJson(stdout, known);
    const rows = known.advisories.map(({ id, level, devices, match, reason }) => [
      String(id),
      level,
      String(devices),
      match,
      reason,
    ]);
    printTable(stdout, [["ID", "LEVEL", "DEVICES", "RULE", "REASON"], ...rows]);
    if (rows.length === 0) printLine(stderr, "no advisory counts: daymark advisory add --help");
  },
});

const remove = buildCommand<ReasonFlags, [number], CliContext>({
  docs: {
    brief: "Ask to end an advisory",
    fullDescription: [
      "Always waits for a second person, or for the signatures of the release keys where these are not on the",
      "server. Each device is then free of it once it has come back, asked, and got a fresh lease.",
      "",
      "Example: daymark advisory remove 3 --reason 'fixed in 4.1'",
    ].join("\n"),
  },
  parameters: {
    flags: { ...clientFlags, reason: reasonFlag },
    aliases: clientAliases,
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Id of an advisory", parse: wholeNumber, placeholder: "id" }],
    },
  },
  func(flags, id) {
    return fileAct(`/v1/advisories/${id}/removal`, { reason: flags.reason }, flags, this);
  },
});

/** Each command by its verb. */
export const advisoryCommands = { preview, add, list, remove } as const;
