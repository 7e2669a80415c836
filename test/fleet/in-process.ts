/** A `daymark` command in this process, which is quicker than one of its own: for what ends at once. */
import { PassThrough } from "node:stream";
import { buildRouteMap, type Command } from "@stricli/core";
import { type Routes, runDaymark } from "../../fleet/cli/application.js";
import type { CliContext } from "../../fleet/cli/connection.js";

export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param data - the data folder that it finds in its environment. */
export async function inProcess(routes: Routes, data: string, args: readonly string[]): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { ...process.env, DAYMARK_DATA: data };
  const own = Object.getOwnPropertyDescriptors({ stdout, stderr, env, exitCode: undefined });
  const like = Object.create(process, own) as NodeJS.Process; // the rest is this process's
  await runDaymark(routes, args, like);
  return {
    exitCode: like.exitCode as number | undefined,
    stdout: String(stdout.read() ?? ""),
    stderr: String(stderr.read() ?? ""),
  };
}

/** A noun with these verbs. */
export function noun(routes: Readonly<Record<string, Command<CliContext>>>) {
  return buildRouteMap({ routes, docs: { brief: "a noun" } });
}
