#!/usr/bin/env node
/** The `daymark` command: the one place that knows every folder's commands. */
import { buildApplication, buildRouteMap, run, type StricliProcess, text_en } from "@stricli/core";
import { deviceCommands } from "./commands/device.js";
import { quarantineCommands } from "./commands/quarantine.js";
import { serverRun } from "./commands/server.js";
import { version } from "./commands/version.js";
import { errorText, exitCodeOf, exitCodeOfStricli } from "./exit.js";

/** By noun. Commands of other folders are mounted here; what they need much of, they load when they run. */
const routes = {
  server: buildRouteMap({
    routes: {
      run: serverRun(async (options) => (await import("../../broker/commands.js")).startGateway(options)),
    },
    docs: { brief: "Run the fleet service" },
  }),
  device: buildRouteMap({ routes: deviceCommands, docs: { brief: "See devices" } }),
  quarantine: buildRouteMap({
    routes: quarantineCommands,
    docs: { brief: "Hold devices, and lift the holds" },
  }),
  version,
};

const application = buildApplication(
  buildRouteMap({
    routes,
    docs: {
      brief: "Identity, revocation and quarantine for devices that are dark most of the time",
      fullDescription: [
        "Commands look for the server on the data folder: --data, else $DAYMARK_DATA, else ./daymark-data.",
        "Data goes to stdout, everything else to stderr; -j prints JSON; times are RFC 3339, UTC.",
        "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 5 conflict or approval needed, 8 unreachable.",
      ].join("\n"),
    },
  }),
  {
    name: "daymark",
    scanner: { caseStyle: "allow-kebab-for-camel" },
    documentation: { caseStyle: "convert-camel-to-kebab" },
    determineExitCode: exitCodeOf,
    localization: {
      text: { ...text_en, exceptionWhileRunningCommand: (error) => `daymark: ${errorText(error)}` },
    },
  },
);

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(); // the reader has enough, as `head` does
  throw error;
});
// Node types `exitCode` with undefined, stricli without: the same property.
await run(application, process.argv.slice(2), { process: process as NodeJS.Process & StricliProcess });
process.exitCode = exitCodeOfStricli(process.exitCode);
