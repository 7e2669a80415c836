/** What a configuration file says, held against the table of settings: every line that is wrong is named. */
import { nearest } from "./nearest.js";
import { keyOf, SETTING_NAMES, type SettingName, settingOf } from "./settings.js";
import type { SettingShape } from "./setting-values.js";

/** One line of a file, as YAML has it. `value` undefined: neither one value nor a list of texts. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: string | number | boolean | readonly string[] | undefined;
  /** From 1. */
  readonly line: number;
}

export interface Problem {
  readonly line: number;
  readonly text: string;
}
export interface Problems {
  readonly problems: readonly Problem[];
}

/** A file without a problem. */
export interface FileSettings {
  readonly path: string;
  readonly entries: ReadonlyMap<SettingName, { readonly text: string; readonly line: number }>;
}

const SHAPE_WORDS: Readonly<Record<SettingShape, string>> = {
  text: "a text; put quotes around it",
  number: "a whole number",
  boolean: "true or false",
  list: "a list of texts",
};

export function judgeEntries(path: string, entries: readonly ConfigEntry[]): FileSettings | Problems {
  const good = new Map<SettingName, { text: string; line: number }>();
  const problems: Problem[] = [];
  for (const { key, value, line } of entries) {
    const name = SETTING_NAMES.find((each) => keyOf(each) === key);
    const found = name === undefined ? { wrong: unknownKey(key) } : textOf(name, value);
    if (name !== undefined && "text" in found) good.set(name, { text: found.text, line });
    if ("wrong" in found) problems.push({ line, text: found.wrong });
  }
  return problems.length > 0 ? { problems } : { path, entries: good };
}

/** Problems in one text, for whoever wanted to use the file. */
export function problemText(path: string, { problems }: Problems): string {
  return problems.map(({ line, text }) => `${path}:${line}: ${text}`).join("; ");
}

function textOf(name: SettingName, value: ConfigEntry["value"]): { text: string } | { wrong: string } {
  const { type } = settingOf(name);
  if (value === undefined || shapeOf(value) !== type.shape)
    return { wrong: `${keyOf(name)} is ${SHAPE_WORDS[type.shape]}` };
  const text = typeof value === "object" ? value.join(",") : String(value);
  try {
    type.parse(text);
    return { text };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { wrong: `${keyOf(name)}: ${error.message}` };
  }
}

function shapeOf(value: NonNullable<ConfigEntry["value"]>): SettingShape {
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "string" ? "text" : "list";
}

function unknownKey(key: string): string {
  const meant = nearest(key, SETTING_NAMES.map(keyOf));
  return `there is no setting ${key}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
}
