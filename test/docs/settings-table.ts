/**
 * The tables of settings and of log events in docs/operations.md, from those that the programs are made of:
 *
 *     npx tsx test/docs/settings-table.ts --write
 */
import { pathToFileURL } from "node:url";
import { LOG_EVENTS } from "../../fleet/operations/log-events.js";
import type { ValueType } from "../../fleet/operations/setting-values.js";
import { keyOf, SETTING_NAMES, settingOf, variableOf } from "../../fleet/operations/settings.js";
import { table, writeDocument } from "./markdown.js";

export const OPERATIONS_DOCUMENT = "docs/operations.md";

function settingsTable(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { of, type, default: fallback, brief } = settingOf(name);
    const value = fallback === undefined ? "" : `\`${fallback}\``;
    return [`\`${keyOf(name)}\``, `\`${variableOf(name)}\``, of.join(", "), shapeOf(type), value, brief];
  });
  return table(["Setting", "Variable", "Of", "In the file", "Default", "Meaning"], rows);
}

function logEventsTable(): string {
  const rows = Object.entries(LOG_EVENTS).map(([name, { of, level, meaning }]) => [
    `\`${name}\``,
    level,
    of.join(", "),
    meaning,
  ]);
  return table(["Event", "Level", "Of", "Meaning"], rows);
}

function shapeOf({ shape, words }: ValueType<unknown>): string {
  return words?.map((word) => `\`${word}\``).join(", ") ?? shape;
}

/** By the name of their markers. */
export const OPERATIONS_TABLES: ReadonlyMap<string, string> = new Map([
  ["settings", settingsTable()],
  ["log-events", logEventsTable()],
]);

const [, script] = process.argv;
if (script && import.meta.url === pathToFileURL(script).href && process.argv.includes("--write"))
  writeDocument(OPERATIONS_DOCUMENT, OPERATIONS_TABLES);
