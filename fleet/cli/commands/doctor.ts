/** `daymark doctor`: is this machine fit to run a server or gateway with these settings, and if not, what to do. */
import { buildCommand } from "@stricli/core";
import { systemClock } from "../../../protocol/adapters/system-clock.js";
import { lockHolder } from "../../adapters/folder-lock.js";
import { readServerFile } from "../../adapters/server-file.js";
import { settingsFrom } from "../../operations/configuration.js";
import { type Finding, ok } from "../../operations/findings.js";
import { configFlag, sourcesOf } from "../config-flags.js";
import { type CliContext, folderOf, jsonFlag } from "../connection.js";
import type { Holder } from "../doctor-machine.js";
import { EXIT } from "../exit.js";
import { NOTHING, printJson, printTable } from "../output.js";

interface DoctorFlags {
  readonly data?: string;
  readonly config?: string;
  readonly of: "server" | "gateway";
  readonly json: boolean;
}

export const doctor = buildCommand<DoctorFlags, [], CliContext>({
  docs: {
    brief: "Check the data folder, the machine and NATS, and say what to do",
    fullDescription: [
      "Works with the settings that daymark config get shows. Of a server it checks who may read the data folder, room",
      "and syncing of its disk, the log and its keys, the clock, and the dates of the CAs; of servers and gateways the",
      "ports, the limit of open files, and whether NATS lets them in; of a worker also the settings of the stream.",
      "Changes nothing, and may run beside a server. Each line says ok, warn or fail, and what to do. Exit code 1: at",
      "least one check failed. Run it as the user that the server runs as.",
      "",
      "Example: daymark doctor --data ./daymark-data",
    ].join("\n"),
  },
  parameters: {
    flags: {
      data: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "dir",
        brief: "Data folder, if not the one of the settings",
      },
      config: configFlag,
      of: {
        kind: "enum",
        values: ["server", "gateway"],
        default: "server",
        brief: "What is to run here",
      },
      json: jsonFlag,
    },
    aliases: { j: "json" },
  },
  async func({ data, config, of, json }) {
    const { stdout } = this.process;
    // Here and not above: other commands start without the database and NATS.
    const [{ checkFolder }, { checkFiles, checkNats, checkPorts }] = await Promise.all([
      import("../doctor-folder.js"),
      import("../doctor-machine.js"),
    ]);
    const sources = await sourcesOf({ data, config }, this.process);
    const settings = settingsFrom(of, sources);
    const folder = folderOf(settings.data);
    const holder = await holderOf(folder).catch(() => undefined); // the folder is judged below
    const now = Math.floor(systemClock.nowMs() / 1000);
    const findings: readonly Finding[] = [
      ok("settings", sources.file?.path ?? "no configuration file"),
      ...(of === "server" ? await checkFolder(folder, now) : []),
      await checkFiles(),
      ...(await checkPorts(settings, holder)),
      ...(await checkNats(settings)),
    ];
    if (json) printJson(stdout, findings);
    else printTable(stdout, [["CHECK", "STATE", "FOUND", "TO DO"], ...findings.map(row)]);
    this.process.exitCode = findings.some(({ state }) => state === "fail") ? EXIT.failed : EXIT.ok;
  },
});

async function holderOf(folder: string): Promise<Holder | undefined> {
  const pid = await lockHolder(folder);
  if (pid === undefined) return undefined;
  const { url, mqtt } = (await readServerFile(folder)) ?? {};
  const urls = [url, mqtt].filter((text) => text !== undefined);
  return { pid, ports: urls.map((text) => Number(new URL(text).port)) };
}

function row({ check, state, found, todo = NOTHING }: Finding): readonly string[] {
  return [check, state, found, todo];
}
