/** A worker from its parent's side: forked, asked, ended. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Counts, NO_COUNTS } from "./counts.js";
import { SwarmError } from "./errors.js";
import type { FromWorker, Order, Orders } from "./messages.js";

const WORKER = import.meta.resolve("./worker.js");

interface Asked {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, Asked>();
  readonly #ready: Promise<number | undefined>;
  #counts: Counts = NO_COUNTS;
  #serial = 0;
  #ending = false;
  /** Rejects when the process ends before it was told to; never resolves. */
  readonly died: Promise<never>;

  constructor() {
    // "advanced": Infinity, and what is not there, arrive as they are.
    this.#child = fork(fileURLToPath(WORKER), { serialization: "advanced" });
    let ready: (openFiles: number | undefined) => void = () => undefined;
    this.#ready = new Promise((resolve) => (ready = resolve));
    this.#child.on("message", (message: FromWorker) => {
      if (message.type === "ready") ready(message.openFiles);
      else this.#heard(message);
    });
    this.died = new Promise((_, reject) => {
      this.#child.once("exit", (code, signal) => {
        if (this.#ending) return;
        const error = new SwarmError(
          "worker-died",
          `a process of devices ended (${signal ?? `code ${code}`}); ${ADVICE}`,
        );
        for (const { reject: refuse } of this.#asked.values()) refuse(error);
        reject(error);
      });
    });
    this.died.catch(() => undefined); // who runs the swarm waits for it
  }

  /** As it last told. */
  get counts(): Counts {
    return this.#counts;
  }

  /** Open files that it may have. @throws SwarmError "worker-died" */
  async openFiles(): Promise<number | undefined> {
    return Promise.race([this.#ready, this.died]);
  }

  /** @throws SwarmError "worker-died" */
  ask<K extends keyof Orders>(type: K, order: Parameters<Orders[K]>[0]): Promise<ReturnType<Orders[K]>> {
    const id = this.#serial++;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#child.send({ id, type, order } satisfies Order<K>, (error) => error && reject(error));
    });
  }

  /** Ends the process. */
  async end(): Promise<void> {
    this.#ending = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.disconnect();
    await exit;
  }

  #heard(message: Exclude<FromWorker, { type: "ready" }>): void {
    if (message.type === "counts") {
      this.#counts = message.counts;
      return;
    }
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (message.type === "answer") asked?.resolve(message.value as never);
    else asked?.reject(new SwarmError("worker-died", `a process of devices could not go on: ${message.why}`));
  }
}

const ADVICE = "if memory ran out, use fewer devices or more --workers";
