/** `daymark version`. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buildCommand } from "@stricli/core";
import { type CliContext, jsonFlag } from "../connection.js";
import { printJson, printLine } from "../output.js";

export const version = buildCommand<{ readonly json: boolean }, [], CliContext>({
  docs: { brief: "Print the version", fullDescription: "Example: daymark version -j" },
  parameters: { flags: { json: jsonFlag }, aliases: { j: "json" } },
  async func({ json }) {
    const found = { daymark: await packageVersion(import.meta.dirname), node: this.process.versions.node };
    if (json) printJson(this.process.stdout, found);
    else printLine(this.process.stdout, `daymark ${found.daymark} (Node ${found.node})`);
  },
});

/** From the package.json above this file, which may be the source or what was built from it. */
async function packageVersion(folder: string): Promise<string> {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => undefined);
  if (text !== undefined) return (JSON.parse(text) as { version: string }).version;
  if (dirname(folder) === folder) throw new Error("the package has no package.json");
  return packageVersion(dirname(folder));
}
