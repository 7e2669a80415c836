/** `daymark quarantine request | lift | wipe | approve`: take a device's rights away, and give them back. */
import { createInterface } from "node:readline/promises";
import { buildCommand } from "@stricli/core";
import type { FreshnessRules } from "../../../protocol/authority.js";
import { type Level, LEVELS } from "../../../protocol/level.js";
import type { ActResource } from "../../api/acts.js";
import { nextStep, printAct, printActDevices } from "../act-output.js";
import {
  actDetail,
  actIdParameter,
  fileAct,
  numbersParameter,
  reasonFlag,
  type ReasonFlags,
} from "../acts.js";
import { type CliContext, clientAliases, type ClientFlags, clientFlags, connect } from "../connection.js";
import { CliError, EXIT } from "../exit.js";
import { parseFreshness } from "../freshness.js";
import { printJson, printLine } from "../output.js";
import { status } from "./quarantine-status.js";

interface LevelFlags extends ReasonFlags {
  readonly level: Level;
}

const LEVEL_NAMES = Object.keys(LEVELS) as Level[];

const request = buildCommand<LevelFlags, number[], CliContext>({
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
      reason: reasonFlag,
    },
    aliases: clientAliases,
    positional: numbersParameter,
  },
  func(flags, ...numbers) {
    const { level, reason } = flags;
    return fileAct("/v1/quarantine/requests", { numbers, level, reason }, flags, this);
  },
});

interface LiftFlags extends LevelFlags {
  readonly freshness?: FreshnessRules;
}

const lift = buildCommand<LiftFlags, number[], CliContext>({
  docs: {
    brief: "Ask to lift what holds devices",
    fullDescription: [
      "Lifting always waits for a second person, or for the signatures of the release keys where these are not on",
      "the server. A device is then free when it has come back, asked, and got a fresh lease: no older document",
      "frees it.",
      "",
      "With --freshness the devices get a table of their own for when no lease comes any more, in place of their",
      "model's, until their next release: 30d:restrict,90d:isolate, or never.",
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
      freshness: {
        kind: "parsed",
        parse: parseFreshness,
        optional: true,
        placeholder: "table",
        brief: "What a lease that ran out does to them, such as 30d:restrict,90d:isolate",
      },
      reason: reasonFlag,
    },
    aliases: clientAliases,
    positional: numbersParameter,
  },
  func(flags, ...numbers) {
    const { level, freshness, reason } = flags;
    const body = { numbers, level, ...(freshness && { freshness }), reason };
    return fileAct("/v1/quarantine/lifts", body, flags, this);
  },
});

const wipe = buildCommand<ReasonFlags, number[], CliContext>({
  docs: {
    brief: "Ask to erase what applications and fleet left on devices",
    fullDescription: [
      "Waits for a second person, or for the signatures of the release keys. Each device wipes itself once for",
      "each request, whenever it hears of it, and stays at the level it is at. Nothing brings the data back.",
      "",
      "Example: daymark quarantine wipe 7 --reason 'sold'",
    ].join("\n"),
  },
  parameters: {
    flags: { ...clientFlags, reason: reasonFlag },
    aliases: clientAliases,
    positional: numbersParameter,
  },
  func(flags, ...numbers) {
    const body = { numbers, count: "wipe", reason: flags.reason };
    return fileAct("/v1/quarantine/counts", body, flags, this);
  },
});

interface ApproveFlags extends ClientFlags {
  readonly yes: boolean;
}

const approve = buildCommand<ApproveFlags, [string], CliContext>({
  docs: {
    brief: "Approve somebody else's request",
    fullDescription: [
      "Shows the request with its devices and asks; without a terminal it demands --yes. The approval is for",
      "exactly what was shown. Nobody can approve what they asked for themselves. A request that awaits",
      "signatures is not approved here: see daymark release draft.",
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
    positional: { kind: "tuple", parameters: [actIdParameter] },
  },
  async func(flags, id) {
    const client = await connect(flags, this);
    const { stdin, stdout, stderr } = this.process;
    const shown = await actDetail(client, id);
    printAct(stderr, shown);
    printActDevices(stderr, shown.devices);
    if (shown.state === "awaiting-signatures") throw new CliError(EXIT.conflict, nextStep(shown));
    if (shown.state !== "awaiting-approval") {
      throw new CliError(EXIT.conflict, `this request is ${shown.state}: there is nothing to approve`);
    }
    if (!flags.yes && !stdin.isTTY) {
      throw new CliError(EXIT.usage, "nobody can be asked here; look at the devices above, then add --yes");
    }
    if (!flags.yes && !(await confirmed(this.process)))
      throw new CliError(EXIT.failed, "nothing was approved");
    const { digest } = shown;
    const act = await client.post<ActResource>(`/v1/quarantine/requests/${id}/approve`, { digest });
    if (flags.json) return printJson(stdout, act);
    printLine(stdout, `approved ${act.id}: ${act.state}`);
    printLine(stderr, nextStep(act));
  },
});

/** Each command by its verb. */
export const quarantineCommands = { request, lift, wipe, approve, status } as const;

async function confirmed({ stdin, stderr }: NodeJS.Process): Promise<boolean> {
  const terminal = createInterface({ input: stdin, output: stderr });
  const ended = new AbortController();
  terminal.once("close", () => ended.abort()); // Ctrl-C and Ctrl-D: no answer is no
  const answer = await terminal.question("Approve this? [y/N] ", ended).catch(() => "");
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
