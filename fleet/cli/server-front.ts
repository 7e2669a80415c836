/** What stands between devices and a service alone: a gateway inside, or processes beside it on a socket. */
import { isIPv6 } from "node:net";
import type { Clock } from "../../protocol/clock.js";
import type { Crypto, Entropy } from "../../protocol/crypto.js";
import type { Logger } from "../adapters/logger.js";
import { linkPath } from "../adapters/link-server.js";
import type { FleetLink } from "../link.js";
import type { Fleet } from "../main.js";
import type { Settings } from "../operations/settings.js";
import { errorText } from "./exit.js";
import { type GatewayPool, gatewayReport, listening, portInUse, type StartGateways } from "./listening.js";

/** What this needs of a gateway; the one in broker/ comes from main.ts. */
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
}) => Promise<Omit<GatewayPool, "pids">>;

export interface Starters {
  readonly startGateway: StartGateway;
  readonly startGateways: StartGateways;
}

/** What the gateway inside takes its time, keys and chance from. */
export type GatewayParts = Pick<Parameters<StartGateway>[0], "clock" | "crypto" | "entropy">;

/** How devices reach the service. */
export interface Front {
  /** Where they connect: `mqtts://host:port`; absent: elsewhere. */
  readonly mqtt?: string;
  /** Whether a gateway of this process, or of one that it started, takes connections now. */
  readonly isServing: () => boolean;
  /** Of gateway processes that serve now. */
  readonly pids: () => readonly number[];
  readonly metricsUrl?: string | undefined;
  readonly metrics?: (() => Promise<string>) | undefined;
  close(): Promise<void>;
}

/** A service that signs nothing can certify no gateway: then nothing stands there, and the API says why. */
export async function openFront(
  fleet: Fleet,
  settings: Settings<"server">,
  starters: Starters,
  parts: GatewayParts,
  log: Logger,
): Promise<Front> {
  const { stopped } = fleet.service;
  if (stopped) {
    log.say("no-gateway", `no gateway is started: ${stopped.message}`, { code: stopped.code });
    return { isServing: () => false, pids: () => [], close: async () => undefined };
  }
  const link = await openLink(fleet, settings, log);
  try {
    const gateway = await startOn(settings, starters, fleet, parts, log);
    const { metricsUrl, metrics, port } = gateway;
    return {
      mqtt: mqttUrl(settings.host, port),
      isServing: () => gateway.isServing(),
      pids: () => gateway.pids?.() ?? [],
      metricsUrl,
      metrics,
      async close() {
        await gateway.close();
        await link?.close();
      },
    };
  } catch (error) {
    await link?.close();
    throw error;
  }
}

/** Where gateway processes reach the service. Without one the server goes on, unless it needs it itself. */
async function openLink(
  fleet: Fleet,
  { gateways }: Settings<"server">,
  log: Logger,
): Promise<{ close(): Promise<void> } | undefined> {
  const { serveGateways } = await import("../main.js");
  try {
    return await serveGateways(fleet, (problem) => log.say("link-problem", `link: ${problem}`));
  } catch (error) {
    if (gateways > 0) throw error;
    log.say("link-absent", `no gateway can run beside this server: ${errorText(error)}`);
    return undefined;
  }
}

/** The gateway in this process, or those in others. */
async function startOn(
  { gateways, host, mqttPort, metricsPort }: Settings<"server">,
  { startGateway, startGateways }: Starters,
  fleet: Fleet,
  parts: GatewayParts,
  log: Logger,
): Promise<Awaited<ReturnType<StartGateway>> & Partial<GatewayPool>> {
  const where = { ...listening(host), port: mqttPort, metricsPort };
  try {
    if (gateways === 0) {
      const onEvent: Parameters<StartGateway>[0]["onEvent"] = ({ type, why }) =>
        type === "notCertified" && log.say("gateway-not-certified", `gateway: no new certificate: ${why}`);
      return await startGateway({ link: fleet.link, ...parts, ...where, onEvent });
    }
    const report = gatewayReport(log);
    return await startGateways({ link: linkPath(fleet.folder), ...where, processes: gateways, report });
  } catch (error) {
    throw portInUse(error, { mqttPort, metricsPort });
  }
}

function mqttUrl(host: string, port: number): string {
  return `mqtts://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
