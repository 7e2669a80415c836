/** What a server says: where it serves, and what is decided while it does. */
import { join } from "node:path";
import type { Logger } from "../adapters/logger.js";
import { fenceWords } from "../fence.js";
import type { FleetService } from "../service.js";
import { printJson, printRecord } from "./output.js";
import type { Front } from "./server-front.js";

interface Started {
  readonly id: string;
  readonly folder: string;
  readonly api: string;
  readonly front: Front;
  readonly health: string | undefined;
  /** Flags that lead other commands to the same folder. */
  readonly hint: string;
}

export function tellStarted(
  { id, folder, api, front, health, hint }: Started,
  json: boolean,
  { stdout, pid }: NodeJS.Process,
  log: Logger,
): void {
  const { mqtt, metricsUrl: metrics } = front;
  const gatewayPids = front.pids();
  const also = { ...(metrics !== undefined && { metrics }), ...(health !== undefined && { health }) };
  if (json)
    printJson(stdout, { id, folder, api, ...(mqtt !== undefined && { mqtt }), ...also, pid, gatewayPids });
  else {
    const gateway = mqtt === undefined ? {} : { gateway: mqtt };
    printRecord(stdout, { fleet: id, folder, API: api, ...gateway, ...also, tokens: join(folder, "tokens") });
  }
  log.say("started", `look around from another shell: daymark device list${hint}; stop with Ctrl-C`, {
    api,
    ...(mqtt !== undefined && { gateway: mqtt }),
    ...(health !== undefined && { health }),
  });
}

/** Each fact by its name, where someone wants to know that much; the fence always. */
export function tellFacts(service: FleetService, log: Logger): void {
  service.onEvent((event, position) => {
    const device = "number" in event ? { device: event.number } : {};
    log.say("fact", `${event.type} at ${position}`, { fact: event.type, position, ...device });
    if (event.type === "fence-raised")
      log.say("fenced", `nothing is signed from now on: ${fenceWords(event.proof)}`, { position });
  });
}
