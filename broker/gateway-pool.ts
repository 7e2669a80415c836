/**
 * Gateways that are processes of their own and share one port: starts them, starts another in place of one that
 * died, and ends them. They share the listening socket (node:cluster without a scheduler of its own: the kernel
 * gives each connection to one of them), and nothing else.
 */
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { extname, join } from "node:path";
import { AggregatorRegistry } from "prom-client";
import { systemClock } from "../protocol/adapters/system-clock.js";
import type { Timer } from "../protocol/clock.js";
import {
  type Occurrence,
  restartPause,
  TASK_VARIABLE,
  type Task,
  type WorkerReport,
} from "./gateway-task.js";

export interface PoolOptions extends Task {
  /** 1 or more. Each holds up to 16,000 devices. */
  readonly processes: number;
  readonly report: (occurrence: Occurrence) => void;
}

export interface GatewayPool {
  readonly port: number;
  /** Whether one of the processes serves now. */
  isServing(): boolean;
  /** Of the processes that serve now. */
  pids(): readonly number[];
  /** What all of them count together, as Prometheus reads it. Rejects when one does not answer. */
  metrics(): Promise<string>;
  /** Asks each process to end, and resolves when all have. */
  close(): Promise<void>;
}

/** A process that was asked to end and does not is killed after this. */
const END_GRACE_MS = 10_000;

/** Why no gateway serves: `code` is that of a LinkError ("link-down") or of the system ("EADDRINUSE"). */
class PoolError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "PoolError";
    this.code = code;
  }
}

/** Resolves once all of them serve. @throws PoolError when one of them cannot; then none is left. */
export async function startGateways(options: PoolOptions): Promise<GatewayPool> {
  const pool = new Pool(options);
  try {
    await pool.start();
  } catch (error) {
    await pool.close();
    throw error;
  }
  return pool;
}

class Pool implements GatewayPool {
  readonly #options: PoolOptions;
  readonly #workers = new Set<Worker>();
  readonly #serving = new Set<Worker>();
  readonly #restarts = new Set<Timer>();
  readonly #registry = new AggregatorRegistry();
  #port = 0;
  #askedPort: number;
  #pauseMs = 0;
  #isStarted = false;
  #isClosing = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#askedPort = options.port;
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    // Beside this file, built or not.
    const exec = join(import.meta.dirname, `gateway-worker${extname(import.meta.filename)}`);
    cluster.setupPrimary({ exec, args: [] });
  }

  get port(): number {
    return this.#port;
  }

  isServing(): boolean {
    return this.#serving.size > 0;
  }

  pids(): readonly number[] {
    return [...this.#serving].flatMap(({ process }) => process.pid ?? []);
  }

  metrics(): Promise<string> {
    return this.#registry.clusterMetrics();
  }

  async start(): Promise<void> {
    const { processes } = this.#options;
    await Promise.all(Array.from({ length: processes }, () => this.#fork()));
    this.#isStarted = true;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const restart of this.#restarts) restart.cancel();
    await Promise.all([...this.#workers].map(ended));
  }

  /** Resolves when the new process serves. */
  #fork(): Promise<void> {
    const { processes: _, report, ...task } = this.#options;
    // "Any free port" is the one socket that all share, until none is left who holds it; then it is that port.
    if (this.#workers.size === 0 && this.#port !== 0) this.#askedPort = this.#port;
    const asked: Task = { ...task, port: this.#askedPort };
    const startedMs = systemClock.nowMs();
    const worker = cluster.fork({ [TASK_VARIABLE]: JSON.stringify(asked) });
    this.#workers.add(worker);
    return new Promise<void>((resolve, reject) => {
      const { pid } = worker.process;
      const gone = (event: Occurrence["event"], how: string): void => {
        this.#workers.delete(worker);
        this.#serving.delete(worker);
        reject(new PoolError("ended", how));
        if (!this.#isStarted || this.#isClosing) return;
        this.#pauseMs = restartPause(this.#pauseMs, systemClock.nowMs() - startedMs);
        const words = `${how}; another starts in ${this.#pauseMs} ms`;
        report({ event, words, ...(pid !== undefined && { process: pid }) });
        this.#forkAfter(this.#pauseMs);
      };
      worker.once("exit", (code: number | null, signal: string | null) =>
        gone("gateway-ended", `gateway process ${pid} ended (${signal ?? `exit code ${code}`})`),
      );
      worker.on("error", ({ message }) => {
        if (pid === undefined) gone("gateway-not-started", `a gateway process did not start: ${message}`);
      });
      worker.on("message", (message: WorkerReport) => {
        if (message.type === "said") return report(message.occurrence);
        if (message.type !== "serving" && message.type !== "failed") return; // prom-client's own
        if (message.type === "failed") return reject(new PoolError(message.code, message.text));
        if (this.#port !== 0 && message.port !== this.#port) return void worker.process.kill(); // its socket was closed just then
        this.#port = message.port;
        this.#serving.add(worker);
        resolve();
      });
    });
  }

  #forkAfter(pauseMs: number): void {
    const restart = systemClock.after(pauseMs, () => {
      this.#restarts.delete(restart);
      // One that does not come to serve ends, and its end starts the next.
      this.#fork().catch(({ code, message }: PoolError) => {
        if (code === "ended") return;
        this.#options.report({
          event: "gateway-cannot-serve",
          words: `a gateway cannot serve: ${message}`,
          code,
        });
      });
    });
    this.#restarts.add(restart);
  }
}

/** Asks a process to end. Resolves when it has. */
async function ended(worker: Worker): Promise<void> {
  if (worker.isDead()) return;
  const exit = once(worker, "exit");
  worker.process.kill("SIGTERM");
  const grace = systemClock.after(END_GRACE_MS, () => worker.process.kill("SIGKILL"));
  await exit;
  grace.cancel();
}
