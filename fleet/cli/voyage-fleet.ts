/** The embedded fleet as the voyage wants it: service, gateway and API in this process, two operators at hand. */
import { randomBytes } from "node:crypto";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { toHex } from "../../protocol/bytes.js";
import type { Clock } from "../../protocol/clock.js";
import type { Crypto, Entropy, PublicKey } from "../../protocol/crypto.js";
import type { Level } from "../../protocol/level.js";
import type { FleetLink } from "../link.js";
import { FleetError } from "../errors.js";
import type { Act, FleetEvent } from "../events.js";
import type { FleetService } from "../service.js";

/** What this needs of a gateway; the one in broker/ comes from main.ts. */
type StartGateway = (options: {
  readonly link: FleetLink;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly port: number;
}) => Promise<{ readonly port: number; close(): Promise<void> }>;

const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));
const HOST = "127.0.0.1";

export function voyageFleet(startGateway: StartGateway) {
  return async ({ folder, clock, name }: { folder: string; clock: Clock; name: string }) => {
    const [{ openFleet, serveApi }, { embeddedStation }, { certifyService }] = await Promise.all([
      import("../main.js"),
      import("../station/embedded.js"),
      import("../front-door.js"),
    ]);
    const parts = { clock, crypto: nodeCrypto, entropy };
    const fleet = await openFleet({ folder, name, ...parts });
    const { service, link } = fleet;
    const log: FleetEvent[] = [];
    service.onEvent((event) => log.push(event));
    const gateway = await startGateway({ link, ...parts, port: 0 });
    const station = await embeddedStation(service);
    const mqtt = `mqtts://${HOST}:${gateway.port}`;
    const api = await serveApi(fleet, { port: 0, mqtt, station: (message) => station.receive(message) });
    return {
      id: toHex(service.trust.fleetId),
      host: HOST,
      mqttPort: gateway.port,
      apiUrl: api.url,
      events: () => log as readonly FleetEvent[],
      levelOf: (number: number): Level | undefined => service.view.devices.get(number)?.level,
      station: (message: Uint8Array) => station.receive(message),
      certifyObserver: (key: PublicKey) => certifyService(service, key),
      hold: (numbers: readonly number[], level: Level, reason: string) =>
        byOperators(service, { kind: "hold", numbers, level, reason }),
      release: (numbers: readonly number[], reason: string) =>
        byOperators(service, { kind: "release", numbers, level: "none", reason }),
      async close() {
        await api.close();
        await gateway.close();
        await fleet.close();
      },
    };
  };
}

/** One operator asks; where the act needs it, a second one approves. */
async function byOperators(service: FleetService, act: Act): Promise<void> {
  const { id, refusal } = await service.act(act, "admin");
  if (refusal) throw new FleetError("conflict", refusal.text);
  const requested = service.view.acts.get(id);
  if (requested?.expiresAt === undefined) return;
  const approved = await service.approve(id, service.actDigest(requested.act), "approver");
  if (approved.refusal) throw new FleetError("conflict", approved.refusal.text);
}
