/** Three nats-servers that hold streams together, any of which may be killed, and ways to them that may be cut. */
import { connect, type NatsConnection } from "nats";
import { Proxy } from "./proxy.js";
import { isEverywhere, type NatsServer, startCluster } from "./server.js";

/** How long one question may take. */
const ANSWER_MS = 2_000;

export class Cluster {
  /** Of the servers. */
  readonly names: readonly string[];
  readonly #servers: readonly NatsServer[];
  /** To each server, in order, for each who comes. */
  readonly #ways: ReadonlyMap<string, readonly Proxy[]>;
  readonly #nats: NatsConnection;
  readonly #killed = new Set<NatsServer>();

  private constructor(
    servers: readonly NatsServer[],
    ways: ReadonlyMap<string, readonly Proxy[]>,
    nats: NatsConnection,
  ) {
    this.names = servers.map((_, i) => `nats-server ${i + 1}`);
    this.#servers = servers;
    this.#ways = ways;
    this.#nats = nats;
  }

  /** @param guests - names of those who get ways of their own. */
  static async start(guests: readonly string[]): Promise<Cluster> {
    const servers = await startCluster();
    const ways = new Map<string, readonly Proxy[]>();
    for (const guest of guests)
      ways.set(guest, await Promise.all(servers.map(({ port }) => Proxy.start(port))));
    const urls = servers.map(({ url }) => url);
    const nats = await connect({ servers: urls, timeout: ANSWER_MS, maxReconnectAttempts: -1 });
    return new Cluster(servers, ways, nats);
  }

  /** Past all proxies. */
  get urls(): readonly string[] {
    return this.#servers.map(({ url }) => url);
  }

  waysOf(guest: string): readonly string[] {
    return this.#proxies(guest).map(({ url }) => url);
  }

  /** At once, as `kill -9`. */
  kill(name: string): Promise<void> {
    const server = this.#servers[this.names.indexOf(name)];
    if (!server) throw new Error(`there is no ${name}`);
    this.#killed.add(server);
    return server.kill();
  }

  /** @param server - by its place; undefined: all of them. */
  cut(guest: string, server?: number): void {
    for (const [i, proxy] of this.#proxies(guest).entries())
      if (server === undefined || server === i) proxy.cut();
  }

  /** Starts those that were killed, and joins what was cut. */
  async heal(): Promise<void> {
    for (const proxies of this.#ways.values()) for (const proxy of proxies) proxy.heal();
    for (const server of this.#killed) await server.start();
    this.#killed.clear();
  }

  /** The place of the server that orders the records of a stream. @throws NatsError when there is none. */
  async leaderOf(stream: string): Promise<number> {
    const manager = await this.#nats.jetstreamManager({ checkAPI: false, timeout: ANSWER_MS });
    const { cluster } = await manager.streams.info(stream);
    return Number(cluster?.leader?.slice(1)) - 1; // n1, n2, n3
  }

  /** Resolves when every server has all of a stream. @throws NatsError when they do not come to it. */
  whole(stream: string): Promise<void> {
    return isEverywhere(this.#nats, stream);
  }

  async close(): Promise<void> {
    await this.#nats.close();
    for (const proxies of this.#ways.values()) for (const proxy of proxies) await proxy.close();
    for (const server of this.#servers) await server.remove();
  }

  #proxies(guest: string): readonly Proxy[] {
    return this.#ways.get(guest) ?? [];
  }
}
