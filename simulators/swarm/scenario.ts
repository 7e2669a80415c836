/** What a scenario is: what it does with a swarm, and what it claims of the outcome. */
import type { Claim } from "../voyage/claims.js";
import type { Counts } from "./counts.js";
import type { SwarmFleet } from "./fleet-port.js";
import type { Sighting } from "./sighting.js";
import type { Percentiles, Timing } from "./timings.js";

export interface Scenario {
  readonly name: string;
  /** One line of help. */
  readonly brief: string;
  readonly devices: number;
  /** How many of them it picks by default; 0: it picks none. */
  readonly picked: number;
  /** They are played by a process of their own: see `SwarmSettings.apart`. */
  readonly apart: boolean;
  /** @throws SwarmError when it cannot be played at all; a claim that does not hold is in the outcome. */
  play(swarm: Swarm): Promise<Outcome>;
}

interface Outcome {
  readonly claims: readonly Claim[];
  readonly timings: readonly Timed[];
}

/** Times of a group of devices, in milliseconds. */
export interface Timed {
  readonly what: string;
  readonly times: Percentiles;
}

/** What is measured all along, whatever the scenario. */
export interface Measured {
  /** From the first byte of a connection to the first lease that came over it. */
  readonly lease: Timing;
  /** From handing a message over until it was acknowledged. */
  readonly publish: Timing;
  /** The most that the event loop of any worker was late since the mark, milliseconds. */
  readonly lateMs: number;
}

export interface Swarm {
  readonly fleet: SwarmFleet;
  /** Of all devices; they are switched on and leased, as far as they got. */
  readonly numbers: readonly number[];
  /** Those that this run picks. */
  readonly picked: readonly number[];
  /** From now on `sightings` and `until` count anew. */
  mark(): Promise<void>;
  /** Each of them hands one message over for sending. */
  publish(numbers: readonly number[], text: string): Promise<void>;
  /** Each of them loses its connection, and comes back when it wants to. */
  reconnect(numbers: readonly number[]): Promise<void>;
  /** False when it does not come about in the time that so many devices are given. */
  until(enough: (counts: Counts) => boolean): Promise<boolean>;
  sightings(): Promise<readonly Sighting[]>;
  /** So far. */
  measured(): Promise<Measured>;
  /** Largest resident memory so far, bytes by process id; empty where the machine does not tell. */
  memory(): ReadonlyMap<number, number>;
  /** What begins now, in a few words. */
  say(phase: string): void;
}
