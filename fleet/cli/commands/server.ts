/** `daymark server run`: the fleet, its API and its gateways, in this process or in several, on one folder. */
import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { buildCommand } from "@stricli/core";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../../protocol/adapters/system-clock.js";
import { toHex } from "../../../protocol/bytes.js";
import type { Clock } from "../../../protocol/clock.js";
import type { Crypto, Entropy } from "../../../protocol/crypto.js";
import { linkPath } from "../../adapters/link-server.js";
import type { FleetLink } from "../../link.js";
import type { Fleet } from "../../main.js";
import { DEFAULT_POLICY, type FleetPolicy } from "../../policy.js";
import { type CliContext, dataFlag, fleetFolder, jsonFlag } from "../connection.js";
import { errorText } from "../exit.js";
import { endAtFaults } from "../faults.js";
import {
  type GatewayPool,
  listenFlags,
  listening,
  MAX_PROCESSES,
  portInUse,
  portNumber,
  processCount,
  type StartGateways,
  stopAsked,
} from "../listening.js";
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
  readonly metricsPort?: number | undefined;
  readonly onEvent: (event: { readonly type: string; readonly why?: string }) => void;
}) => Promise<{ readonly port: number; readonly metricsUrl?: string; close(): Promise<void> }>;

interface RunFlags {
  readonly data?: string;
  readonly name: string;
  readonly mqttPort: number;
  readonly metricsPort?: number;
  readonly apiPort: number;
  readonly host: string;
  readonly gateways: number;
  readonly returns: FleetPolicy["returns"];
  readonly json: boolean;
}

export function serverRun(startGateway: StartGateway, startGateways: StartGateways) {
  return buildCommand<RunFlags, [], CliContext>({
    docs: {
      brief: "Run a fleet: service, API and gateway in one process, or gateways beside it",
      fullDescription: [
        "Opens the fleet in the data folder, or founds one there, and serves until Ctrl-C. The API listens on this",
        "machine only. The gateway listens on this machine only as long as --host is localhost, else everywhere.",
        "More gateways can be started beside it, on a port of their own: daymark gateway run.",
        "",
        "With --returns attest a device that no verifier vouches for waits for an operator, as all do with ask: see",
        "daymark device readmit.",
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
        ...listenFlags,
        apiPort: { kind: "parsed", parse: portNumber, default: "8080", brief: "Of the API; 0: any free one" },
        gateways: {
          kind: "parsed",
          parse: processCount(0),
          default: "0",
          brief: `Gateways that are processes of their own, up to ${MAX_PROCESSES}; 0: one in this process`,
        },
        returns: {
          kind: "enum",
          values: ["accept", "attest", "ask"],
          default: DEFAULT_POLICY.returns,
          brief:
            "A device whose LDevID ended: comes back by itself, if it is attested, or if an operator agrees",
        },
        json: jsonFlag,
      },
      aliases: { j: "json" },
    },
    func(flags) {
      return serve(flags, { startGateway, startGateways }, this);
    },
  });
}

interface Starters {
  readonly startGateway: StartGateway;
  readonly startGateways: StartGateways;
}

async function serve(flags: RunFlags, starters: Starters, { process }: CliContext): Promise<void> {
  // Here and not above: other commands start without the database and the HTTP server.
  const [{ openFleet, serveApi }, { embeddedStation }, { takeDevice }] = await Promise.all([
    import("../../main.js"),
    import("../../station/embedded.js"),
    import("../../transfers.js"),
  ]);
  const { stdout, stderr, env } = process;
  const asked = stopAsked(process);
  const faultsEnded = endAtFaults(process);
  const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));
  const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
  const open: { close(): Promise<void> }[] = [];
  try {
    const folder = fleetFolder(flags.data, env);
    const policy = { ...DEFAULT_POLICY, returns: flags.returns };
    const fleet = await openFleet({ folder, name: flags.name, policy, ...parts });
    open.push(fleet);
    const say = (line: string) => printLine(stderr, line);
    const link = await openLink(fleet, flags, say);
    if (link) open.push(link);
    const gateway = await startOn(flags, starters, { link: fleet.link, ...parts }, folder, say);
    open.push(gateway);
    const station = await embeddedStation(fleet.service);
    const mqtt = `mqtts://${isIPv6(flags.host) ? `[${flags.host}]` : flags.host}:${gateway.port}`;
    const api = await serveApi(fleet, {
      port: flags.apiPort,
      mqtt,
      station: (message) => station.receive(message),
      take: (order, actor) => takeDevice(fleet.service, station, order, actor),
      report: (error) => say(`API: ${errorText(error)}`),
    });
    open.push(api);
    const id = toHex(fleet.service.trust.fleetId);
    const tokens = join(folder, "tokens");
    const gatewayPids = gateway.pids?.() ?? [];
    const metrics = gateway.metricsUrl && { metrics: gateway.metricsUrl };
    if (flags.json)
      printJson(stdout, { id, folder, api: api.url, mqtt, ...metrics, pid: process.pid, gatewayPids });
    else printRecord(stdout, { fleet: id, folder, API: api.url, gateway: mqtt, ...metrics, tokens });
    say("look around from another shell: daymark device list; stop with Ctrl-C");
    await asked;
    say("stopping");
  } finally {
    for (const part of open.reverse()) await part.close();
    faultsEnded();
  }
}

/** Where gateway processes reach the service. Without one the server goes on, unless it needs it itself. */
async function openLink(
  fleet: Fleet,
  { gateways }: RunFlags,
  say: (line: string) => void,
): Promise<{ close(): Promise<void> } | undefined> {
  const { serveGateways } = await import("../../main.js");
  try {
    return await serveGateways(fleet, (problem) => say(`link: ${problem}`));
  } catch (error) {
    if (gateways > 0) throw error;
    say(`no gateway can run beside this server: ${errorText(error)}`);
    return undefined;
  }
}

/** The gateway in this process, or those in others. */
async function startOn(
  { gateways, host, mqttPort, metricsPort }: RunFlags,
  { startGateway, startGateways }: Starters,
  parts: Pick<Parameters<StartGateway>[0], "link" | "clock" | "crypto" | "entropy">,
  folder: string,
  say: (line: string) => void,
): Promise<Awaited<ReturnType<StartGateway>> & Partial<GatewayPool>> {
  const where = { ...listening(host), port: mqttPort, metricsPort };
  try {
    if (gateways === 0) {
      const onEvent: Parameters<StartGateway>[0]["onEvent"] = ({ type, why }) =>
        type === "notCertified" && say(`gateway: ${type}: ${why}`);
      return await startGateway({ ...parts, ...where, onEvent });
    }
    return await startGateways({ link: linkPath(folder), ...where, processes: gateways, report: say });
  } catch (error) {
    throw portInUse(error, mqttPort);
  }
}
