/** `daymark gateway run`: gateways beside a server that runs, or over NATS, each a process of its own. */
import { buildCommand } from "@stricli/core";
import { serveHealth } from "../../adapters/health-server.js";
import { linkPath } from "../../adapters/link-server.js";
import { openLogger } from "../../adapters/logger.js";
import { FleetError } from "../../errors.js";
import { readiness } from "../../operations/readiness.js";
import { settingsFrom } from "../../operations/configuration.js";
import type { Settings } from "../../operations/settings.js";
import { configFlag, type ConfiguredFlags, dataHint, settingFlags, sourcesOf } from "../config-flags.js";
import { type CliContext, folderOf, jsonFlag } from "../connection.js";
import { CliError, errorText, EXIT } from "../exit.js";
import {
  type GatewayPool,
  gatewayReport,
  listening,
  portInUse,
  type StartGateways,
  stopAsked,
} from "../listening.js";
import { natsOptions } from "../nats-options.js";
import { printJson, printRecord } from "../output.js";

interface RunFlags extends ConfiguredFlags {
  readonly json: boolean;
}

export function gatewayRun(startGateways: StartGateways) {
  return buildCommand<RunFlags, [], CliContext>({
    docs: {
      brief: "Run gateways, beside a server on this machine or over NATS",
      fullDescription: [
        "Starts processes that share one port and serve devices until Ctrl-C; one that dies is replaced. They reach",
        "the server through a socket in its data folder: --data names the same folder as for daymark server run.",
        "While the server is down, devices keep their connections and work under their leases; what they ask is",
        "answered when it is back.",
        "",
        "With --nats and --fleet the service runs on other machines, as any number of workers (daymark server run",
        "--nats), and no data folder is used.",
        "",
        "Each flag can also stand in a configuration file or in the environment: see daymark config get.",
        "",
        "Example: daymark gateway run --processes 2 --mqtt-port 8884",
      ].join("\n"),
    },
    parameters: {
      flags: { ...settingFlags("gateway"), config: configFlag, json: jsonFlag },
      aliases: { j: "json" },
    },
    async func({ json, ...flags }) {
      const sources = await sourcesOf(flags, this.process);
      const settings = settingsFrom("gateway", sources);
      await serve(settings, json, dataHint(sources), startGateways, this.process);
    },
  });
}

async function serve(
  settings: Settings<"gateway">,
  json: boolean,
  hint: string,
  startGateways: StartGateways,
  process: NodeJS.Process,
): Promise<void> {
  const { stdout, stderr } = process;
  const { host, mqttPort, metricsPort, healthPort, processes, logFormat: format, logLevel: level } = settings;
  const target = targetOf(settings, hint);
  const log = openLogger({ stream: stderr, format, level, service: "gateway" }, errorText);
  const where = { link: target.link, ...listening(host), port: mqttPort };
  if (settings.nats && settings.fleet !== undefined) log.ofFleet(settings.fleet);
  const report = gatewayReport(log);
  const pool = await startGateways({ ...where, metricsPort, processes, report }).catch((error: unknown) => {
    throw isUnreachable(error) ? noServer(target, error) : portInUse(error, { mqttPort, metricsPort });
  });
  let isEnding = false;
  try {
    const ready = () => readiness({ isEnding, gateway: { isServing: pool.isServing() } });
    const metrics = async () => (await pool.metrics?.()) ?? "";
    const probes =
      healthPort === undefined ? undefined : await serveHealth({ port: healthPort, ready, metrics });
    const asked = stopAsked(process); // whoever ends it before, does so at once: nobody was told that it serves
    tellStarted(pool, probes?.url);
    await asked;
    log.say("stopping", "stopping");
    isEnding = true;
    await pool.close();
    await probes?.close();
  } catch (error) {
    await pool.close();
    throw portInUse(error, { healthPort });
  }

  function tellStarted({ port, metricsUrl }: GatewayPool, health: string | undefined): void {
    const pids = pool.pids();
    const also = { ...(metricsUrl && { metrics: metricsUrl }), ...(health && { health }) };
    if (json) printJson(stdout, { port, pids, ...also });
    else printRecord(stdout, { port: String(port), processes: pids.join(" "), ...also });
    log.say("started", "stop with Ctrl-C", health === undefined ? {} : { health });
  }
}

function isUnreachable(error: unknown): error is Error {
  const { code } = error as NodeJS.ErrnoException;
  return code === "link-down" || code === "link-moved";
}

/** Where the service is, and what to say when it is not, or does not take this gateway. */
interface Target {
  readonly link: Parameters<StartGateways>[0]["link"];
  readonly otherwise: (why: Error) => string;
}

/** @throws FleetError "bad-request" */
function targetOf(settings: Settings<"gateway">, hint: string): Target {
  const nats = natsOptions(settings, "daymark gateway");
  const { fleet } = settings;
  if (!nats) {
    const folder = folderOf(settings.data);
    const otherwise = ({ message }: Error) =>
      /\b(ENOENT|ECONNREFUSED)\b/.test(message)
        ? `no server runs on ${folder}; start it: daymark server run${hint} (${message})`
        : `the server on ${folder} does not take this gateway: ${message}`;
    return { link: linkPath(folder), otherwise };
  }
  if (fleet === undefined)
    throw new FleetError(
      "bad-request",
      "with --nats name the fleet: --fleet ID, as daymark authority show prints it",
    );
  const servers = nats.servers.join(",");
  const otherwise = ({ message }: Error) =>
    `no worker of fleet ${fleet} takes this gateway over ${servers}: ${message}; start one (daymark server run --nats ` +
    `${servers}), or see why those that run have left the gateways: their /readyz says it`;
  return { link: { ...nats, fleet }, otherwise };
}

function noServer({ otherwise }: Target, cause: Error): CliError {
  return new CliError(EXIT.unreachable, otherwise(cause), { cause });
}
