/** Starts a gateway: TLS in front, MQTT behind, the fleet beside it. */
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import type { FleetLink } from "../fleet/link.js";
import { toHex } from "../protocol/bytes.js";
import type { Clock } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { topicsOf } from "../protocol/topics.js";
import type { GatewayEvent, SessionInfo } from "./events.js";
import { MAX_LOBBY_SESSIONS, MAX_SESSIONS } from "./gateway-sessions.js";
import { certifiedServer } from "./gateway-tls.js";
import { MqttGateway } from "./gateway.js";

export interface GatewayOptions {
  readonly link: FleetLink;
  /** Decides which certificates count now. */
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  /** Where to listen; by default 127.0.0.1. */
  readonly host?: string;
  /** By default 8883; 0 takes any that is free. */
  readonly port?: number;
  /** Names and addresses at which devices reach this gateway, for its certificate; by default localhost and 127.0.0.1. */
  readonly hosts?: readonly string[];
  readonly maxSessions?: number;
  readonly maxLobbySessions?: number;
  readonly onEvent?: (event: GatewayEvent) => void;
}

export interface Gateway {
  readonly host: string;
  readonly port: number;
  sessions(): readonly SessionInfo[];
  /** Ends every session and frees the port. */
  close(): Promise<void>;
}

const DEFAULT_PORT = 8883;
/** Connections that may be in their handshake, or on their way out, while all sessions are taken. */
const SPARE_CONNECTIONS = 1_024;

/** @throws when the fleet gives no certificate, or the port is taken. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { link, clock, crypto, entropy, host = "127.0.0.1", port = DEFAULT_PORT } = options;
  const { maxSessions = MAX_SESSIONS, maxLobbySessions = MAX_LOBBY_SESSIONS } = options;
  const { hosts = ["localhost", "127.0.0.1"], onEvent = () => undefined } = options;
  const topics = topicsOf(toHex(link.trust().fleetId));

  const tls = await certifiedServer({ link, clock, crypto, entropy, hosts, onEvent });
  const mqtt = new MqttGateway({ link, clock, crypto, topics, maxSessions, maxLobbySessions, onEvent });
  await mqtt.start();
  const unwatch = link.watch(({ type }) => {
    if (type === "authority") void tls.recertify();
  });
  const close = async (): Promise<void> => {
    unwatch();
    await mqtt.close();
    await tls.close();
  };

  tls.server.maxConnections = maxSessions + SPARE_CONNECTIONS;
  tls.server.on("secureConnection", (socket) => mqtt.accept(socket));
  tls.server.on("tlsClientError", ({ code = "unknown" }: NodeJS.ErrnoException, socket) => {
    onEvent({ type: "refused", code: "tls", why: `the handshake failed: ${code}` });
    socket.destroy();
  });
  try {
    tls.server.listen(port, host);
    await once(tls.server, "listening");
  } catch (error) {
    await close();
    throw error;
  }
  const address = tls.server.address() as AddressInfo;
  return { host: address.address, port: address.port, sessions: () => mqtt.sessions(), close };
}
