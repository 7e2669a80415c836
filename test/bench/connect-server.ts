/**
 * One server of the connect bench, in a process of its own: takes its kind as its argument, tells its parent
 * the port, and ends with it.
 */
import { constants, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type TlsOptions } from "node:tls";
import { Aedes } from "aedes";
import { startGateway } from "../../broker/main.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { ScriptedLink, WORKING } from "../broker/scripted-link.js";
import { clientCas, numbers, serverPass, trust } from "./connect-crowd.js";

/** What a Node server needs to know a peer by its certificate; OpenSSL verifies the chain. */
const MUTUAL_TLS = {
  minVersion: "TLSv1.3",
  requestCert: true,
  rejectUnauthorized: true,
} satisfies TlsOptions;
const NO_TICKETS = { secureOptions: constants.SSL_OP_NO_TICKET };

/** Above what these clients do: what is measured is what a connect costs, not when it is put off. */
const LIMITS = {
  handshakes: { perSecond: 100_000, burst: 100_000 },
  perAddress: { perSecond: 10_000, burst: 10_000 },
};

const KINDS = {
  node: () => echo({}),
  "node-no-tickets": () => echo(NO_TICKETS),
  aedes: () => bareAedes({}),
  "aedes-no-tickets": () => bareAedes(NO_TICKETS),
  gateway: gateway,
} as const;
export type NodeServerKind = keyof typeof KINDS;

/** TLS alone: what it is sent goes back. */
async function echo(options: TlsOptions): Promise<number> {
  const server = createServer({ ...MUTUAL_TLS, ...serverPass(), ca: clientCas, ...options });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => undefined); // peers go without a word
    socket.on("data", (bytes) => socket.write(bytes));
  });
  return listen(server);
}

/** aedes as it comes, on the same TLS. */
async function bareAedes(options: TlsOptions): Promise<number> {
  const broker = new Aedes();
  await broker.listen();
  const server = createServer({ ...MUTUAL_TLS, ...serverPass(), ca: clientCas, ...options });
  server.on("secureConnection", (socket) => broker.handle(socket));
  return listen(server);
}

/** Ours, over a link that knows every device as working. */
async function gateway(): Promise<number> {
  const link = new ScriptedLink();
  link.newAuthority(trust);
  for (const number of numbers) link.standings.set(number, WORKING);
  const entropy = (size: number) => new Uint8Array(randomBytes(size));
  const parts = { link, clock: systemClock, crypto: nodeCrypto, entropy, limits: LIMITS };
  const { port } = await startGateway({ ...parts, port: 0 });
  return port;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

process.once("disconnect", () => process.exit(0));
const port = await KINDS[process.argv[2] as NodeServerKind]();
process.send?.(port);
