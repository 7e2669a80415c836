/** What a server says of itself on its health port: made of the parts as they come up, and before there is any. */
import { type HealthServer, serveHealth } from "../adapters/health-server.js";
import { ServiceMetrics } from "../adapters/service-metrics.js";
import type { FleetLink } from "../link.js";
import { censusOf } from "../operations/census.js";
import { measuredLink } from "../operations/measured-link.js";
import { MeasuredLog } from "../operations/measured-log.js";
import { authorityDates, type Readiness, readiness, type ServiceFacts } from "../operations/readiness.js";
import { FleetError } from "../errors.js";
import type { EventLog } from "../ports.js";
import type { FleetService } from "../service.js";
import type { Front } from "./server-front.js";

/** @param port - 0: any that is free. @throws with `code` "EADDRINUSE". */
export async function openHealth(port: number): Promise<ServerHealth> {
  const health = new ServerHealth();
  await health.serve(port);
  return health;
}

/** Another part of this process that counts for itself. */
type MetricsText = () => Promise<string>;

export class ServerHealth {
  readonly #metrics = new ServiceMetrics();
  #server: HealthServer | undefined;
  #service: FleetService | undefined;
  #bus: { readonly isUp: boolean } | undefined;
  #gateway: { readonly isServing: boolean; readonly metrics?: MetricsText | undefined } | undefined;
  #isEnding = false;

  async serve(port: number): Promise<void> {
    const [ready, metrics] = [() => this.readiness(), () => this.metrics()];
    this.#server = await serveHealth({ port, ready, metrics });
  }

  /** Without a path. */
  get url(): string {
    return this.#server?.url ?? "";
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  /** As Prometheus reads it, those of the gateways too. */
  async metrics(): Promise<string> {
    return [await this.#metrics.registry.metrics(), await this.#gateway?.metrics?.()].join("\n");
  }

  overLog(log: EventLog): EventLog {
    const seconds = () => performance.now() / 1_000;
    return new MeasuredLog(log, seconds, (taken, outcome) => this.#metrics.observeAppend(taken, outcome));
  }

  overLink(link: FleetLink): FleetLink {
    return measuredLink(link, (kind, outcome) => this.#metrics.countRequest(kind, outcome));
  }

  /** The log is read. */
  opened(service: FleetService): void {
    this.#service = service;
    this.#metrics.watch({
      census: () => censusOf(service.view, service.now()),
      position: () => service.position,
      epoch: () => service.view.epoch,
      isFenced: () => service.stopped?.code === "fenced",
      isReady: () => this.readiness().ready,
    });
  }

  /** The front of this process, once it was opened: without an address nothing serves there. */
  gatewayIs({ mqtt, metrics }: Pick<Front, "mqtt" | "metrics">): void {
    this.#gateway = { isServing: mqtt !== undefined, metrics };
  }

  busIs(isUp: boolean): void {
    this.#bus = { isUp };
  }

  ending(): void {
    this.#isEnding = true;
  }

  readiness(): Readiness {
    return readiness({
      isEnding: this.#isEnding,
      service: this.#service ? serviceFacts(this.#service) : "opening",
      ...(this.#bus && { bus: this.#bus }),
      ...(this.#gateway && { gateway: this.#gateway }),
    });
  }
}

function serviceFacts(service: FleetService): ServiceFacts {
  const { stopped } = service;
  const isFenced = stopped?.code === "fenced";
  return {
    now: service.now(),
    logFailure: isFenced ? undefined : stopped?.message,
    fence: isFenced ? stopped.message : undefined,
    lacking: stopped ? undefined : lackingKeys(service),
    authorities: authorityDates(service.trust, service.options.crypto),
  };
}

/** Another worker put an Authority in force, and the keys that it names are not here. */
function lackingKeys(service: FleetService): string | undefined {
  try {
    void service.keys;
    return undefined;
  } catch (error) {
    if (error instanceof FleetError) return error.message;
    throw error;
  }
}
