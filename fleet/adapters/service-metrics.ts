/** What a service counts, as Prometheus has it: base units, and no label with more than a few values. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Census } from "../operations/census.js";
import type { RequestOutcome } from "../operations/measured-link.js";

/** What is looked at when somebody asks. */
export interface ServiceMeasured {
  census(): Census;
  /** Of the newest record in the view. */
  position(): number;
  /** Of the ledger. */
  epoch(): number;
  isFenced(): boolean;
  isReady(): boolean;
}

/** From half a millisecond, a good disk, to ten seconds, a bad day of a network. */
const APPEND_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class ServiceMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<"kind" | "outcome">;
  readonly #appends: Histogram<"outcome">;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: "daymark_requests_total",
      help: "Signed messages from devices, by message and by how they ended",
      labelNames: ["kind", "outcome"],
      registers,
    });
    this.#appends = new Histogram({
      name: "daymark_log_append_duration_seconds",
      help: "From a decision to its record being durable and known here",
      labelNames: ["outcome"],
      buckets: APPEND_BUCKETS,
      registers,
    });
  }

  countRequest(kind: string, outcome: RequestOutcome): void {
    this.#requests.inc({ kind, outcome });
  }

  observeAppend(seconds: number, outcome: string): void {
    this.#appends.observe({ outcome }, seconds);
  }

  watch(measured: ServiceMeasured): void {
    const registers = [this.registry];
    const gauge = (name: string, help: string, value: () => number): void => {
      const collect = function (this: Gauge): void {
        this.set(value());
      };
      new Gauge({ name: `daymark_${name}`, help, registers, collect });
    };
    new Counter({
      name: "daymark_log_records_total",
      help: "Position of the newest record that this process has applied",
      registers,
      collect() {
        this.reset();
        this.inc(measured.position());
      },
    });
    gauge("ledger_epoch", "How often the denied set has changed", () => measured.epoch());
    gauge("fenced", "1 while nobody signs, because the log has lost records", () => +measured.isFenced());
    gauge("ready", "1 while /readyz says so", () => +measured.isReady());
    watchDevices(registers, () => measured.census());
  }
}

/** All from one pass over the devices, made for the gauge that is registered first, and so collected first. */
function watchDevices(registers: Registry[], census: () => Census): void {
  new Gauge({
    name: "daymark_devices",
    help: "Devices by decided level",
    labelNames: ["level"],
    registers,
    collect() {
      const counted = census();
      for (const [level, count] of Object.entries(counted.levels)) this.set({ level }, count);
      enrolled.set(counted.enrolled);
      leasesEnded.set(counted.leasesEnded);
      unconfirmed.set(counted.unconfirmed);
      longest.set(counted.longestUnconfirmedSeconds);
      suspected.set(counted.suspected);
    },
  });
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `daymark_devices_${name}`, help, registers });
  const enrolled = gauge("enrolled", "Devices that ever got an LDevID");
  const leasesEnded = gauge("lease_ended", "Devices whose newest lease has ended");
  const unconfirmed = gauge("hold_unconfirmed", "Held devices that have not signed for it yet");
  const longest = gauge("hold_unconfirmed_longest_seconds", "How long the oldest of those has stood");
  const suspected = gauge("suspected", "Devices whose keys two seem to hold");
}
