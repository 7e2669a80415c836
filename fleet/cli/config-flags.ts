/** The flags of `server run` and `gateway run`, made from the table of settings, and what they run with. */
import { readConfig } from "../adapters/config-file.js";
import { choose, type Given, type Sources } from "../operations/configuration.js";
import { keyOf, namesOf, type Program, type SettingName, settingOf } from "../operations/settings.js";
import { fileFlag } from "./flags.js";

/** Each flag's text as it was typed; absent where it was not. */
export interface ConfiguredFlags extends Given {
  readonly config?: string | undefined;
}

export const configFlag = {
  ...fileFlag("Configuration [default: $DAYMARK_CONFIG, ./daymark.yaml, /etc/daymark/daymark.yaml]"),
  optional: true,
} as const;

type SettingFlags = { readonly [N in SettingName]: ReturnType<typeof settingFlag> };

/** No flag has a default: one that was typed has to be told from one that was not. */
export function settingFlags(program: Program): SettingFlags {
  return Object.fromEntries(namesOf(program).map((name) => [name, settingFlag(name)])) as SettingFlags;
}

function settingFlag(name: SettingName) {
  const { type, brief, placeholder, default: fallback } = settingOf(name);
  const words = type.words?.join("|");
  const isSwitch = type.shape === "boolean";
  return {
    kind: "parsed",
    parse(typed: string): string {
      const text = isSwitch && typed === "" ? "true" : typed;
      type.parse(text); // here, so that it is a mistake of the command line
      return text;
    },
    optional: true,
    inferEmpty: isSwitch,
    placeholder: placeholder ?? words ?? keyOf(name),
    brief: `${brief}${isSwitch ? "" : notes(words, fallback && `default: ${fallback}`)}`,
  } as const;
}

function notes(...known: readonly (string | undefined)[]): string {
  const told = known.filter((each) => each !== undefined);
  return told.length === 0 ? "" : ` [${told.join(", ")}]`;
}

/** Where all values come from. @throws FleetError "not-found", "bad-request" for the file. */
export async function sourcesOf(
  { config, ...flags }: ConfiguredFlags,
  { env }: NodeJS.Process,
): Promise<Sources> {
  const file = await readConfig(config ?? (env["DAYMARK_CONFIG"] || undefined));
  return { flags, env, file };
}

/** Flags that start this program on the same data, for a hint; only what differs from what would be taken anyway. */
export function dataHint(sources: Sources): string {
  const { text, origin } = choose("data", sources);
  return origin === "--data" ? ` --data '${text}'` : "";
}
