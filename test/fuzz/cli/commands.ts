/**
 * The commands that end by themselves, as fleet/cli/main.ts mounts them. Those that serve or follow until they
 * are stopped (server, gateway and device run, device watch, sim, voyage) are left out.
 */
import { buildRouteMap } from "@stricli/core";
import { deviceCommands as ownDeviceCommands } from "../../../device/commands.js";
import type { Routes } from "../../../fleet/cli/application.js";
import { advisoryCommands } from "../../../fleet/cli/commands/advisory.js";
import { authorityCommands } from "../../../fleet/cli/commands/authority.js";
import { bundleCommands } from "../../../fleet/cli/commands/bundle.js";
import { caCommands } from "../../../fleet/cli/commands/ca.js";
import { deviceActCommands } from "../../../fleet/cli/commands/device-acts.js";
import { deviceCommands } from "../../../fleet/cli/commands/device.js";
import { envelopeCommands } from "../../../fleet/cli/commands/envelope.js";
import { quarantineCommands } from "../../../fleet/cli/commands/quarantine.js";
import { releaseCommands } from "../../../fleet/cli/commands/release.js";
import { transferCommands } from "../../../fleet/cli/commands/transfer.js";
import { version } from "../../../fleet/cli/commands/version.js";

const { run: _run, ...ownCommands } = ownDeviceCommands;
const { watch: _watch, ...viewCommands } = deviceCommands;
const docs = { brief: "commands that end" };

export const ROUTES: Routes = {
  device: buildRouteMap({ routes: { ...viewCommands, ...deviceActCommands, ...ownCommands }, docs }),
  quarantine: buildRouteMap({ routes: quarantineCommands, docs }),
  advisory: buildRouteMap({ routes: advisoryCommands, docs }),
  release: buildRouteMap({ routes: releaseCommands, docs }),
  bundle: buildRouteMap({ routes: bundleCommands, docs }),
  authority: buildRouteMap({ routes: authorityCommands, docs }),
  transfer: buildRouteMap({ routes: transferCommands, docs }),
  envelope: buildRouteMap({ routes: envelopeCommands, docs }),
  ca: buildRouteMap({ routes: caCommands, docs }),
  version,
};

/** What every command to a server has besides. */
const SERVER = "--server @url --token-file token";

/** Good command lines; `@name` stands for something of the server's, and `in.bin` for the file that is changed. */
export const LINES = [
  "version",
  "version -j",
  "--help",
  `device list ${SERVER} --filter level:none --after 0 --limit 5 -j`,
  `device list ${SERVER} --all`,
  `device get 1 ${SERVER} -j`,
  `device rekey 1 2 --reason stolen ${SERVER}`,
  `device reboot 3 --reason stuck ${SERVER} --as approver`,
  "device challenge --dir camera --out ask.bundle -j",
  "device apply in.bin --dir camera --out from.bundle",
  "device birth --dir camera-2 --hardware-id SN-2 --model camera --station @url --token-file token",
  `quarantine request 1 2 --level observe --reason seen ${SERVER} -j`,
  `quarantine lift 1 --level none --reason found ${SERVER}`,
  `quarantine wipe 2 --reason sold ${SERVER}`,
  `quarantine approve @act ${SERVER} --as approver`,
  `quarantine status @act ${SERVER}`,
  `quarantine status --device 1 ${SERVER} -j`,
  `quarantine status --epoch 1 --state dark ${SERVER}`,
  `advisory preview --match everything --after 0 --limit 3 ${SERVER}`,
  `advisory add --match number=9 --level observe --reason old ${SERVER}`,
  `advisory list ${SERVER} -j`,
  `advisory remove 1 --reason over ${SERVER}`,
  `release draft @act --out lift.bundle ${SERVER}`,
  "release sign in.bin --key hold.pem --fleet @fleet --out lift-1.bundle -j",
  "release sign in.bin --key hold.pem --authority chain.bundle --out lift-1.bundle",
  `release submit in.bin ${SERVER} -j`,
  `bundle export --device 1 --out for-1.bundle ${SERVER}`,
  "bundle inspect in.bin -j",
  `bundle apply in.bin --out answers.bundle ${SERVER}`,
  `authority show ${SERVER} -j`,
  `authority apply in.bin ${SERVER}`,
  `transfer give 3 --to in.bin --out 3.handover --reason sold ${SERVER}`,
  `transfer take in.bin --from @fleet --out for-3.bundle ${SERVER}`,
  "envelope inspect in.bin",
  "envelope inspect - -j",
  "envelope verify in.bin --authority chain.bundle -j",
  "envelope verify in.bin --key hold.pub.pem --fleet @fleet",
  "envelope verify chain.bundle --authority in.bin",
  "envelope verify chain.bundle --key in.bin --fleet @fleet",
  "ca sign in.bin --key root.pem --out signed",
  "ca sign in.bin --chain chain.bundle -j",
  "ca rotate in.bin --out draft --key hold=hold.pub.pem --term directive --x509-root root.pem",
  "ca rotate chain.bundle --out draft --threshold hold=1 --fresh lease --keys next --time-base 2027-01-01T00:00:00Z",
  "ca key hold --out next -j",
  "ca init --out harbour --roots 2 --root-threshold 2 --name harbour",
  "ca export --data data --out chain-2.bundle",
];
