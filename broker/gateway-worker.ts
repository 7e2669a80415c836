/** One gateway process. Started by gateway-pool.ts, and ends with it. */
import { randomBytes } from "node:crypto";
import { nodeCrypto } from "../protocol/adapters/node-crypto.js";
import { AggregatorRegistry } from "prom-client";
import { NatsBus } from "../protocol/adapters/nats-bus.js";
import { systemClock } from "../protocol/adapters/system-clock.js";
import type { FleetLink } from "../fleet/link.js";
import { BusLink } from "./adapters/bus-link.js";
import { type LinkError, linkErrorOf } from "./adapters/link-error.js";
import { RemoteLink } from "./adapters/remote-link.js";
import type { GatewayEvent } from "./events.js";
import {
  type BusTarget,
  type Occurrence,
  TASK_VARIABLE,
  type Task,
  type WorkerReport,
} from "./gateway-task.js";
import { startGateway } from "./main.js";

const parts = { clock: systemClock, crypto: nodeCrypto };

process.on("SIGINT", () => undefined); // Ctrl-C reaches every process of a terminal: the one above says when to end
try {
  const { link: target, ...where } = JSON.parse(process.env[TASK_VARIABLE] ?? "") as Task;
  const reached = await (typeof target === "string" ? bySocket(target) : byBus(target));
  const entropy = (size: number) => new Uint8Array(randomBytes(size));
  const gateway = await startGateway({ link: reached.link, ...parts, entropy, ...where, onEvent: tell });
  AggregatorRegistry.setRegistries(gateway.metrics);
  new AggregatorRegistry(); // which answers the one of the process above
  process.once("SIGTERM", () => {
    void gateway
      .close()
      .then(() => reached.leave())
      .then(() => process.exit());
  });
  report({ type: "serving", port: gateway.port });
} catch (error) {
  const { code = "failed", message } = error as NodeJS.ErrnoException;
  report({ type: "failed", code, text: message }, () => process.exit(1));
}

interface Reached {
  readonly link: FleetLink;
  leave(): Promise<void>;
}

/** @throws LinkError */
async function bySocket(path: string): Promise<Reached> {
  const link = await RemoteLink.open({ path, ...parts, onChange });
  return { link, leave: async () => link.close() };
}

/** @throws LinkError */
async function byBus({ fleet: fleetId, ...nats }: BusTarget): Promise<Reached> {
  try {
    const bus = await NatsBus.connect(nats, (problem) => say("bus-problem", problem));
    const link = await BusLink.open({ bus, fleetId, ...parts, onChange });
    const leave = (): Promise<void> => {
      link.close();
      return bus.close();
    };
    return { link, leave };
  } catch (error) {
    throw linkErrorOf(error);
  }
}

function report(message: WorkerReport, sent?: () => void): void {
  process.send?.(message, undefined, undefined, sent);
}

function tell(event: GatewayEvent): void {
  if (event.type === "notCertified") say("gateway-not-certified", `no new certificate: ${event.why}`);
}

function onChange(lost: LinkError | undefined): void {
  if (lost) say("service-down", `the service is out of reach (${lost.message})`, lost.code);
  else say("service-up", "the service is back");
}

function say(event: Occurrence["event"], words: string, code?: string): void {
  const about = { process: process.pid, ...(code !== undefined && { code }) };
  report({ type: "said", occurrence: { event, words: `gateway ${process.pid}: ${words}`, ...about } });
}
