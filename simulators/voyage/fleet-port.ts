/** What the voyage needs of a fleet. The composition root starts the embedded one and hands it in. */
import type { Clock } from "../../protocol/clock.js";
import type { PublicKey } from "../../protocol/crypto.js";
import type { Level } from "../../protocol/level.js";

/** One line of the event log, as far as the voyage reads it. */
interface LoggedEvent {
  readonly type: string;
  /** Unix seconds, by the fleet's clock. */
  readonly at: number;
  readonly number?: number;
  readonly level?: Level;
  /** In receipts: what the device signed that it holds. */
  readonly held?: { readonly level: Level };
  readonly via?: string;
  /** The envelope or certificate that states the event. */
  readonly signed?: string;
}

export interface VoyageFleet {
  readonly id: string;
  readonly host: string;
  readonly mqttPort: number;
  readonly apiUrl: string;
  /** What was appended to the event log since the fleet was started, oldest first. */
  events(): readonly LoggedEvent[];
  levelOf(number: number): Level | undefined;
  /** The station of the factory: one message in, its answer out. */
  station(message: Uint8Array): Promise<Uint8Array>;
  /** A certificate for an independent listener on the bus; DER, leaf first. */
  certifyObserver(key: PublicKey): Promise<readonly Uint8Array[]>;
  /** One operator raises. */
  hold(numbers: readonly number[], level: Level, reason: string): Promise<void>;
  /** One operator asks, a second one approves. */
  release(numbers: readonly number[], reason: string): Promise<void>;
  close(): Promise<void>;
}

interface FleetStart {
  readonly folder: string;
  readonly clock: Clock;
  readonly name: string;
}

export type StartFleet = (start: FleetStart) => Promise<VoyageFleet>;
