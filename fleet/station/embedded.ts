/** The factory of one process: a station inside the fleet service, with the factory's key at hand. */
import { fromBase64Url } from "../events.js";
import { certifyHolder } from "../front-door.js";
import { issuerOf } from "../issuers.js";
import { lackingLinks } from "../lacking.js";
import type { FleetService } from "../service.js";
import { MAX_GRANT_LINKS, type StationIdentity } from "./births.js";
import { fleetJournal } from "./fleet-journal.js";
import { Station } from "./station.js";

/**
 * The station's certificate is kept in the log, and made again only when the factory CA that issued it is
 * listed no more. Everything else follows the Authority of the moment.
 */
export async function embeddedStation(service: FleetService): Promise<Station> {
  const identity = () => identityOf(service);
  if (!service.stopped) await identity(); // certified before the first device asks
  return new Station(identity, fleetJournal(service), () => service.now());
}

async function identityOf(service: FleetService): Promise<StationIdentity> {
  const { crypto, entropy } = service.options;
  const certificate = certificateOf(service) ?? (await certify(service));
  const { station, factory } = service.keys;
  const founding = service.view.authorities.get(1)?.signed;
  if (founding === undefined) throw new Error("a fleet that is open was founded");
  return {
    trust: service.trust,
    founding: fromBase64Url(founding),
    links: lackingLinks(service.view, 1).slice(0, MAX_GRANT_LINKS),
    certificate,
    station,
    factory,
    crypto,
    entropy,
  };
}

function certificateOf({ view, trust }: FleetService): Uint8Array | undefined {
  const signed = view.station?.signed;
  const certificate = signed === undefined ? undefined : fromBase64Url(signed);
  return certificate && issuerOf(certificate, trust.authority.value) ? certificate : undefined;
}

async function certify(service: FleetService): Promise<Uint8Array> {
  const { signed } = await certifyHolder(service, "station", service.keys.station.publicKey);
  if (signed === undefined) throw new Error("a certified holder always has its certificate");
  return fromBase64Url(signed);
}
