/** `daymark voyage`: the guided tour, and the proof that the main story holds. */
import { resolve } from "node:path";
import { buildCommand, type CommandContext } from "@stricli/core";
import type { StartFleet } from "./voyage/fleet-port.js";

interface VoyageFlags {
  readonly data?: string;
  readonly devices: number;
  readonly once: boolean;
  readonly json: boolean;
}

interface Context extends CommandContext {
  readonly process: NodeJS.Process;
}

const MAX_DEVICES = 500;
const FAILED = 1;

export function voyageCommand(startFleet: StartFleet) {
  return buildCommand<VoyageFlags, [], Context>({
    docs: {
      brief: "Tour: a fleet is born, goes dark for 400 days, is quarantined and comes back",
      fullDescription: [
        "Starts an embedded fleet in the data folder and devices that run the shipped device code over real",
        "mutual-TLS MQTT on this machine; tells each scene; ends with a table of what was claimed and what an",
        "independent MQTT client and the event log saw. The 400 days pass by an injected clock. Run again on the",
        "same folder, it goes on from what is stored there.",
        "",
        "Example: daymark voyage --once",
      ].join("\n"),
    },
    parameters: {
      flags: {
        data: {
          kind: "parsed",
          parse: String,
          optional: true,
          placeholder: "dir",
          brief: "Data folder [default: $DAYMARK_DATA, else ./daymark-data]",
        },
        devices: {
          kind: "parsed",
          parse: deviceCount,
          default: "25",
          brief: `How many devices, 5 to ${MAX_DEVICES}`,
        },
        once: {
          kind: "boolean",
          default: false,
          withNegated: false,
          brief: "End after the table; exit code 0 only if every claim held",
        },
        json: { kind: "boolean", default: false, withNegated: false, brief: "The table as JSON on stdout" },
      },
      aliases: { j: "json" },
    },
    async func(flags) {
      await runVoyage(flags, startFleet, this.process);
    },
  });
}

async function runVoyage(flags: VoyageFlags, startFleet: StartFleet, process: NodeJS.Process): Promise<void> {
  const [{ sail }, { claimsTable }] = await Promise.all([
    import("./voyage/voyage.js"),
    import("./voyage/claims.js"),
  ]);
  const data = flags.data ?? process.env["DAYMARK_DATA"] ?? "./daymark-data";
  const asked = new Promise((done) => process.once("SIGINT", done).once("SIGTERM", done));
  // Scenes are for people, so with --json they go to stderr.
  const stream = flags.json ? process.stderr : process.stdout;
  const say = (line: string) => void stream.write(`${line}\n`);
  const voyage = await sail({ folder: resolve(data), devices: flags.devices, startFleet, say });
  const held = voyage.claims.every((claim) => claim.held);
  say(`\n${claimsTable(voyage.claims)}\n`);
  if (flags.json) process.stdout.write(`${JSON.stringify({ held, claims: voyage.claims }, undefined, 2)}\n`);
  say(held ? "Every claim held." : "Not every claim held: the rows marked NO say which.");
  if (!held) process.exitCode = FAILED;
  if (!flags.once) {
    say(lookAround(data, voyage.fleet.apiUrl));
    await asked;
  }
  await voyage.close();
}

function lookAround(data: string, url: string): string {
  const flag = data === "./daymark-data" ? "" : ` --data ${data}`;
  return [
    `\nThe fleet keeps serving (API ${url}). Look around from another shell:`,
    `  npx daymark device list${flag}`,
    `  npx daymark device get 1${flag}`,
    `  npx daymark quarantine request 7 --level isolate --reason "seen abroad"${flag}`,
    `  npx daymark quarantine lift 7 --reason "found again"${flag}        # asks for a second person`,
    `  npx daymark quarantine approve <id> --as approver${flag}`,
    `  npx daymark device watch${flag}`,
    "Stop with Ctrl-C.",
  ].join("\n");
}

/** @throws RangeError */
function deviceCount(text: string): number {
  const devices = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (devices < 5 || devices > MAX_DEVICES) throw new RangeError(`5 to ${MAX_DEVICES} devices`);
  return devices;
}
