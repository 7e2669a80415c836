/** What a server says of itself on its health port: made of the parts as they come up, and before there is any. */
import { type Ability, lackingKeys } from "../ability.js";
import { type HealthServer, serveHealth } from "../adapters/health-server.js";
import { ServiceMetrics } from "../adapters/service-metrics.js";
import type { FleetLink } from "../link.js";
import { censusOf } from "../operations/census.js";
import { measuredLink } from "../operations/measured-link.js";
import { MeasuredLog } from "../operations/measured-log.js";
import { authorityDates, type Readiness, readiness, type ServiceFacts } from "../operations/readiness.js";
import type { EventLog } from "../ports.js";
import type { FleetService } from "../service.js";
import type { Front } from "./server-front.js";

/** @param port - 0: any that is free. @throws with `code` "EADDRINUSE". */
export async function openHealth(port: number): Promise<ServerHealth> {
  const health = new ServerHealth();
  await health.serve(port);
  return health;
}

/** What it asks of the gateways of this process each time that somebody looks. */
type Gateways = Pick<Front, "isServing" | "metrics">;

const NONE_YET: Gateways = { isServing: () => false };

export class ServerHealth {
  readonly #metrics = new ServiceMetrics();
  #server: HealthServer | undefined;
  #service: FleetService | undefined;
  #bus: { readonly isUp: boolean } | undefined;
  #ability: Pick<Ability, "behind"> | undefined;
  #gateway: Gateways | undefined;
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

  /** As Prometheus reads it, those of the gateways too. A process that does not serve yet would not answer. */
  async metrics(): Promise<string> {
    const ofGateways = this.#gateway?.isServing() ? await this.#gateway.metrics?.() : undefined;
    return [await this.#metrics.registry.metrics(), ofGateways].join("\n");
  }

  overLog(log: EventLog): EventLog {
    const seconds = () => performance.now() / 1_000;
    return new MeasuredLog(log, seconds, (taken, outcome) => this.#metrics.observeAppend(taken, outcome));
  }

  overLink(link: FleetLink): FleetLink {
    return measuredLink(link, (kind, outcome) => this.#metrics.countRequest(kind, outcome));
  }

  /**
   * The log is read. @param hasGateway - one is to serve here, and until it does this process is not ready; else
   * gateways elsewhere are served over the bus, and until that is there it is not ready either.
   */
  opened(service: FleetService, { hasGateway }: { readonly hasGateway: boolean }): void {
    this.#service = service;
    if (hasGateway) this.#gateway = NONE_YET;
    else this.#bus = { isUp: false };
    this.#metrics.watch({
      census: () => censusOf(service.view, service.now()),
      position: () => service.position,
      epoch: () => service.view.epoch,
      isFenced: () => service.stopped?.code === "fenced",
      isReady: () => this.readiness().ready,
    });
  }

  /** Those of this process, once they were started. */
  gatewayIs(gateway: Gateways): void {
    this.#gateway = gateway;
  }

  busIs(isUp: boolean): void {
    this.#bus = { isUp };
  }

  /** Of a worker: whether it hears of what others decide. */
  abilityIs(ability: Pick<Ability, "behind">): void {
    this.#ability = ability;
  }

  ending(): void {
    this.#isEnding = true;
  }

  readiness(): Readiness {
    return readiness({
      isEnding: this.#isEnding,
      service: this.#service ? serviceFacts(this.#service, this.#ability?.behind) : "opening",
      ...(this.#bus && { bus: this.#bus }),
      ...(this.#gateway && { gateway: { isServing: this.#gateway.isServing() } }),
    });
  }
}

function serviceFacts(service: FleetService, behind: string | undefined): ServiceFacts {
  const { stopped } = service;
  const isFenced = stopped?.code === "fenced";
  return {
    now: service.now(),
    logFailure: isFenced ? undefined : (stopped?.message ?? behind),
    fence: isFenced ? stopped.message : undefined,
    lacking: lackingKeys(service),
    authorities: authorityDates(service.trust, service.options.crypto),
  };
}
