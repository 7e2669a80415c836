/** What the composition root takes from this folder: a gateway in its own process, or processes of gateways. */
import type { MetricsServer } from "./adapters/metrics-server.js";
import type { GatewayPool, PoolOptions } from "./gateway-pool.js";
import type { Gateway, GatewayOptions } from "./main.js";

/** Where Prometheus may ask for what the gateways count; absent: nowhere. */
interface MetricsOptions {
  readonly metricsPort?: number | undefined;
}

/** `close` ends the metrics too. */
type WithMetrics<Started> = Pick<Started, Extract<keyof Started, "port" | "isServing" | "pids">> & {
  readonly metricsUrl?: string;
  /** The same, as text. */
  metrics(): Promise<string>;
  close(): Promise<void>;
};

/** See main.ts. Loaded only when it runs: other commands start without a broker. */
export async function startGateway({
  metricsPort,
  ...options
}: GatewayOptions & MetricsOptions): Promise<WithMetrics<Gateway>> {
  const gateway = await (await import("./main.js")).startGateway(options);
  const metrics = () => gateway.metrics.metrics();
  const { port } = gateway;
  const isServing = () => gateway.isServing();
  return { port, isServing, metrics, ...(await serving(gateway, metricsPort, metrics)) };
}

/** See gateway-pool.ts. */
export async function startGateways({
  metricsPort,
  ...options
}: PoolOptions & MetricsOptions): Promise<WithMetrics<GatewayPool>> {
  const pool = await (await import("./gateway-pool.js")).startGateways(options);
  const metrics = () => pool.metrics();
  return {
    port: pool.port,
    isServing: () => pool.isServing(),
    pids: () => pool.pids(),
    metrics,
    ...(await serving(pool, metricsPort, metrics)),
  };
}

async function serving(
  started: { close(): Promise<void> },
  port: number | undefined,
  text: () => Promise<string>,
): Promise<{ readonly metricsUrl?: string; close(): Promise<void> }> {
  if (port === undefined) return { close: () => started.close() };
  let server: MetricsServer;
  try {
    server = await (await import("./adapters/metrics-server.js")).serveMetrics(port, text);
  } catch (error) {
    await started.close();
    throw error;
  }
  const close = async () => {
    await server.close();
    await started.close();
  };
  return { metricsUrl: server.url, close };
}
