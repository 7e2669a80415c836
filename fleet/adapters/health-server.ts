/** `/livez`, `/readyz` and `/metrics` on a port of their own, for this machine: probes and Prometheus bring no token. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Readiness } from "../operations/readiness.js";

export interface HealthOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly ready: () => Readiness;
  /** In Prometheus' text format; of several registries, joined. Rejects when a process does not answer. */
  readonly metrics: () => Promise<string>;
}

export interface HealthServer {
  /** Without a path. */
  readonly url: string;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
/** A probe is one small request. */
const LIMITS = { maxHeaderSize: 8_192, requestTimeout: 5_000, headersTimeout: 5_000 };
const MAX_CONNECTIONS = 32;

/** @throws with `code` "EADDRINUSE" when the port is taken. */
export async function serveHealth({ port, ready, metrics }: HealthOptions): Promise<HealthServer> {
  const server = createServer(LIMITS, (request, response) => {
    if (request.method !== "GET") return answer(response, 405, "text/plain", "GET\n");
    switch (request.url) {
      case "/livez":
        return answer(response, 200, "text/plain", "ok\n");
      case "/readyz": {
        const found = ready();
        return answer(response, found.ready ? 200 : 503, "application/json", `${JSON.stringify(found)}\n`);
      }
      case "/metrics":
        metrics().then(
          (text) => answer(response, 200, METRICS_TYPE, text),
          () => answer(response, 503, "text/plain", "a process did not answer\n"),
        );
        return;
      default:
        answer(response, 404, "text/plain", "/livez, /readyz or /metrics\n");
    }
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, HOST);
  await once(server, "listening");
  const { port: given } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${given}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
}
