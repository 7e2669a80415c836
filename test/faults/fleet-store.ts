/** `daymark server run` with its fleet as a `Store`, under load of operators, newborns and devices. */
import { freePort } from "../free-port.js";
import type { Program } from "../stories/device-process.js";
import type { Draw } from "../fuzz/draw.js";
import { EmbeddedLayout } from "./embedded-layout.js";
import { FleetLoad } from "./fleet-load.js";
import { LogWatch } from "./log-watch.js";
import type { Store, Writing } from "./power.js";
import { Sailors } from "./sailors.js";

export class FleetStore implements Store {
  readonly most = 40;
  readonly #program: Program;
  readonly #devices: number;
  readonly #mqttPort: number;
  #sailors: Sailors | undefined;
  #load: FleetLoad | undefined;

  private constructor(program: Program, devices: number, mqttPort: number) {
    this.#program = program;
    this.#devices = devices;
    this.#mqttPort = mqttPort;
  }

  /** @param devices - that sail all the time, also while the server is off. */
  static async with(program: Program, devices: number): Promise<FleetStore> {
    return new FleetStore(program, devices, await freePort());
  }

  async start(folder: string, draw: Draw): Promise<Writing> {
    const layout = new EmbeddedLayout(this.#program, folder, this.#mqttPort);
    const reached = await layout.start();
    this.#sailors ??= await Sailors.of(reached, this.#devices);
    const load = (this.#load ??= new FleetLoad(this.#sailors));
    const { rest, refused } = load.begin(reached, draw);
    const nobody = refused.then(() => {
      throw new Error(`the server answers nobody: ${layout.server.stderr}`);
    });
    nobody.catch(() => undefined); // also when it is cut off later
    return {
      acknowledged: load.told,
      more: (count) => Promise.race([load.hears(count), nobody]),
      freeze: () => layout.server.freeze(),
      async kill() {
        await layout.kill();
        await rest();
        await load.gather();
      },
    };
  }

  async stored(folder: string): Promise<ReadonlySet<string>> {
    const watch = new LogWatch(EmbeddedLayout.logIn(folder));
    await watch.read();
    if (watch.complaints.length > 0) throw new Error(watch.complaints.join("; "));
    return watch.facts;
  }

  /** The devices are switched off. */
  async close(): Promise<void> {
    await this.#sailors?.close();
  }
}
