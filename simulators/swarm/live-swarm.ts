/** A swarm that runs: its workers as one, in the words of a scenario. */
import { type Counts, sumOfCounts } from "./counts.js";
import type { SwarmFleet } from "./fleet-port.js";
import type { Written } from "./identity.js";
import type { Dealt, Orders } from "./messages.js";
import { MemoryPeaks } from "./processes.js";
import type { Measured, Swarm } from "./scenario.js";
import { deal, sourceOf, spread, type SwarmSettings } from "./settings.js";
import type { Sighting } from "./sighting.js";
import { machineMs } from "./time.js";
import { Timing } from "./timings.js";
import type { WorkerProcess } from "./worker-process.js";

/** Lines in one message to a worker, or from it: about a megabyte. */
const LINES_AT_ONCE = 100;
const LOOK_MS = 50;
/** Longest wait for what must happen to all devices; then the claim about it is false. */
const PATIENCE_MS = 60_000;
const PATIENCE_MS_PER_DEVICE = 40;

export class LiveSwarm implements Swarm {
  readonly fleet: SwarmFleet;
  readonly picked: readonly number[];
  readonly numbers: readonly number[];
  readonly say: (phase: string) => void;
  readonly #settings: SwarmSettings;
  readonly #workers: readonly WorkerProcess[];
  readonly #peaks = new MemoryPeaks();
  #isGivenUp = false;

  private constructor(
    fleet: SwarmFleet,
    settings: SwarmSettings,
    workers: readonly WorkerProcess[],
    numbers: readonly number[],
    say: (phase: string) => void,
  ) {
    this.fleet = fleet;
    this.#settings = settings;
    this.#workers = workers;
    this.numbers = numbers;
    this.picked = spread(numbers, settings.picked);
    this.say = say;
  }

  /** Deals the devices out. */
  static async deal(
    fleet: SwarmFleet,
    settings: SwarmSettings,
    workers: readonly WorkerProcess[],
    devices: readonly Written[],
    say: (phase: string) => void,
  ): Promise<LiveSwarm> {
    const dealt = ({ line }: Written, place: number): Dealt => {
      const localAddress = sourceOf(place, settings);
      const way = { host: fleet.host, port: fleet.port, ...(localAddress !== undefined && { localAddress }) };
      return { line, way };
    };
    const hands = deal(devices, settings);
    await Promise.all(
      workers.map(async (worker, i) => {
        const hand = (hands[i] ?? []).map(dealt);
        for (let at = 0; at < hand.length; at += LINES_AT_ONCE)
          await worker.ask("take", { members: hand.slice(at, at + LINES_AT_ONCE) });
      }),
    );
    const numbers = devices.map(({ number }) => number);
    return new LiveSwarm(fleet, settings, workers, numbers, say);
  }

  /** Switches all of them on. @returns false when some have no lease in the time that they are given. */
  async start(): Promise<boolean> {
    await this.#askAll("start", { perSecond: this.#settings.perSecond / this.#workers.length });
    const arrivalMs = (this.numbers.length / this.#settings.perSecond) * 1_000;
    return this.#until(({ leased }) => leased === this.numbers.length, arrivalMs);
  }

  get counts(): Counts {
    return sumOfCounts(this.#workers.map(({ counts }) => counts));
  }

  async mark(): Promise<void> {
    await this.#askAll("mark", {});
  }

  async publish(numbers: readonly number[], text: string): Promise<void> {
    await this.#askAll("publish", { numbers, text });
  }

  async reconnect(numbers: readonly number[]): Promise<void> {
    await this.#askAll("reconnect", { numbers });
  }

  until(enough: (counts: Counts) => boolean): Promise<boolean> {
    return this.#until(enough, 0);
  }

  async sightings(): Promise<readonly Sighting[]> {
    return (await this.#askAll("sightings", {})).flat();
  }

  memory(): ReadonlyMap<number, number> {
    return this.#peaks.get();
  }

  /** To be called now and then: a process that was killed cannot be asked any more. */
  async lookAtMemory(): Promise<void> {
    await this.#peaks.look([this.fleet.serverPid, ...(await this.fleet.gatewayPids())]);
  }

  async measured(): Promise<Measured> {
    const [lease, publish] = [new Timing(), new Timing()];
    const all = await this.#askAll("timings", {});
    for (const timings of all) {
      lease.add(timings.lease);
      publish.add(timings.publish);
    }
    const lateMs = Math.max(...all.map((timings) => timings.lateMs));
    return { lease, publish, lateMs };
  }

  /** Switches all of them off. */
  async close(): Promise<void> {
    await this.#askAll("close", {});
  }

  /** Nothing is waited for any more. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** What they hold now, for a batch: all that were switched on and are not revoked. */
  async write(): Promise<readonly Written[]> {
    const written: Written[] = [];
    for (const worker of this.#workers) {
      for (let from = 0; from < worker.counts.started; from += LINES_AT_ONCE)
        written.push(...(await worker.ask("write", { from, count: LINES_AT_ONCE })));
    }
    return written;
  }

  /** Each answer of a worker brings its counts along: none of them is older than the last order. */
  async #until(enough: (counts: Counts) => boolean, moreMs: number): Promise<boolean> {
    const deadlineMs = machineMs() + PATIENCE_MS + this.numbers.length * PATIENCE_MS_PER_DEVICE + moreMs;
    while (!enough(this.counts)) {
      if (machineMs() > deadlineMs || this.#isGivenUp) return false;
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    return true;
  }

  #askAll<K extends keyof Orders>(type: K, order: Parameters<Orders[K]>[0]) {
    return Promise.all(this.#workers.map((worker) => worker.ask(type, order)));
  }
}
