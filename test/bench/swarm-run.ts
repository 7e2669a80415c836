/** Plays a scenario as its users do, by the command, and takes what it reports. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Report } from "../../simulators/swarm/report.js";

const MAIN = join(import.meta.dirname, "../../dist/fleet/cli/main.js");

/** @throws Error when the command ends without a result; whether its claims held is in the result. */
export async function playScenario(...args: readonly string[]): Promise<Report> {
  const child = spawn(process.execPath, [MAIN, "sim", "run", ...args, "-j"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  await once(child, "close");
  const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Partial<Report>;
  if (last.type !== "result") throw new Error(`daymark sim run ${args.join(" ")} ended without a result`);
  return last as Report;
}
