#!/usr/bin/env node
/** The `daymark` command: the one place that knows every folder's commands. */
import { buildRouteMap } from "@stricli/core";
import { startGateway, startGateways } from "../../broker/commands.js";
import { deviceCommands as ownDeviceCommands } from "../../device/commands.js";
import { voyageCommand } from "../../simulators/commands.js";
import { simRun } from "../../simulators/sim-commands.js";
import { runDaymark } from "./application.js";
import { advisoryCommands } from "./commands/advisory.js";
import { auditCommands } from "./commands/audit.js";
import { authorityCommands } from "./commands/authority.js";
import { backupCommands } from "./commands/backup.js";
import { bundleCommands } from "./commands/bundle.js";
import { caCommands } from "./commands/ca.js";
import { configCommands } from "./commands/config.js";
import { deviceAccessCommands } from "./commands/device-access.js";
import { deviceActCommands } from "./commands/device-acts.js";
import { deviceCommands } from "./commands/device.js";
import { doctor } from "./commands/doctor.js";
import { envelopeCommands } from "./commands/envelope.js";
import { gatewayRun } from "./commands/gateway.js";
import { quarantineCommands } from "./commands/quarantine.js";
import { recover } from "./commands/recover.js";
import { releaseCommands } from "./commands/release.js";
import { serverRun } from "./commands/server.js";
import { transferCommands } from "./commands/transfer.js";
import { version } from "./commands/version.js";
import { simFleet } from "./sim-fleet.js";
import { voyageFleet } from "./voyage-fleet.js";

/** By noun. Commands of other folders are mounted here; what they need much of, they load when they run. */
const routes = {
  server: buildRouteMap({
    routes: {
      run: serverRun(startGateway, startGateways),
    },
    docs: { brief: "Run the fleet service" },
  }),
  gateway: buildRouteMap({
    routes: { run: gatewayRun(startGateways) },
    docs: { brief: "Run gateways as processes of their own" },
  }),
  device: buildRouteMap({
    routes: { ...deviceCommands, ...deviceActCommands, ...deviceAccessCommands, ...ownDeviceCommands },
    docs: { brief: "See devices, and have them do things; give one its birth, and run it" },
  }),
  quarantine: buildRouteMap({
    routes: quarantineCommands,
    docs: { brief: "Hold devices, and lift the holds" },
  }),
  advisory: buildRouteMap({
    routes: advisoryCommands,
    docs: { brief: "Hold all devices that match a rule, known or not yet" },
  }),
  release: buildRouteMap({
    routes: releaseCommands,
    docs: { brief: "Sign what only the release and transfer keys may say, on other machines" },
  }),
  bundle: buildRouteMap({
    routes: bundleCommands,
    docs: { brief: "Carry documents by file, where no network goes" },
  }),
  authority: buildRouteMap({
    routes: authorityCommands,
    docs: { brief: "See who may sign what, and put the next version in force" },
  }),
  transfer: buildRouteMap({
    routes: transferCommands,
    docs: { brief: "Give a device to another owner, or take one" },
  }),
  envelope: buildRouteMap({
    routes: envelopeCommands,
    docs: { brief: "Look at documents, and check who signed them" },
  }),
  config: buildRouteMap({
    routes: configCommands,
    docs: { brief: "See what the settings of servers and gateways are, and where each comes from" },
  }),
  doctor,
  recover,
  backup: buildRouteMap({
    routes: backupCommands,
    docs: { brief: "Save the whole fleet, and put it back" },
  }),
  audit: buildRouteMap({
    routes: auditCommands,
    docs: { brief: "See what happened, and hand out evidence of it" },
  }),
  ca: buildRouteMap({
    routes: caCommands,
    docs: { brief: "Found a fleet, and change who may sign what" },
  }),
  sim: buildRouteMap({
    routes: { run: simRun(simFleet(process)) },
    docs: { brief: "Play thousands of devices against real gateways" },
  }),
  voyage: voyageCommand(voyageFleet(startGateway)),
  version,
};

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(); // the reader has enough, as `head` does
  throw error;
});
process.stderr.on("error", () => undefined); // nobody reads it: no reason to stop
await runDaymark(routes, process.argv.slice(2), process);
// A connection that is still being tried holds the process, for minutes where the network swallows everything.
process.stdout.write("", (lost) => {
  if (!lost) process.stderr.write("", () => process.exit()); // else the listener above ends it, with what went wrong
});
