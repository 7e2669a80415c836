/**
 * A fleet in pieces on three NATS servers that keep its log together. Every piece has ways of its own to each of them,
 * which can be cut.
 */
import type { Program } from "../stories/device-process.js";
import { Cluster } from "../nats/cluster.js";
import type { EnduringLayout, Mended, Reached } from "./fleet-layout.js";
import { GATEWAYS, Pieces, WORKERS } from "./pieces.js";
import { recoverFleet } from "./recovery.js";

/** Of the log: what `--stream` is by default. */
const STREAM = "daymark-log";
const PIECES = [...WORKERS, ...GATEWAYS];
const FROM_LEADER = " cut off from the leader";
const FROM_ALL = " cut off from all servers";

export class ClusterLayout implements EnduringLayout {
  readonly parts: readonly string[];
  readonly awaited = [];
  readonly cuts = PIECES.flatMap((piece) => [piece + FROM_LEADER, piece + FROM_ALL]);
  readonly logs: readonly string[];
  readonly #program: Program;
  readonly #cluster: Cluster;
  readonly #pieces: Pieces;
  /** Why nobody signs, as it was found at the last start. */
  #fence: string | undefined;

  private constructor(program: Program, cluster: Cluster, pieces: Pieces) {
    this.#program = program;
    this.#cluster = cluster;
    this.#pieces = pieces;
    this.parts = [...cluster.names, ...PIECES];
    this.logs = pieces.logs;
  }

  /** The servers run. @param data - folder for what all pieces keep. */
  static async on(program: Program, data: string): Promise<ClusterLayout> {
    const cluster = await Cluster.start(PIECES);
    const nats = (piece: string) => cluster.waysOf(piece).join(",");
    return new ClusterLayout(program, cluster, await Pieces.in(program, data, { nats, replicas: 3 }));
  }

  /** Resolves when every server has the whole log, so that one may be killed, and all pieces serve or one is fenced. */
  async start(): Promise<Reached> {
    await this.heal();
    const { reached, fence } = await this.#pieces.start();
    await this.#cluster.whole(STREAM);
    this.#fence = fence;
    return reached;
  }

  kill(name: string): Promise<void> {
    return this.#cluster.names.includes(name) ? this.#cluster.kill(name) : this.#pieces.kill(name);
  }

  async cut(name: string): Promise<void> {
    if (name.endsWith(FROM_ALL)) return this.#cluster.cut(name.slice(0, -FROM_ALL.length));
    const leader = await this.#cluster.leaderOf(STREAM);
    this.#cluster.cut(name.slice(0, -FROM_LEADER.length), leader);
  }

  heal(): Promise<void> {
    return this.#cluster.heal();
  }

  async mend(holdsAll: (i: number) => Promise<boolean>): Promise<Mended | undefined> {
    const fence = this.#fence;
    if (fence === undefined) return undefined;
    const complaints = await this.#pieces.stop();
    const folders = WORKERS.map((_, i) => this.#pieces.dataOf(i));
    const recovered = await recoverFleet(this.#program, this.#cluster.urls, folders, holdsAll);
    for (const i of recovered.forgotten) await this.#pieces.forget(i);
    return { fence, ...recovered, complaints };
  }

  async stop(): Promise<readonly string[]> {
    const complaints = await this.#pieces.stop();
    await this.#cluster.close();
    return complaints;
  }
}
