/** `daymark server run`: the fleet, its API and a gateway in one process, on one folder. */
import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { buildCommand } from "@stricli/core";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../../protocol/adapters/system-clock.js";
import { toHex } from "../../../protocol/bytes.js";
import type { Clock } from "../../../protocol/clock.js";
import type { Crypto, Entropy } from "../../../protocol/crypto.js";
import type { FleetLink } from "../../link.js";
import { type CliContext, dataFlag, fleetFolder, jsonFlag } from "../connection.js";
import { wholeNumber } from "../device-number.js";
import { CliError, errorText, EXIT } from "../exit.js";
import { printJson, printLine, printRecord } from "../output.js";

/** What this command needs of a gateway; the one in broker/ comes from main.ts. */
export type StartGateway = (options: {
  readonly link: FleetLink;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly host: string;
  readonly port: number;
  readonly hosts: readonly string[];
  readonly onEvent: (event: { readonly type: string; readonly why?: string }) => void;
}) => Promise<{ readonly port: number; close(): Promise<void> }>;

interface RunFlags {
  readonly data?: string;
  readonly name: string;
  readonly mqttPort: number;
  readonly apiPort: number;
  readonly host: string;
  readonly json: boolean;
}

const LOCAL_HOSTS = ["localhost", "127.0.0.1"];

export function serverRun(startGateway: StartGateway) {
  return buildCommand<RunFlags, [], CliContext>({
    docs: {
      brief: "Run a fleet: service, API and gateway in one process",
      fullDescription: [
        "Opens the fleet in the data folder, or founds one there, and serves until Ctrl-C. The API listens on this",
        "machine only. The gateway listens on this machine only as long as --host is localhost, else everywhere.",
        "",
        "Example: daymark server run --host gateway.example.org",
      ].join("\n"),
    },
    parameters: {
      flags: {
        data: dataFlag,
        name: {
          kind: "parsed",
          parse: String,
          default: "daymark",
          brief: "Name of a fleet that is founded now",
        },
        mqttPort: {
          kind: "parsed",
          parse: portNumber,
          default: "8883",
          brief: "Of the gateway; 0: any free one",
        },
        apiPort: { kind: "parsed", parse: portNumber, default: "8080", brief: "Of the API; 0: any free one" },
        host: {
          kind: "parsed",
          parse: hostName,
          default: "localhost",
          brief: "Where devices reach the gateway",
        },
        json: jsonFlag,
      },
      aliases: { j: "json" },
    },
    func(flags) {
      return serve(flags, startGateway, this);
    },
  });
}

async function serve(flags: RunFlags, startGateway: StartGateway, { process }: CliContext): Promise<void> {
  // Here and not above: other commands start without the database and the HTTP server.
  const [{ openFleet, serveApi }, { embeddedStation }, { takeDevice }] = await Promise.all([
    import("../../main.js"),
    import("../../station/embedded.js"),
    import("../../transfers.js"),
  ]);
  const { stdout, stderr, env } = process;
  const asked = stopAsked(process);
  const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));
  const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
  const open: { close(): Promise<void> }[] = [];
  try {
    const folder = fleetFolder(flags.data, env);
    const fleet = await openFleet({ folder, name: flags.name, ...parts });
    open.push(fleet);
    const gateway = await startGateway({
      link: fleet.link,
      ...parts,
      ...listening(flags.host),
      port: flags.mqttPort,
      onEvent: ({ type, why }) => type === "notCertified" && printLine(stderr, `gateway: ${type}: ${why}`),
    }).catch((error: unknown) => {
      throw inUse(error) ? new CliError(EXIT.conflict, portTaken(flags.mqttPort), { cause: error }) : error;
    });
    open.push(gateway);
    const station = await embeddedStation(fleet.service);
    const mqtt = `mqtts://${isIPv6(flags.host) ? `[${flags.host}]` : flags.host}:${gateway.port}`;
    const api = await serveApi(fleet, {
      port: flags.apiPort,
      mqtt,
      station: (message) => station.receive(message),
      take: (order, actor) => takeDevice(fleet.service, station, order, actor),
      report: (error) => printLine(stderr, `API: ${errorText(error)}`),
    });
    open.push(api);
    const id = toHex(fleet.service.trust.fleetId);
    const tokens = join(folder, "tokens");
    if (flags.json) printJson(stdout, { id, folder, api: api.url, mqtt, pid: process.pid });
    else printRecord(stdout, { fleet: id, folder, API: api.url, gateway: mqtt, tokens });
    printLine(stderr, "look around from another shell: daymark device list; stop with Ctrl-C");
    await asked;
    printLine(stderr, "stopping");
  } finally {
    for (const part of open.reverse()) await part.close();
  }
}

/** Resolves at the first signal; the second one ends the process at once, as it would by itself. */
function stopAsked(process: NodeJS.Process): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

function listening(host: string): { host: string; hosts: readonly string[] } {
  if (LOCAL_HOSTS.includes(host)) return { host: "127.0.0.1", hosts: LOCAL_HOSTS };
  return { host: isIPv6(host) ? "::" : "0.0.0.0", hosts: [host] };
}

function inUse(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EADDRINUSE";
}

function portTaken(port: number): string {
  return `port ${port} is in use; choose another with --mqtt-port, or 0 for any that is free`;
}

/** @throws RangeError */
function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port > 65_535) throw new RangeError("a port is 0 to 65535");
  return port;
}

/** @throws RangeError */
function hostName(text: string): string {
  if (!/^[A-Za-z0-9.:-]{1,64}$/.test(text)) throw new RangeError("not the name or address of a host");
  return text;
}
