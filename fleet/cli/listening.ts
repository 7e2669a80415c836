/** What commands that serve have in common: where gateways listen, how one starts them, and when to stop. */
import { once } from "node:events";
import { createServer, isIPv6 } from "node:net";
import type { Logger } from "../adapters/logger.js";
import type { LogEventName } from "../operations/log-events.js";
import type { LogFields } from "../operations/log-fields.js";
import { keyOf } from "../operations/settings.js";
import type { NatsOptions } from "../../protocol/adapters/nats-connection.js";
import { CliError, EXIT } from "./exit.js";

/** Several gateways, each a process of its own, on one port; what is in broker/ comes from main.ts. */
export type StartGateways = (options: {
  /** Path of the service's socket; or NATS, and the fleet's id, 32 hex digits. */
  readonly link: string | (NatsOptions & { readonly fleet: string });
  readonly host: string;
  readonly port: number;
  readonly hosts: readonly string[];
  readonly processes: number;
  readonly metricsPort?: number | undefined;
  readonly report: (occurrence: Occurrence) => void;
}) => Promise<GatewayPool>;

/** What happened to one of them, or in it. */
interface Occurrence extends LogFields {
  readonly event: LogEventName;
  /** For a person. */
  readonly words: string;
}

export interface GatewayPool {
  readonly port: number;
  readonly metricsUrl?: string;
  /** What all of them count together, as Prometheus reads it. */
  readonly metrics?: () => Promise<string>;
  /** Whether one of them serves now. */
  isServing(): boolean;
  /** Of the processes that serve now. */
  pids(): readonly number[];
  close(): Promise<void>;
}

const LOCAL_HOSTS = ["localhost", "127.0.0.1"];

/** Where to listen, and the names in the certificate. */
export function listening(host: string): { host: string; hosts: readonly string[] } {
  if (LOCAL_HOSTS.includes(host)) return { host: "127.0.0.1", hosts: LOCAL_HOSTS };
  return { host: isIPv6(host) ? "::" : "0.0.0.0", hosts: [host] };
}

/** Each occurrence as a line of its own. */
export function gatewayReport(log: Logger): (occurrence: Occurrence) => void {
  return ({ event, words, ...fields }) => log.say(event, words, fields);
}

export type PortName = "mqttPort" | "apiPort" | "metricsPort" | "healthPort";
/** Ports that a command listens on, by the setting that names them. */
type Ports = { readonly [Name in PortName]?: number | undefined };

/**
 * What was thrown by who could not listen, in the words and with the number of a command.
 * @param ports - that were asked for; the first is meant where the error names none of them.
 */
export function portInUse(error: unknown, ports: Ports): unknown {
  if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") return error;
  const names = Object.keys(ports) as (keyof Ports)[];
  const [first = "mqttPort"] = names;
  const { port = ports[first] } = error as { port?: number };
  const name = names.find((each) => ports[each] === port) ?? first;
  const text = `port ${port} is in use; choose another with --${keyOf(name)}, or 0 for any that is free`;
  return new CliError(EXIT.conflict, text, { cause: error });
}

/** @param host - as it is set. @throws CliError "conflict" for a port in use. */
export async function assertFree(host: string, ports: Ports): Promise<void> {
  for (const [name, port] of Object.entries(ports) as [PortName, number | undefined][]) {
    if (port === undefined || port === 0) continue;
    const error = await whyNotFree(port, portHost(name, host));
    if (error) throw portInUse(error, { [name]: port });
  }
}

/** Where a port is listened on: that of devices for all, the others on this machine alone. */
export function portHost(name: PortName, host: string): string {
  return name === "mqttPort" ? listening(host).host : "127.0.0.1";
}

/** Why nobody can listen there now; undefined: one can. */
export async function whyNotFree(port: number, host: string): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer();
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  await new Promise((resolve) => server.close(resolve));
  return undefined;
}

/** Resolves at the first signal; the second one ends the process at once, as it would by itself. */
export function stopAsked(process: NodeJS.Process): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
