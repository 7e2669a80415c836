/** Which value of a setting counts: flag before environment before file before default; and which of them it was. */
import { FleetError } from "../errors.js";
import type { FileSettings } from "./config-entries.js";
import {
  keyOf,
  namesOf,
  type Program,
  type SettingName,
  settingOf,
  type Settings,
  variableOf,
} from "./settings.js";

/** What was given, as text, by setting. */
export type Given = { readonly [N in SettingName]?: string | undefined };

export interface Sources {
  readonly flags: Given;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: FileSettings | undefined;
}

/** A value before it is read, and who gave it; both absent where nobody did. */
export interface Chosen {
  readonly text?: string;
  /** Such as `--mqtt-port`, `DAYMARK_MQTT_PORT`, `daymark.yaml:3`, `default`. */
  readonly origin?: string;
}

/** An empty variable is as good as none, as everywhere in a shell. */
export function choose(name: SettingName, { flags, env, file }: Sources): Chosen {
  const flag = flags[name];
  if (flag !== undefined) return { text: flag, origin: `--${keyOf(name)}` };
  const variable = env[variableOf(name)];
  if (variable) return { text: variable, origin: variableOf(name) };
  const entry = file?.entries.get(name);
  if (entry) return { text: entry.text, origin: `${file?.path}:${entry.line}` };
  const fallback = settingOf(name).default;
  return fallback === undefined ? {} : { text: fallback, origin: "default" };
}

/** @throws FleetError "bad-request" that names the origin of a value that cannot be one. */
export function settingsFrom<P extends Program>(program: P, sources: Sources): Settings<P> {
  const values = namesOf(program).map((name) => [name, read(name, choose(name, sources))]);
  return Object.fromEntries(values) as Settings<P>; // the table has each of them with its type
}

/** @throws FleetError "bad-request" */
export function read(name: SettingName, { text, origin }: Chosen): unknown {
  if (text === undefined) return undefined;
  try {
    return settingOf(name).type.parse(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FleetError("bad-request", `${origin}: ${keyOf(name)}: ${error.message}`);
  }
}
