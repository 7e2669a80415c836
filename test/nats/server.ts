/** The real nats-server with JetStream, on loopback and with a store of its own, to be killed, paused and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect, type NatsConnection, NatsError } from "nats";
import { freePort } from "../free-port.js";

/** How long a server, or a cluster, may take until it answers. */
const START_LIMIT_MS = 30_000;
/** How long one question may take, and how often it is asked again. */
const ANSWER_MS = 1_000;
const ASK_AGAIN_MS = 50;

export interface NatsServerOptions {
  /** More lines of its configuration file. */
  readonly config?: string;
  /** Largest message, bytes. */
  readonly maxPayload?: number;
}

export class NatsServer {
  readonly port: number;
  /** Where its streams lie; to be copied or exchanged while it is stopped. */
  readonly store: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  /** A server by itself. @throws Error when nats-server is not installed. */
  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const server = await NatsServer.prepare(await freePort(), options);
    await server.start();
    return server;
  }

  /** One that is not started yet. */
  static async prepare(port: number, { config = "", maxPayload }: NatsServerOptions): Promise<NatsServer> {
    const folder = await mkdtemp(join(tmpdir(), "daymark-nats-"));
    const server = new NatsServer(port, folder);
    const lines = [
      `listen: "127.0.0.1:${port}"`,
      `jetstream { store_dir: "${server.store}" }`,
      ...(maxPayload === undefined ? [] : [`max_payload: ${maxPayload}`]),
      config,
    ];
    await writeFile(server.#configuration, lines.join("\n"));
    return server;
  }

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    this.store = join(folder, "store");
  }

  get url(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** On the same port and store as before. Resolves when JetStream answers. */
  async start(): Promise<void> {
    this.launch();
    await this.ready();
  }

  /** Without waiting. */
  launch(): void {
    // The kernel ends it with us, however we end: see prctl(2), PR_SET_PDEATHSIG.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "nats-server", "-c", this.#configuration], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
    });
    this.#child = child;
  }

  /** Resolves when JetStream answers. */
  async ready(): Promise<void> {
    const child = this.#child!;
    const log: string[] = [];
    const failed = new Promise<never>((_, reject) => {
      child.once("error", (cause) => reject(new Error("setpriv (util-linux) did not start", { cause })));
      child.once("close", () =>
        reject(
          new Error(`nats-server ended (missing? run: bash test/setup.sh): ${log.slice(-5).join(" | ")}`),
        ),
      );
    });
    createInterface(child.stderr!).on("line", (line) => {
      log.push(line);
      if (log.length > 20) log.shift();
    });
    failed.catch(() => undefined);
    await Promise.race([failed, answers(this.url)]);
  }

  /** As an operator stops it. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** At once, as `kill -9`. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** It keeps its connections, and does nothing. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Ends it and removes all that it wrote. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #configuration(): string {
    return join(this.#folder, "nats.conf");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill(signal);
    await closed;
  }
}

/** Three servers that hold streams together. Resolves when they answer. */
export async function startCluster(): Promise<readonly NatsServer[]> {
  const ports = await Promise.all(Array.from({ length: 6 }, freePort));
  const routes = ports.slice(3).map((port) => `"nats://127.0.0.1:${port}"`);
  const servers = await Promise.all(
    routes.map((route, i) => {
      // Clients stay on the ways that they were given, which a test can cut.
      const cluster = `cluster { name: "test", no_advertise: true, listen: ${route.slice(0, 1)}${route.slice(8)}, routes: [${routes.join(", ")}] }`;
      return NatsServer.prepare(ports[i]!, { config: `server_name: "n${i + 1}"\n${cluster}` });
    }),
  );
  for (const server of servers) server.launch();
  await Promise.all(servers.map((server) => server.ready()));
  return servers;
}

/** Resolves when every server of a stream of three has all of it, so that one may be lost. */
export async function isEverywhere(nats: NatsConnection, stream: string): Promise<void> {
  await asking(async () => {
    const manager = await nats.jetstreamManager({ checkAPI: false, timeout: ANSWER_MS });
    const { cluster } = await manager.streams.info(stream);
    const others = cluster?.replicas?.filter(({ current, offline }) => current && !offline) ?? [];
    if (others.length !== 2) throw new NatsError("a server is behind", "BEHIND");
  });
}

/** Resolves when JetStream answers, in a cluster by its leader. */
function answers(url: string): Promise<void> {
  return asking(async () => {
    const nats = await connect({ servers: url, timeout: ANSWER_MS, reconnect: false });
    try {
      await (await nats.jetstreamManager({ timeout: ANSWER_MS })).getAccountInfo();
    } finally {
      await nats.close();
    }
  });
}

/** Until the answer is no NatsError. */
async function asking(ask: () => Promise<void>): Promise<void> {
  const limit = performance.now() + START_LIMIT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof NatsError) || performance.now() > limit) throw error;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}
