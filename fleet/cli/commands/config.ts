/** `daymark config get | check`: what a server or gateway would run with, who says so, and what is wrong in a file. */
import { buildCommand } from "@stricli/core";
import { checkConfig } from "../../adapters/config-file.js";
import { nearest } from "../../operations/nearest.js";
import { choose, read, type Sources } from "../../operations/configuration.js";
import { keyOf, SETTING_NAMES, type SettingName } from "../../operations/settings.js";
import { configFlag, sourcesOf } from "../config-flags.js";
import { type CliContext, jsonFlag } from "../connection.js";
import { CliError, EXIT } from "../exit.js";
import { NOTHING, printJson, printLine, printTable } from "../output.js";

interface GetFlags {
  readonly config?: string;
  readonly showOrigin: boolean;
  readonly json: boolean;
}

const get = buildCommand<GetFlags, [string?], CliContext>({
  docs: {
    brief: "Show what a server or gateway would run with",
    fullDescription: [
      "For each setting the first of these counts: its flag, its variable (DAYMARK_MQTT_PORT for --mqtt-port), its line",
      "in the configuration file, its default. The file is --config, else $DAYMARK_CONFIG, else ./daymark.yaml, else",
      "/etc/daymark/daymark.yaml. Flags are not seen here.",
      "",
      "Example: daymark config get --show-origin",
    ].join("\n"),
  },
  parameters: {
    flags: {
      config: configFlag,
      showOrigin: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Also say who gave each value",
      },
      json: jsonFlag,
    },
    aliases: { j: "json" },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "One setting, such as mqtt-port", parse: String, placeholder: "key", optional: true },
      ],
    },
  },
  async func({ config, showOrigin, json }, key) {
    const { stdout } = this.process;
    const sources = await sourcesOf({ config }, this.process);
    const names = key === undefined ? SETTING_NAMES : [settingNamed(key)];
    const found = names.map((name) => lookUp(name, sources));
    if (json) {
      const values = found.map(({ key, value, origin }) => [key, showOrigin ? { value, origin } : value]);
      printJson(stdout, Object.fromEntries(values));
    } else if (key !== undefined && !showOrigin) printLine(stdout, found[0]?.text ?? NOTHING);
    else {
      const rows = found.map(({ key, text = NOTHING, origin = NOTHING }) =>
        showOrigin ? [key, text, origin] : [key, text],
      );
      printTable(stdout, [showOrigin ? ["KEY", "VALUE", "ORIGIN"] : ["KEY", "VALUE"], ...rows]);
    }
  },
});

const check = buildCommand<{ readonly json: boolean }, [string], CliContext>({
  docs: {
    brief: "Check a configuration file",
    fullDescription: [
      "Names every line that is wrong: settings that there are not, and values that they cannot have. Ends with 7 then.",
      "Whether files and ports that it names can be used: daymark doctor.",
      "",
      "Example: daymark config check /etc/daymark/daymark.yaml",
    ].join("\n"),
  },
  parameters: {
    flags: { json: jsonFlag },
    aliases: { j: "json" },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Configuration file", parse: String, placeholder: "file" }],
    },
  },
  async func({ json }, path) {
    const { stdout } = this.process;
    const problems = await checkConfig(path);
    if (json) printJson(stdout, { file: path, problems });
    else if (problems.length === 0) printLine(stdout, `${path}: nothing is wrong with it`);
    else for (const { line, text } of problems) printLine(stdout, `${path}:${line}: ${text}`);
    this.process.exitCode = problems.length === 0 ? EXIT.ok : EXIT.notVerified;
  },
});

/** Each command by its verb. */
export const configCommands = { get, check } as const;

function lookUp(name: SettingName, sources: Sources) {
  const chosen = choose(name, sources);
  return { key: keyOf(name), value: read(name, chosen) ?? null, ...chosen };
}

/** @throws CliError */
function settingNamed(key: string): SettingName {
  const name = SETTING_NAMES.find((each) => keyOf(each) === key);
  if (name !== undefined) return name;
  const meant = nearest(key, SETTING_NAMES.map(keyOf));
  throw new CliError(
    EXIT.usage,
    `there is no setting ${key}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
  );
}
