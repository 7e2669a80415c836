/** Where gateways listen: the flags of the commands that start them, and what those mean. */
import { isIPv6 } from "node:net";
import { wholeNumber } from "./device-number.js";
import { CliError, EXIT } from "./exit.js";

/** Several gateways, each a process of its own, on one port; what is in broker/ comes from main.ts. */
export type StartGateways = (options: {
  /** Path of the service's socket. */
  readonly link: string;
  readonly host: string;
  readonly port: number;
  readonly hosts: readonly string[];
  readonly processes: number;
  readonly metricsPort?: number | undefined;
  readonly report: (line: string) => void;
}) => Promise<GatewayPool>;

export interface GatewayPool {
  readonly port: number;
  readonly metricsUrl?: string;
  pids(): readonly number[];
  close(): Promise<void>;
}

/** Of one command: more than there are cores gain nothing. */
export const MAX_PROCESSES = 16;
const LOCAL_HOSTS = ["localhost", "127.0.0.1"];

export const listenFlags = {
  mqttPort: {
    kind: "parsed",
    parse: portNumber,
    default: "8883",
    brief: "Of the gateway; 0: any free one",
  },
  host: {
    kind: "parsed",
    parse: hostName,
    default: "localhost",
    brief: "Where devices reach the gateway",
  },
  metricsPort: {
    kind: "parsed",
    parse: portNumber,
    optional: true,
    brief: "Serve the gateway's counters for Prometheus on this machine; 0: any free one",
  },
} as const;

/** Where to listen, and the names in the certificate. */
export function listening(host: string): { host: string; hosts: readonly string[] } {
  if (LOCAL_HOSTS.includes(host)) return { host: "127.0.0.1", hosts: LOCAL_HOSTS };
  return { host: isIPv6(host) ? "::" : "0.0.0.0", hosts: [host] };
}

/** What a gateway threw that could not start, in the words and with the number of a command. */
export function portInUse(error: unknown, port: number): unknown {
  if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") return error;
  const { port: taken = port } = error as { port?: number };
  const flag = taken === port ? "--mqtt-port" : "--metrics-port";
  const text = `port ${taken} is in use; choose another with ${flag}, or 0 for any that is free`;
  return new CliError(EXIT.conflict, text, { cause: error });
}

/** Resolves at the first signal; the second one ends the process at once, as it would by itself. */
export function stopAsked(process: NodeJS.Process): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

/** @throws RangeError */
export function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port > 65_535) throw new RangeError("a port is 0 to 65535");
  return port;
}

/** @returns a parser that throws a RangeError */
export function processCount(least: number): (text: string) => number {
  return (text) => {
    const count = wholeNumber(text);
    if (count < least || count > MAX_PROCESSES)
      throw new RangeError(`${least} to ${MAX_PROCESSES} processes`);
    return count;
  };
}

/** @throws RangeError */
function hostName(text: string): string {
  if (!/^[A-Za-z0-9.:-]{1,64}$/.test(text)) throw new RangeError("not the name or address of a host");
  return text;
}
