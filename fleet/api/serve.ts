/** The API on a socket of this machine. It speaks plain HTTP, so it takes no address that others can reach. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { FleetError } from "../errors.js";
import type { ApiEnv } from "./auth.js";

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Connections at one time; event streams and requests together. */
const MAX_CONNECTIONS = 256;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** @param port - 0: any that is free. @throws FleetError "bad-request" for an address that is not loopback, "conflict" for a port in use. */
export async function serveHttp(app: Hono<ApiEnv>, host: string, port: number): Promise<HttpServer> {
  if (!LOOPBACK.test(host)) {
    throw new FleetError(
      "bad-request",
      `the API listens on loopback only, not on ${host}: put a proxy with TLS in front of 127.0.0.1`,
    );
  }
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === "EADDRINUSE";
    const why = taken ? "is in use; choose another, or 0 for any that is free" : "cannot be opened";
    throw new FleetError(taken ? "conflict" : "storage-failed", `port ${port} ${why}`, { cause });
  }
  const address = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${address.port}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections(); // event streams would never end by themselves
      await closed;
    },
  };
}
