/**
 * The bare echo of the sync bench: aedes as it comes, on mutual TLS, in a process of its own. Who listens to the topic
 * that it publishes to gets its message back.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { Aedes } from "aedes";
import { clientCas, serverPass } from "./connect-crowd.js";
import { obey } from "./sync-processes.js";

const broker = new Aedes();
await broker.listen();
const server = createServer(
  {
    ...serverPass(),
    ca: clientCas,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: true,
    noDelay: true, // acknowledgement and message are two small writes: Nagle would hold the second one back
  },
  (socket) => broker.handle(socket),
);
server.listen(0, "127.0.0.1");
await once(server, "listening");

const orders = { port: () => (server.address() as AddressInfo).port } as const;
export type BrokerOrders = typeof orders;

obey(orders, async () => server.close());
