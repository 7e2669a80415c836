/** `daymark sim run flood` as its users run it: real devices, a real gateway, and a process that means no good. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Report } from "../../simulators/swarm/report.js";

const MAIN = join(import.meta.dirname, "../../fleet/cli/main.ts");
const TSX = import.meta.resolve("tsx");
const { DAYMARK_DATA: _unset, ...ENV } = process.env;

test(
  "P10, P11: 10 devices work on while 200 hostile connections come, and each of those is ended",
  { timeout: 180_000 },
  async () => {
    const args = ["--import", TSX, MAIN, "sim", "run", "flood", "--devices", "10", "--gateways", "1", "-j"];
    const child = spawn(process.execPath, args, { env: ENV });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const [exitCode] = (await once(child, "close")) as [number | null];
    const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Report;
    expect({ exitCode, stderr, missed: report.claims.filter(({ held }) => !held) }).toEqual({
      exitCode: 0,
      stderr: "",
      missed: [],
    });
    expect(report.claims.map(({ observed }) => observed)).toContain("200 of 200 made");
    expect(report.claims.filter(({ claim }) => claim.startsWith("the gateway ended"))).toHaveLength(9);
    expect(report.timings.map(({ what }) => what)).toContain("connection begun to lease, in the flood");
  },
);
