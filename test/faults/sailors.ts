/** Devices of a swarm, played in this process: the load that a fleet has, and what each of them was given. */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { openRecord } from "../../device/held.js";
import type { DeviceRecord } from "../../device/record.js";
import { heldVector } from "../../device/state.js";
import type { LogRecord, Position } from "../../fleet/ports.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { NO_VERSION } from "../../protocol/version.js";
import { giveBirth } from "../../simulators/swarm/births.js";
import { Crew } from "../../simulators/swarm/crew.js";
import { readIdentity } from "../../simulators/swarm/identity.js";
import { type Draw, pick } from "../fuzz/draw.js";
import { type Kept, Witness } from "../stories/kept.js";
import { factsHeldBy } from "./facts.js";
import type { Reached } from "./fleet-layout.js";

/** Gateways bound the connections of one address: from so many they come. */
const ADDRESSES = 4;
/** So many lose their connection or speak, then a pause of at most so long. */
const [LOST_AT_ONCE, SPEAK_AT_ONCE, PAUSE_MS] = [8, 16, 60];
/** The longest that a device pauses after failures is 20 s (SWARM_BACKOFF); twice that, and its turn. */
const PATIENCE_MS = 90_000;
const LOOK_MS = 50;

export class Sailors {
  readonly numbers: readonly number[];
  readonly #crew: Crew;
  readonly #witnesses: ReadonlyMap<number, Witness>;
  /** Of the newest record that they heard of. */
  #heard: Position = 0;

  private constructor(crew: Crew, numbers: readonly number[]) {
    this.#crew = crew;
    this.numbers = numbers;
    this.#witnesses = new Map(numbers.map((number) => [number, new Witness(number)]));
  }

  /** Born, enrolled and leased. */
  static async of({ apis: [api = ""], tokens, mqttPorts }: Reached, count: number): Promise<Sailors> {
    const station = { url: api, tokenFile: join(tokens, "admin") };
    const written = await giveBirth(count, { station }, () => undefined);
    const crew = new Crew();
    for (const [i, { line }] of written.entries())
      await crew.add(line, {
        host: "127.0.0.1",
        port: mqttPorts[i % mqttPorts.length] ?? 0,
        localAddress: `127.0.0.${2 + (i % ADDRESSES)}`,
      });
    const sailors = new Sailors(
      crew,
      written.map(({ number }) => number),
    );
    crew.start(Infinity);
    await sailors.#until(() => crew.counts().leased === count, "every device has its first lease");
    return sailors;
  }

  /** Connections are lost and come back, messages are sent. */
  async work(draw: Draw, isOver: () => boolean): Promise<void> {
    const some = (count: number) => Array.from({ length: count }, () => pick(draw, this.numbers));
    while (!isOver()) {
      this.#crew.reconnect(some(LOST_AT_ONCE));
      this.#crew.publish(some(SPEAK_AT_ONCE), "all well");
      await setTimeout(draw(PAUSE_MS));
    }
  }

  /** Of the fleet's log, in order; from several copies of it, whichever has the record first. */
  hear({ position, events }: LogRecord): void {
    if (position <= this.#heard) return;
    this.#heard = position;
    for (const event of events) if ("number" in event) this.#witnesses.get(event.number)?.hear(event);
  }

  /**
   * What each has stored. The log is read before this, for what they have told the fleet until now; and after it,
   * for what they were told: they sail on meanwhile, where the fleet does. Then it is judged.
   * @returns the facts that it was told, and what judges its state by the log.
   */
  async stored(): Promise<{ readonly facts: readonly string[]; readonly judge: () => readonly string[] }> {
    for (const witness of this.#witnesses.values()) witness.settle();
    const written = await this.#crew.write(0, this.numbers.length);
    const records = await Promise.all(written.map(({ line }) => recordIn(line)));
    return {
      facts: records.flatMap((record) => factsHeldBy(record, nodeCrypto)),
      judge: () => [...records.flatMap((record) => this.#judged(record)), ...this.#failed()],
    };
  }

  /** All are back; they lose their connection once more, and are leased again. @throws when some are not. */
  async comeBack(): Promise<void> {
    const { length } = this.numbers;
    await this.#until(() => this.#crew.counts().connected === length, "every device is connected");
    this.#crew.mark();
    this.#crew.reconnect(this.numbers);
    await this.#until(() => this.#crew.counts().leasedAgain === length, "every device is leased again");
  }

  close(): Promise<void> {
    return this.#crew.close();
  }

  #judged(record: DeviceRecord): readonly string[] {
    const complaints = this.#witnesses.get(record.number)?.look(keptIn(record)) ?? [];
    return complaints.map((complaint) => `device ${record.number}: ${complaint}`);
  }

  #failed(): readonly string[] {
    const failed = this.#crew.sightings().filter((seen) => seen.failed !== undefined);
    return failed.map(({ number, failed: why }) => `device ${number} stopped: ${why}`);
  }

  /** @throws with `what` and how far it came. */
  async #until(condition: () => boolean, what: string): Promise<void> {
    for (let waited = 0; !condition(); waited += LOOK_MS) {
      if (waited > PATIENCE_MS)
        throw new Error(`it never came about that ${what}: ${JSON.stringify(this.#crew.counts())}`);
      await setTimeout(LOOK_MS);
    }
  }
}

async function recordIn(line: string): Promise<DeviceRecord> {
  const { store } = await readIdentity(line);
  const stored = await store.load();
  if (!stored) throw new Error("a line of a swarm holds a device");
  return stored.record;
}

function keptIn(record: DeviceRecord): Kept {
  const held = openRecord(record, nodeCrypto);
  const { freed } = held;
  return {
    holds: heldVector({ held, record }),
    freed: { version: freed?.value.version ?? NO_VERSION, level: freed?.value.level ?? "none" },
    signedSeconds: record.signedSeconds,
    doubt: record.alarms[0]?.kind ?? "none",
  };
}
