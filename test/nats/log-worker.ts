/** One worker's log on a stream, with a connection and a copy of its own, that can go away and come back. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection } from "nats";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import type { LogRecord } from "../../fleet/ports.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Clock } from "../../protocol/clock.js";
import { everything, Recorder } from "../contracts/event-log-reader.js";

export const STREAM = "daymark-test";

export interface LogWorkerOptions {
  readonly replicas?: number;
  readonly acceptLogLoss?: boolean;
  readonly clock?: Clock;
  /** 16 hex digits. */
  readonly worker?: string;
}

export class LogWorker {
  nats!: NatsConnection;
  log!: JetStreamEventLog;
  /** Follows the log from the end of the copy as it was opened. */
  follower!: Recorder;
  readonly #servers: readonly string[];
  readonly #folder: string;
  readonly #options: LogWorkerOptions;

  static async start(servers: readonly string[], options: LogWorkerOptions = {}): Promise<LogWorker> {
    const worker = new LogWorker(servers, await mkdtemp(join(tmpdir(), "daymark-worker-")), options);
    await worker.open();
    return worker;
  }

  private constructor(servers: readonly string[], folder: string, options: LogWorkerOptions) {
    this.#servers = servers;
    this.#folder = folder;
    this.#options = options;
  }

  /** On the copy that it has. */
  async open(): Promise<void> {
    this.nats = await connect({
      servers: [...this.#servers],
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      timeout: 1_000,
      pingInterval: 500, // a server that is cut off is left after two without an answer
      ignoreClusterUpdates: true, // only by the ways that the test can cut
    });
    const copy = LmdbEventLog.open(this.#folder);
    try {
      this.log = await JetStreamEventLog.open({
        nats: this.nats,
        stream: STREAM,
        copy,
        worker: "0123456789abcdef",
        clock: systemClock,
        acceptLogLoss: true,
        replicas: 1,
        ...this.#options,
      });
    } catch (error) {
      await copy.close();
      await this.nats.close();
      throw error;
    }
    this.follower = new Recorder();
    this.log.follow(0, this.follower);
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.nats.close();
  }

  /** What its copy has, also when no log is open on it. */
  async copied(): Promise<LogRecord[]> {
    const copy = LmdbEventLog.open(this.#folder);
    const records = await everything(copy);
    await copy.close();
    return records;
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
