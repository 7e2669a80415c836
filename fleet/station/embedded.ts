/** The factory of one process: a station inside the fleet service, with the factory's key at hand. */
import { fromBase64Url } from "../events.js";
import { certifyHolder } from "../front-door.js";
import type { FleetService } from "../service.js";
import { fleetJournal } from "./fleet-journal.js";
import { Station } from "./station.js";

/** The station's certificate is made once and kept in the log. */
export async function embeddedStation(service: FleetService): Promise<Station> {
  const { keys, crypto, entropy } = service.options;
  const { station, factory } = keys;
  const { signed } = service.view.station ?? (await certifyHolder(service, "station", station.publicKey));
  if (signed === undefined) throw new Error("a certified holder always has its certificate");
  const certificate = fromBase64Url(signed);
  const identity = { trust: service.trust, certificate, station, factory, crypto, entropy };
  return new Station(identity, fleetJournal(service, identity), () => service.now());
}
