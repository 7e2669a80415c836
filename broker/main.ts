/** Starts a gateway: TLS in front, MQTT behind, the fleet beside it. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Registry } from "prom-client";
import type { FleetLink } from "../fleet/link.js";
import { toHex } from "../protocol/bytes.js";
import type { Clock } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { topicsOf } from "../protocol/topics.js";
import type { GatewayEvent, SessionInfo } from "./events.js";
import { DEFAULT_LIMITS, Gate, type GateLimits } from "./gateway-gate.js";
import { GatewayMetrics } from "./gateway-metrics.js";
import { MAX_LOBBY_SESSIONS, MAX_SESSIONS } from "./gateway-sessions.js";
import { certifiedServer } from "./gateway-tls.js";
import { MqttGateway } from "./gateway.js";
import { MAX_UNDECIDED } from "./overload.js";
import { peerOf } from "./unfinished.js";

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
  /** Requests that may wait for the fleet's decision at one time. */
  readonly maxUndecided?: number;
  /** Of connections that are not let in yet. */
  readonly limits?: Partial<GateLimits>;
  readonly onEvent?: (event: GatewayEvent) => void;
}

export interface Gateway {
  readonly host: string;
  readonly port: number;
  /** Whether it takes connections: until it is closed. */
  isServing(): boolean;
  sessions(): readonly SessionInfo[];
  /** Counters and gauges of this gateway, for Prometheus. */
  readonly metrics: Registry;
  /** Ends every session and frees the port. */
  close(): Promise<void>;
}

const DEFAULT_PORT = 8883;
/** Connections that may be in their handshake, or on their way out, while all sessions and places are taken. */
const SPARE_CONNECTIONS = 1_024;

/** @throws when the fleet gives no certificate, or the port is taken. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { link, clock, crypto, entropy, host = "127.0.0.1", port = DEFAULT_PORT } = options;
  const { maxSessions = MAX_SESSIONS, maxLobbySessions = MAX_LOBBY_SESSIONS } = options;
  const { hosts = ["localhost", "127.0.0.1"], maxUndecided = MAX_UNDECIDED } = options;
  const metrics = new GatewayMetrics();
  const onEvent = (event: GatewayEvent): void => {
    metrics.count(event);
    options.onEvent?.(event);
  };
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const topics = topicsOf(toHex(link.trust().fleetId));

  const parts = { link, clock, crypto, entropy, onEvent };
  const tls = await certifiedServer({ ...parts, hosts });
  const welcome = (socket: Socket): void => gate.welcome(socket);
  const mqtt = new MqttGateway({ ...parts, topics, maxSessions, maxLobbySessions, maxUndecided, welcome });
  await mqtt.start();
  const begin = (socket: Socket): void => void tls.server.emit("connection", socket);
  const gate = new Gate({ clock, limits, begin, onEvent });
  // An answer and its PUBACK are two small writes, and the second must not wait for an ACK.
  const server = createServer({ noDelay: true });
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    gate.arrived(socket);
  });
  const unwatch = link.watch(({ type }) => {
    if (type === "authority") void tls.recertify();
  });
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve)); // nobody new comes in
    unwatch();
    gate.close();
    await mqtt.close();
    tls.close();
    for (const socket of open) socket.destroy();
    await closed;
  };

  server.maxConnections = maxSessions + limits.maxWaiting + SPARE_CONNECTIONS;
  tls.server.on("secureConnection", (socket) => {
    gate.finished(peerOf(socket));
    mqtt.accept(socket);
  });
  tls.server.on("tlsClientError", ({ code = "unknown" }: NodeJS.ErrnoException, socket) => {
    onEvent({ type: "refused", code: "tls", why: `the handshake failed: ${code}` });
    socket.destroy();
  });
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    await close();
    throw error;
  }
  const address = server.address() as AddressInfo;
  const [sessions, isServing] = [() => mqtt.sessions(), () => server.listening];
  metrics.watch({ sessions, waiting: () => gate.waiting });
  const { address: at, port: given } = address;
  return { host: at, port: given, isServing, sessions, metrics: metrics.registry, close };
}
