/** One process with everything in it. */
import { join } from "node:path";
import type { Program } from "../stories/device-process.js";
import type { FleetLayout, Reached } from "./fleet-layout.js";
import { killPart, startPart, stopPart } from "./fleet-part.js";
import type { Victim } from "./victim.js";

const SERVER = "server";

/** `daymark server run`, its gateway inside. */
export class EmbeddedLayout implements FleetLayout {
  readonly parts = [SERVER];
  readonly awaited = [];
  readonly logs: readonly string[];
  readonly #program: Program;
  readonly #data: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #mqttPort: number;
  #server: Victim | undefined;

  /** @param env - more of it, for the server. */
  constructor(program: Program, data: string, mqttPort: number, env: NodeJS.ProcessEnv = {}) {
    this.#program = program;
    this.#data = data;
    this.#mqttPort = mqttPort;
    this.#env = env;
    this.logs = [EmbeddedLayout.logIn(data)];
  }

  /** @param data - folder of the server. */
  static logIn(data: string): string {
    return join(data, "fleet", "log");
  }

  /** The one that runs. */
  get server(): Victim {
    if (!this.#server) throw new Error("the server does not run");
    return this.#server;
  }

  async start(): Promise<Reached> {
    const ports = ["--api-port", "0", "--mqtt-port", String(this.#mqttPort)];
    const command: Program = [...this.#program, "server", "run", "--data", this.#data, ...ports, "-j"];
    const { part, said } = await startPart<{ readonly api: string }>(SERVER, command, this.#env);
    this.#server = part;
    return { apis: [said.api], tokens: join(this.#data, "fleet", "tokens"), mqttPorts: [this.#mqttPort] };
  }

  async kill(): Promise<void> {
    const { server } = this;
    this.#server = undefined;
    await killPart(SERVER, server);
  }

  async stop(): Promise<readonly string[]> {
    const server = this.#server;
    this.#server = undefined;
    return server ? stopPart(SERVER, server) : [];
  }
}
