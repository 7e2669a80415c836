/** A connection to NATS. With `nats-bus.ts` and the log on JetStream the only files that know the client library. */
import { readFile } from "node:fs/promises";
import { connect, credsAuthenticator, type NatsConnection } from "nats";
import { NodeTransport } from "nats/lib/src/node_transport.js";

export interface NatsOptions {
  /** `host:port`, or URLs; the client tries them in turn, and learns of others of the cluster. One `tls://`: all with TLS. */
  readonly servers: readonly string[];
  /** Shown by the server to its operator. */
  readonly name: string;
  /** Files in PEM; together they make mutual TLS. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** A file with a user's JWT and seed. */
  readonly credsFile?: string;
}

/** How long the first connection may take; after it the client reconnects for ever. */
const CONNECT_MS = 5_000;
const RECONNECT_MS = 500;
/** A server that leaves two of these unanswered is taken for gone: a network that swallows everything resets nothing. */
const PING_MS = 5_000;
const UNANSWERED_PINGS = 2;

// nats 2.29.3 leaves the socket of a dial open whose server takes it and says nothing: one more at each attempt, and the
// process cannot end.
// oxlint-disable-next-line typescript/unbound-method -- called with its transport below
const closeTransport = NodeTransport.prototype.close;
NodeTransport.prototype.close = function (this: NodeTransport, error?: Error) {
  if (!this.connected) (this.socket as NodeTransport["socket"] | undefined)?.destroy();
  return closeTransport.call(this, error);
};

/** @throws NatsError when no server lets it in; Error for a file that cannot be read. */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const { servers, name, caFile, certFile, keyFile, credsFile } = options;
  // What is asked for in any of these ways is demanded: the client by itself goes on in the clear where nobody offers it.
  const isAsked = servers.some((server) => server.startsWith("tls://"));
  const usesTls = isAsked || [caFile, certFile, keyFile].some((file) => file !== undefined);
  return connect({
    servers: [...servers],
    name,
    timeout: CONNECT_MS,
    reconnectTimeWait: RECONNECT_MS,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true, // a login that is refused today, while its configuration changes, is tried again
    noAsyncTraces: true, // else every request costs a stack trace
    pingInterval: PING_MS,
    maxPingOut: UNANSWERED_PINGS,
    ...(usesTls && {
      tls: {
        ...(caFile !== undefined && { caFile }),
        ...(certFile !== undefined && { certFile }),
        ...(keyFile !== undefined && { keyFile }),
      },
    }),
    ...(credsFile !== undefined && { authenticator: credsAuthenticator(await readFile(credsFile)) }),
  });
}
