/** Serves what the gateways count, for Prometheus, to this machine only. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const HOST = "127.0.0.1";
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
/** A scrape is one small request. */
const LIMITS = { maxHeaderSize: 8_192, requestTimeout: 5_000, headersTimeout: 5_000 };

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** @param port - 0: any free one. @throws with `code` "EADDRINUSE" when it is taken. */
export async function serveMetrics(port: number, metrics: () => Promise<string>): Promise<MetricsServer> {
  const server = createServer(LIMITS, (request, response) => {
    const isAsked = request.method === "GET" && request.url === "/metrics";
    if (!isAsked) return void response.writeHead(404).end("GET /metrics\n");
    metrics().then(
      (text) => response.writeHead(200, { "content-type": CONTENT_TYPE }).end(text),
      () => response.writeHead(503).end("the gateway processes did not answer\n"),
    );
  });
  server.listen(port, HOST);
  await once(server, "listening");
  const { port: given } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${given}/metrics`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
