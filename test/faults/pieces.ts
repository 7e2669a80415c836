/** What of a fleet in pieces is Daymark's: two workers with a copy of the log each, and two gateways. */
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { freePort } from "../free-port.js";
import type { Program } from "../stories/device-process.js";
import { signal } from "../stories/gateway-processes.js";
import type { Reached } from "./fleet-layout.js";
import { killPart, startPart, stopPart } from "./fleet-part.js";
import type { Victim } from "./victim.js";

export const WORKERS = ["worker 1", "worker 2"] as const;
export const GATEWAYS = ["gateway 1", "gateway 2"] as const;

/** How they reach NATS, and what log they make there. */
interface PiecesOptions {
  /** Value of `--nats` for each part. */
  readonly nats: (part: string) => string;
  readonly replicas: number;
}

interface Started {
  readonly reached: Reached;
  /** Why a worker signs nothing; then gateways may be missing. */
  readonly fence: string | undefined;
}

/** What all workers of a fleet share. */
const SHARED = ["keys", "tokens"];
/** A part that was started, or found its way back to NATS, is ready by then. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 50;

interface Running {
  readonly part: Victim;
  /** Of its probes. */
  readonly health: string;
  /** Of a worker's API. */
  readonly api: string;
  /** Of a gateway: the processes that serve. */
  readonly pids: readonly number[];
  /** Of a worker: the fleet's id. */
  readonly id: string;
}
type Said = Partial<Pick<Running, "health" | "api" | "pids" | "id">>;
/** What `/readyz` tells of each check. */
interface Told {
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly why?: string }[];
}

export class Pieces {
  /** Folders of the workers' copies of the log. */
  readonly logs: readonly string[];
  readonly #program: Program;
  readonly #data: string;
  readonly #options: PiecesOptions;
  readonly #mqttPorts: readonly number[];
  readonly #running = new Map<string, Running>();

  private constructor(program: Program, data: string, options: PiecesOptions, mqttPorts: readonly number[]) {
    this.#program = program;
    this.#data = data;
    this.#options = options;
    this.#mqttPorts = mqttPorts;
    this.logs = WORKERS.map((worker) => join(this.#folder(worker), "log"));
  }

  /** None runs. @param data - folder for what all parts keep. */
  static async in(program: Program, data: string, options: PiecesOptions): Promise<Pieces> {
    return new Pieces(program, data, options, [await freePort(), await freePort()]);
  }

  /**
   * Each that does not run. Resolves when all serve, or one is fenced.
   * @throws Error with what one says of itself that is not ready.
   */
  async start(): Promise<Started> {
    for (const worker of WORKERS) await this.#startWorker(worker);
    const fence = (await this.#fence()) ?? (await this.#startGateways());
    const reached = {
      apis: WORKERS.map((worker) => this.#get(worker).api),
      tokens: join(this.#folder(WORKERS[0]), "tokens"),
      mqttPorts: this.#mqttPorts,
    };
    return { reached, fence };
  }

  /** `kill -9`. @throws Error when it had ended by itself. */
  async kill(name: string): Promise<void> {
    const { part, pids } = this.#get(name);
    this.#running.delete(name);
    for (const pid of pids) signal(pid, "SIGKILL");
    await killPart(name, part);
  }

  /** As a service manager does. @returns what did not end well. */
  async stop(): Promise<readonly string[]> {
    const complaints: string[] = [];
    for (const [name, { part }] of [...this.#running].reverse())
      complaints.push(...(await stopPart(name, part)));
    this.#running.clear();
    return complaints;
  }

  /** Data folder of the i-th worker. */
  dataOf(i: number): string {
    return join(this.#data, WORKERS[i] ?? "");
  }

  /** The i-th worker begins anew, with a copy of nothing and another id. It does not run. */
  async forget(i: number): Promise<void> {
    for (const own of ["log", "worker.json"])
      await rm(join(this.dataOf(i), "fleet", own), { recursive: true, force: true });
  }

  /** Why a worker signs nothing; undefined when all are ready. */
  async #fence(): Promise<string | undefined> {
    for (const worker of WORKERS) {
      const fence = await untilReady(worker, this.#get(worker));
      if (fence !== undefined) return `${worker}: ${fence}`;
    }
    return undefined;
  }

  /** @returns as `#fence`: a gateway needs a service that answers when it starts. */
  async #startGateways(): Promise<string | undefined> {
    const { id } = this.#get(WORKERS[0]);
    try {
      for (const [i, gateway] of GATEWAYS.entries()) {
        const port = String(this.#mqttPorts[i]);
        await this.#start(gateway, ["gateway", "run", "--mqtt-port", port, "--fleet", id]);
      }
      for (const gateway of GATEWAYS) await untilReady(gateway, this.#get(gateway));
    } catch (error) {
      const fence = await this.#fence();
      if (fence === undefined) throw error;
      return fence;
    }
    return undefined;
  }

  async #startWorker(name: string): Promise<void> {
    const [first] = WORKERS;
    const folder = this.#folder(name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // As docs/backup.md has it: the folder of the first one, without its copy and its id.
    const isThere = { recursive: true, force: false };
    if (name !== first)
      for (const shared of SHARED) await cp(join(this.#folder(first), shared), join(folder, shared), isThere);
    const data = ["--data", join(this.#data, name), "--api-port", "0"];
    const log = ["--replicas", String(this.#options.replicas), "--accept-log-loss"];
    await this.#start(name, ["server", "run", ...data, ...log]);
  }

  /** Unless it runs. */
  async #start(name: string, args: readonly string[]): Promise<void> {
    if (this.#running.has(name)) return;
    const also = ["--nats", this.#options.nats(name), "--health-port", "0", "-j"];
    const { part, said } = await startPart<Said>(name, [...this.#program, ...args, ...also]);
    const { health = "", api = "", pids = [], id = "" } = said;
    this.#running.set(name, { part, health, api, pids, id });
  }

  #get(name: string): Running {
    const running = this.#running.get(name);
    if (!running) throw new Error(`${name} does not run`);
    return running;
  }

  #folder(worker: string): string {
    return join(this.#data, worker, "fleet");
  }
}

/** @returns why it is fenced. @throws Error with what it says of itself. */
async function untilReady(name: string, { health, part }: Running): Promise<string | undefined> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const answer = await fetch(new URL("/readyz", health)).catch(() => undefined);
    if (answer?.ok) return undefined;
    const text = (await answer?.text()) ?? "";
    const fence = fenceIn(text);
    if (fence !== undefined) return fence;
    if (waited > PATIENCE_MS || part.hasEnded)
      throw new Error(`${name} is not ready: ${text} ${part.stderr}`);
    await setTimeout(LOOK_MS);
  }
}

function fenceIn(told: string): string | undefined {
  if (told === "") return undefined;
  const { checks } = JSON.parse(told) as Told;
  return checks.find(({ name, ok }) => name === "fence" && !ok)?.why;
}
