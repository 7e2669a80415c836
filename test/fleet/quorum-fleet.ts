/** A fleet whose root, release and transfer keys are offline: of the last two, two of three must sign. Served on loopback. */
import { join } from "node:path";
import { foundOffline } from "../../fleet/cli/ca-found.js";
import { fleetFolder } from "../../fleet/cli/connection.js";
import { openFleet, serveApi } from "../../fleet/main.js";
import { embeddedStation } from "../../fleet/station/embedded.js";
import { takeDevice } from "../../fleet/transfers.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

const KEYS = 3;
const THRESHOLD = 2;

/** Ends with `close`. @param devices - imported, numbered from 1. */
export async function serveQuorumFleet(devices: number, name = "harbour") {
  const base = await temporaryFolder();
  const folder = join(base.path, "founded");
  const context = { crypto: nodeCrypto, entropy, now: Math.floor(systemClock.nowMs() / 1000) };
  const root = { made: 1, given: [], threshold: 1 };
  const ofPeople = { made: KEYS, given: [], threshold: THRESHOLD };
  await foundOffline({ folder, name, root, release: ofPeople, transfer: ofPeople }, context);
  const data = join(folder, "online");
  const fleet = await openFleet({ folder: fleetFolder(data, {}), clock: systemClock, ...context });
  await importDevices(fleet.service, 1, devices);
  const station = await embeddedStation(fleet.service);
  const api = await serveApi(fleet, {
    port: 0,
    station: (message) => station.receive(message),
    take: (order, actor) => takeDevice(fleet.service, station, order, actor),
  });
  return {
    fleet,
    service: fleet.service,
    url: api.url,
    /** The server's data folder, and a folder for files. */
    data,
    files: base.path,
    rootKey: join(folder, "offline", "root.pem"),
    /** Key file 1 to 3. */
    releaseKey: (n: number) => join(folder, "offline", `release-${n}.pem`),
    transferKey: (n: number) => join(folder, "offline", `transfer-${n}.pem`),
    async close() {
      await api.close();
      await fleet.close();
      await base.remove();
    },
  };
}
export type QuorumFleet = Awaited<ReturnType<typeof serveQuorumFleet>>;
