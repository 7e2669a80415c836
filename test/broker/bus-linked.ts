/** Several services of one fleet on a bus, each as far in the log as a test lets it be, and gateways that ask them. */
import { BusLink, type BusLinkOptions } from "../../broker/adapters/bus-link.js";
import { type BusServer, serveBus } from "../../fleet/link-bus.js";
import { linkSource, type LinkSource, type PlacedSource } from "../../fleet/link-feed.js";
import type { FleetChange, FleetLink, Standing } from "../../fleet/link.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Bus } from "../../protocol/bus.js";
import { toHex } from "../../protocol/bytes.js";
import type { Clock } from "../../protocol/clock.js";
import type { Ground } from "../contracts/bus-grounds.js";
import type { SmallFleet } from "../fleet/fixtures.js";

/** One decision; one that changes nothing for gateways has no number. */
export interface Decision {
  readonly number?: number;
  readonly standing?: Standing;
  readonly push?: Uint8Array;
}

/** The log of the services; who is not held takes a record as soon as it can. */
export class ScriptedLog {
  readonly decisions: Decision[] = [];
  readonly services = new Set<ScriptedService>();

  /** @returns its position. */
  append(decision: Decision, by?: ScriptedService): number {
    this.decisions.push(decision);
    by?.keepUp();
    setImmediate(() => this.services.forEach((service) => service.keepUp()));
    return this.decisions.length;
  }
}

/** A service that can do its share, unless a test says why not. */
class ScriptedAbility {
  why: string | undefined;
  readonly #listeners = new Set<() => void>();

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  is(why: string | undefined): void {
    this.why = why;
    for (const listener of this.#listeners) listener();
  }
}

export class ScriptedService implements PlacedSource {
  readonly link: FleetLink;
  readonly standings = new Map<number, Standing>();
  /** What it was asked by devices, oldest first: number and text. */
  readonly asked: string[] = [];
  readonly problems: string[] = [];
  reply: FleetLink["handle"] = async () => [];
  readonly ability = new ScriptedAbility();
  /** How many feeds were begun here. */
  snapshots = 0;
  bus!: Bus;
  server!: BusServer;
  readonly #log: ScriptedLog;
  readonly #inner: LinkSource;
  readonly #watchers = new Set<(change: FleetChange) => void>();
  readonly #followers = new Set<() => void>();
  #at = 0;
  #isHeld = false;
  #isDead = false;

  constructor({ service, door }: SmallFleet, log: ScriptedLog) {
    this.#log = log;
    this.#inner = linkSource(service, door);
    log.services.add(this);
    this.keepUp();
    this.link = {
      ...door,
      standing: (number) => this.standings.get(number),
      handle: (number, message) => {
        this.asked.push(`${number} ${Buffer.from(message).toString()}`);
        return this.reply(number, message);
      },
      watch: (listener) => {
        this.#watchers.add(listener);
        return () => this.#watchers.delete(listener);
      },
    };
  }

  numbers(): Iterable<number> {
    this.snapshots += 1;
    return this.standings.keys();
  }

  authority(version: number): Uint8Array | undefined {
    return this.#inner.authority(version);
  }

  position(): number {
    return this.#at;
  }

  onPosition(listener: () => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }

  /** It hears nothing of the log, until it is released. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.keepUp();
  }

  keepUp(): void {
    for (let next = this.#log.decisions[this.#at]; next; next = this.#log.decisions[this.#at]) {
      if (this.#isHeld || this.#isDead) return;
      this.#at += 1;
      const { number, standing, push } = next;
      if (number !== undefined && standing) this.standings.set(number, standing);
      if (number !== undefined && push) this.tell({ type: "push", number, document: push });
      if (number !== undefined && standing) this.tell({ type: "standing", number });
      for (const follower of this.#followers) follower();
    }
  }

  tell(change: FleetChange): void {
    for (const watcher of this.#watchers) watcher(change);
  }

  /** On a bus of its own. */
  async serve(bus: Bus, fleetId: string, clock: Clock = systemClock): Promise<this> {
    this.bus = bus;
    const mortal: Clock = {
      nowMs: () => clock.nowMs(),
      after: (delayMs, run) => clock.after(delayMs, () => this.#isDead || run()),
    };
    const report = (problem: string) => void this.problems.push(problem);
    const { ability } = this;
    this.server = serveBus({ source: this, bus, fleetId, clock: mortal, ability, report });
    await known(bus);
    return this;
  }

  /** As `kill -9`: it says nothing any more, and its connection ends. */
  async kill(): Promise<void> {
    this.#isDead = true;
    await this.bus.close();
  }

  /** As a server that is stopped. */
  async stop(): Promise<void> {
    if (this.#isDead) return;
    await this.server.close();
    await this.kill();
  }
}

let drawn = 0;

/** Resolves when all that `bus` listens to is known to those who carry. */
export async function known(bus: Bus): Promise<void> {
  const subject = `known.${++drawn}`;
  const end = bus.subscribe(subject, ({ respond }) => respond?.(new Uint8Array()));
  await bus.request(subject, new Uint8Array(), 20_000);
  end();
}

/** What a test has on the bus; all of it ends with `close`. */
export class BusRig {
  readonly fleetId: string;
  readonly log = new ScriptedLog();
  readonly services: ScriptedService[] = [];
  readonly links: BusLink[] = [];
  readonly #ground: Ground;
  readonly #fleet: SmallFleet;
  readonly #buses: Bus[] = [];
  readonly #observers: Bus[] = [];
  readonly #clock: Clock;

  constructor(ground: Ground, fleet: SmallFleet, clock: Clock = systemClock) {
    this.#ground = ground;
    this.#fleet = fleet;
    this.#clock = clock;
    this.fleetId = toHex(fleet.door.trust().fleetId);
  }

  async bus(): Promise<Bus> {
    const bus = await this.#ground.bus();
    this.#buses.push(bus);
    return bus;
  }

  /** Sizes of all that is sent on a subject. */
  async sizes(subject: string): Promise<readonly number[]> {
    const bus = await this.#ground.bus();
    this.#observers.push(bus);
    const sizes: number[] = [];
    bus.subscribe(subject, ({ payload }) => sizes.push(payload.length));
    await known(bus);
    return sizes;
  }

  /** @param unable - why it cannot do its share from the start. */
  async service(unable?: string): Promise<ScriptedService> {
    const service = new ScriptedService(this.#fleet, this.log);
    service.ability.is(unable);
    this.services.push(service);
    return service.serve(await this.bus(), this.fleetId, this.#clock);
  }

  /** What it was told: changes, and that the fleet was lost or is back. */
  async gateway(bus?: Bus) {
    const states: string[] = [];
    const onChange: BusLinkOptions["onChange"] = (lost) => void states.push(lost?.message ?? "back");
    const parts = { fleetId: this.fleetId, clock: this.#clock, crypto: nodeCrypto, onChange };
    const link = await BusLink.open({ bus: bus ?? (await this.bus()), ...parts });
    this.links.push(link);
    const told: FleetChange[] = [];
    link.watch((change) => told.push(change));
    return { link, told, states };
  }

  /** The service that tells the only gateway its news, and another. */
  feeding(): readonly [feeding: ScriptedService, other: ScriptedService] {
    const [a, b] = this.services;
    if (!a || !b || a.snapshots + b.snapshots !== 1) throw new Error("two services and one gateway");
    return a.snapshots === 1 ? [a, b] : [b, a];
  }

  async close(): Promise<void> {
    for (const bus of this.#observers) await bus.close(); // or a service that leaves would wait for their answer
    for (const link of this.links) link.close();
    for (const service of this.services) await service.stop();
    for (const bus of this.#buses) await bus.close();
  }
}
