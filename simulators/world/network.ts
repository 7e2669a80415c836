/** The network between devices and gateways: who reaches whom, how slowly, and what breaks. */
import type { Fortune, Luck } from "./random.js";
import type { Schedule } from "./schedule.js";
import type { Ears, End, Side } from "./packet.js";
import { Wire } from "./wire.js";

/** How the network is everywhere. */
export interface Weather {
  /** Least and most, of one way. */
  readonly latencyMs: readonly [number, number];
  /** Probability that a connection breaks when something is sent over it; who hears of it, is drawn. */
  readonly breaks: number;
}

export const FAIR_WEATHER: Weather = { latencyMs: [5, 120], breaks: 0 };

/** Nothing passes from any of these to any of those, and back unless it is one-way. */
export interface Cut {
  readonly from: ReadonlySet<string>;
  readonly to: ReadonlySet<string>;
  readonly oneWay: boolean;
}

/** Takes the gateway's end of a new connection, and says who listens there. */
export type Accept = (device: string, end: (ears: Ears) => End) => void;

interface Line {
  readonly device: string;
  readonly gateway: string;
  readonly wire: Wire;
}

export class Network {
  weather: Weather = FAIR_WEATHER;
  readonly #schedule: Schedule;
  readonly #fortune: Fortune;
  readonly #listening = new Map<string, Accept>();
  readonly #lines = new Set<Line>();
  readonly #cuts = new Set<Cut>();
  readonly #watchers = new Set<() => void>();

  constructor(schedule: Schedule, fortune: Fortune) {
    this.#schedule = schedule;
    this.#fortune = fortune;
  }

  listen(gateway: string, accept: Accept): void {
    this.#listening.set(gateway, accept);
  }

  /** Whoever tries to connect there is told at once that nobody listens. */
  deafen(gateway: string): void {
    this.#listening.delete(gateway);
  }

  /** A device connects. `closed` tells it at once when nobody listens there, and late when nothing passes. */
  dial(device: string, gateway: string, ears: Ears): End {
    const luck = this.#fortune.stream(`link/${device}/${gateway}`);
    const names = { device, gateway };
    const passes = (from: Side) =>
      from === "device" ? this.carries(device, gateway) : this.carries(gateway, device);
    const line: Line = {
      ...names,
      wire: new Wire({
        schedule: this.#schedule,
        luck,
        names,
        carries: passes,
        latencyMs: () => this.#latencyMs(luck),
        broken: () => this.#breaks(luck),
        over: () => this.#lines.delete(line),
      }),
    };
    this.#lines.add(line);
    this.#schedule.after(this.#latencyMs(luck), gateway, `is called by ${device}`, () => {
      if (!passes("device")) return line.wire.end("gateway", NOBODY).vanish();
      const accept = this.#listening.get(gateway);
      if (accept) accept(device, (hears) => line.wire.end("gateway", hears));
      else line.wire.break(["device", "gateway"]);
    });
    return line.wire.end("device", ears);
  }

  /** From now on nothing passes between these sets of nodes. */
  cut(from: Iterable<string>, to: Iterable<string>, oneWay = false): Cut {
    const cut = { from: new Set(from), to: new Set(to), oneWay };
    this.#cuts.add(cut);
    this.#changed();
    return cut;
  }

  /** @param cut - absent: all of them. */
  heal(cut?: Cut): void {
    if (cut) this.#cuts.delete(cut);
    else this.#cuts.clear();
    this.#changed();
  }

  /** Every connection of this node breaks. @param knows - the sides that hear so at once. */
  break(node: string, knows: readonly Side[]): void {
    for (const { device, gateway, wire } of this.#lines)
      if (device === node || gateway === node) wire.break(knows);
  }

  /** Called when other things are carried than before. @returns a call that ends it. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  carries(from: string, to: string): boolean {
    for (const cut of this.#cuts) {
      if (cut.from.has(from) && cut.to.has(to)) return false;
      if (!cut.oneWay && cut.from.has(to) && cut.to.has(from)) return false;
    }
    return true;
  }

  #changed(): void {
    for (const { wire } of this.#lines) wire.changed();
    for (const listener of this.#watchers) listener();
  }

  #latencyMs(luck: Luck): number {
    return luck.between(...this.weather.latencyMs);
  }

  /** Who hears at once that the connection breaks now; undefined: it does not. */
  #breaks(luck: Luck): readonly Side[] | undefined {
    if (this.weather.breaks === 0 || !luck.chance(this.weather.breaks)) return undefined;
    return luck.pick(WHO_HEARS);
  }
}

const NOBODY: Ears = { packet: () => undefined, closed: () => undefined };
const WHO_HEARS: readonly (readonly Side[])[] = [["device", "gateway"], ["device"], ["gateway"], []];
