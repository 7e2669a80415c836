/**
 * The table of settings in docs/operations.md, from the table that the commands are made of:
 *
 *     npx tsx test/docs/settings-table.ts --write
 */
import { pathToFileURL } from "node:url";
import { keyOf, SETTING_NAMES, settingOf, variableOf } from "../../fleet/operations/settings.js";
import { table, writeDocument } from "./markdown.js";

export const OPERATIONS_DOCUMENT = "docs/operations.md";

export function settingsTable(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { of, type, default: fallback, brief } = settingOf(name);
    const value = fallback === undefined ? "" : `\`${fallback}\``;
    return [`\`${keyOf(name)}\``, `\`${variableOf(name)}\``, of.join(", "), type.shape, value, brief];
  });
  return table(["Setting", "Variable", "Of", "In the file", "Default", "Meaning"], rows);
}

const [, script] = process.argv;
if (script && import.meta.url === pathToFileURL(script).href && process.argv.includes("--write"))
  writeDocument(OPERATIONS_DOCUMENT, new Map([["settings", settingsTable()]]));
