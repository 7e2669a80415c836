#!/usr/bin/env node
/** The `daymark` command: the one place that knows every folder's commands. */
import { buildRouteMap } from "@stricli/core";
import { deviceCommands as ownDeviceCommands } from "../../device/commands.js";
import { voyageCommand } from "../../simulators/commands.js";
import { runDaymark } from "./application.js";
import { deviceCommands } from "./commands/device.js";
import { quarantineCommands } from "./commands/quarantine.js";
import { serverRun } from "./commands/server.js";
import { version } from "./commands/version.js";
import { voyageFleet } from "./voyage-fleet.js";

/** By noun. Commands of other folders are mounted here; what they need much of, they load when they run. */
const routes = {
  server: buildRouteMap({
    routes: {
      run: serverRun(async (options) => (await import("../../broker/commands.js")).startGateway(options)),
    },
    docs: { brief: "Run the fleet service" },
  }),
  device: buildRouteMap({
    routes: { ...deviceCommands, ...ownDeviceCommands },
    docs: { brief: "See devices; give one its birth, and run it" },
  }),
  quarantine: buildRouteMap({
    routes: quarantineCommands,
    docs: { brief: "Hold devices, and lift the holds" },
  }),
  voyage: voyageCommand(
    voyageFleet(async (options) => (await import("../../broker/commands.js")).startGateway(options)),
  ),
  version,
};

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(); // the reader has enough, as `head` does
  throw error;
});
await runDaymark(routes, process.argv.slice(2), process);
