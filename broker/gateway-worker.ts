/** One gateway process. Started by gateway-pool.ts, and ends with it. */
import { randomBytes } from "node:crypto";
import { nodeCrypto } from "../protocol/adapters/node-crypto.js";
import { AggregatorRegistry } from "prom-client";
import { systemClock } from "../protocol/adapters/system-clock.js";
import { RemoteLink } from "./adapters/remote-link.js";
import type { GatewayEvent } from "./events.js";
import { TASK_VARIABLE, type Task, type WorkerReport } from "./gateway-task.js";
import { startGateway } from "./main.js";

const parts = { clock: systemClock, crypto: nodeCrypto };

process.on("SIGINT", () => undefined); // Ctrl-C reaches every process of a terminal: the one above says when to end
try {
  const { link: path, ...where } = JSON.parse(process.env[TASK_VARIABLE] ?? "") as Task;
  const link = await RemoteLink.open({ path, ...parts, onChange: (lost) => say(wordsFor(lost)) });
  const entropy = (size: number) => new Uint8Array(randomBytes(size));
  const gateway = await startGateway({ link, ...parts, entropy, ...where, onEvent: tell });
  AggregatorRegistry.setRegistries(gateway.metrics);
  new AggregatorRegistry(); // which answers the one of the process above
  process.once("SIGTERM", () => {
    void gateway.close().then(() => {
      link.close();
      process.exit();
    });
  });
  report({ type: "serving", port: gateway.port });
} catch (error) {
  const { code = "failed", message } = error as NodeJS.ErrnoException;
  report({ type: "failed", code, text: message }, () => process.exit(1));
}

function report(message: WorkerReport, sent?: () => void): void {
  process.send?.(message, undefined, undefined, sent);
}

function tell(event: GatewayEvent): void {
  if (event.type === "notCertified") say(`${event.type}: ${event.why}`);
}

function wordsFor(lost: Error | undefined): string {
  return lost ? `the service is out of reach (${lost.message})` : "the service is back";
}

function say(text: string): void {
  process.stderr.write(`gateway ${process.pid}: ${text}\n`);
}
