/** A fleet in pieces: nats-server, two workers with a copy of the log each, two gateways. */
import { freePort } from "../free-port.js";
import { NatsServer } from "../nats/server.js";
import type { Program } from "../stories/device-process.js";
import type { FleetLayout, Reached } from "./fleet-layout.js";
import { GATEWAYS, Pieces, WORKERS } from "./pieces.js";

const NATS = "nats-server";

export class SplitLayout implements FleetLayout {
  readonly parts = [NATS, ...WORKERS, ...GATEWAYS];
  readonly awaited = [NATS];
  readonly logs: readonly string[];
  readonly #nats: NatsServer;
  readonly #pieces: Pieces;
  #natsRuns = false;

  private constructor(nats: NatsServer, pieces: Pieces) {
    this.#nats = nats;
    this.#pieces = pieces;
    this.logs = pieces.logs;
  }

  /** @param data - folder for what all parts keep. */
  static async on(program: Program, data: string): Promise<SplitLayout> {
    const nats = await NatsServer.prepare(await freePort(), {});
    return new SplitLayout(nats, await Pieces.in(program, data, { nats: () => nats.url, replicas: 1 }));
  }

  async start(): Promise<Reached> {
    if (!this.#natsRuns) await this.#nats.start();
    this.#natsRuns = true;
    const { reached, fence } = await this.#pieces.start();
    if (fence !== undefined) throw new Error(`nobody signs: ${fence}`);
    return reached;
  }

  kill(name: string): Promise<void> {
    if (name !== NATS) return this.#pieces.kill(name);
    this.#natsRuns = false;
    return this.#nats.kill();
  }

  async stop(): Promise<readonly string[]> {
    const complaints = await this.#pieces.stop();
    await this.#nats.remove();
    return complaints;
  }
}
