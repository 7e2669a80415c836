/** `daymark server run`: the fleet, its API and its gateways, in this process or in several, on one folder. */
import { randomBytes } from "node:crypto";
import { buildCommand } from "@stricli/core";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../../protocol/adapters/system-clock.js";
import { toHex } from "../../../protocol/bytes.js";
import type { Entropy } from "../../../protocol/crypto.js";
import { lockHolder } from "../../adapters/folder-lock.js";
import { type Logger, openLogger } from "../../adapters/logger.js";
import { FleetError } from "../../errors.js";
import type { Fleet } from "../../main.js";
import { settingsFrom } from "../../operations/configuration.js";
import type { Settings } from "../../operations/settings.js";
import { DEFAULT_POLICY } from "../../policy.js";
import { configFlag, type ConfiguredFlags, dataHint, settingFlags, sourcesOf } from "../config-flags.js";
import { type CliContext, folderOf, jsonFlag } from "../connection.js";
import { errorText } from "../exit.js";
import { endAtFaults } from "../faults.js";
import { assertFree, portInUse, type StartGateways, stopAsked } from "../listening.js";
import { natsOptions } from "../nats-options.js";
import type { ServerHealth } from "../server-health.js";
import { openFront, type StartGateway, type Starters } from "../server-front.js";
import { tellFacts, tellStarted } from "../server-words.js";
import type { Worker } from "../server-worker.js";

interface RunFlags extends ConfiguredFlags {
  readonly json: boolean;
}

const parts = {
  clock: systemClock,
  crypto: nodeCrypto,
  entropy: ((size) => new Uint8Array(randomBytes(size))) satisfies Entropy,
};

export function serverRun(startGateway: StartGateway, startGateways: StartGateways) {
  return buildCommand<RunFlags, [], CliContext>({
    docs: {
      brief: "Run a fleet: service, API and gateway in one process, or gateways beside it",
      fullDescription: [
        "Opens the fleet in the data folder, or founds one there, and serves until Ctrl-C. The API can be reached from",
        "this machine only, and so can the gateway while --host is localhost; with any other --host it listens on all",
        "addresses. More gateways can be started beside it, on a port of their own: daymark gateway run.",
        "",
        "With --nats it is one worker of several. The log is then a JetStream stream that they share; each worker keeps",
        "a copy in its data folder, and gateways run by themselves: daymark gateway run --nats. Never serve such a",
        "folder without --nats: what is decided there alone contradicts the others. See docs/operations.md.",
        "",
        "With --returns ask every device whose LDevID has ended waits for an operator (daymark device readmit); with",
        "attest only those wait that no verifier vouches for.",
        "",
        "Each flag can also stand in a configuration file or in the environment: see daymark config get.",
        "",
        "Example: daymark server run --host gateway.example.org",
      ].join("\n"),
    },
    parameters: {
      flags: { ...settingFlags("server"), config: configFlag, json: jsonFlag },
      aliases: { j: "json" },
    },
    async func({ json, ...flags }) {
      const sources = await sourcesOf(flags, this.process);
      const settings = settingsFrom("server", sources);
      return serve(settings, json, dataHint(sources), { startGateway, startGateways }, this.process);
    },
  });
}

async function serve(
  settings: Settings<"server">,
  json: boolean,
  hint: string,
  starters: Starters,
  process: NodeJS.Process,
): Promise<void> {
  // Here and not above: other commands start without the database, the HTTP server and NATS.
  const [{ openFleet, serveApi }, { embeddedStation }, { takeDevice }, { openHealth }] = await Promise.all([
    import("../../main.js"),
    import("../../station/embedded.js"),
    import("../../transfers.js"),
    import("../server-health.js"),
  ]);
  const { healthPort, logFormat: format, logLevel: level } = settings;
  const faultsEnded = endAtFaults(process);
  const log = openLogger({ stream: process.stderr, format, level, service: "server" }, errorText);
  /** Closed from the last to the first. */
  const open: { close(): Promise<void> }[] = [];
  const opened = <T extends { close(): Promise<void> }>(part: T): T => {
    open.push(part);
    return part;
  };
  let health: ServerHealth | undefined;
  try {
    if (healthPort !== undefined) health = opened(await openHealth(healthPort).catch(portIsInUse));
    // Before anything is founded, under a name that the next start would not change any more.
    const { apiPort, mqttPort, metricsPort, host } = settings;
    const ports = settings.nats ? { apiPort } : { apiPort, mqttPort, metricsPort };
    const isHeld = (await lockHolder(folderOf(settings.data))) !== undefined; // then whose it is says more than a port
    if (!isHeld) await assertFree(host, ports);
    const worker = await workerOf(settings, log);
    if (worker) opened(worker);
    const folder = folderOf(settings.data);
    const policy = { ...DEFAULT_POLICY, returns: settings.returns };
    const [overLog, shared] = [health?.overLog.bind(health), worker?.shared];
    const report = (error: unknown) => log.problem("checkpoint-failed", "checkpoint", error);
    const fleet = opened(
      await openFleet({
        folder,
        name: settings.name,
        policy,
        overLog,
        report,
        ...(shared && { shared }),
        ...parts,
      }),
    );
    const { service } = fleet;
    health?.opened(service, { hasGateway: !worker });
    const id = toHex(service.trust.fleetId);
    log.ofFleet(id);
    tellFacts(service, log);
    const measured: Fleet = health ? { ...fleet, link: health.overLink(fleet.link) } : fleet;
    const front = opened(
      worker
        ? await worker.serve(measured, health)
        : await openFront(measured, settings, starters, parts, log),
    );
    if (!worker) health?.gatewayIs(front);
    const { mqtt } = front;
    const station = await embeddedStation(service);
    const api = opened(
      await serveApi(fleet, {
        port: settings.apiPort,
        ...(mqtt !== undefined && { mqtt }),
        station: (message) => station.receive(message),
        take: (order, actor) => takeDevice(service, station, order, actor),
        report: (error) => log.problem("api-failed", "API", error),
      }),
    );
    const asked = stopAsked(process); // whoever ends it before, does so at once: nobody was told that it serves
    tellStarted({ id, folder, api: api.url, front, health: health?.url, hint }, json, process, log);
    await untilEnd(asked, fleet.failure, log);
    log.say("stopping", "stopping");
  } finally {
    health?.ending();
    for (const part of open.reverse()) await part.close();
    faultsEnded();
  }

  function portIsInUse(error: unknown): never {
    throw portInUse(error, { healthPort });
  }
}

/** Undefined where no NATS server is named: the log is this process's own. @throws FleetError "bad-request" */
async function workerOf(settings: Settings<"server">, log: Logger): Promise<Worker | undefined> {
  const nats = natsOptions(settings, `daymark server ${settings.name}`);
  if (!nats) return undefined;
  if (settings.gateways > 0)
    throw new FleetError(
      "bad-request",
      "with --nats gateways are started by themselves: daymark gateway run --nats",
    );
  return (await import("../server-worker.js")).openWorker(nats, settings, systemClock, log);
}

/**
 * Resolves when the process was told to end. A fenced service stays, to say why it signs nothing.
 * @throws FleetError when the log cannot go on.
 */
async function untilEnd(asked: Promise<void>, failure: Promise<FleetError>, log: Logger): Promise<void> {
  const failed = failure.then((error) => {
    log.problem("log-failed", "log", error);
    if (error.code !== "fenced") throw error;
    return asked;
  });
  await Promise.race([asked, failed]);
}
