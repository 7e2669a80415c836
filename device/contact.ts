/** The way to the fleet: one connection or none, and when the next one is tried. */
import type { Timer } from "../protocol/clock.js";
import { DEFAULT_BACKOFF, retryDelayMs } from "./backoff.js";
import { doorFor } from "./doors.js";
import { DeviceError } from "./errors.js";
import type { DeviceOptions } from "./main.js";
import type { Connection, Door, TransportEvents } from "./ports.js";
import type { DeviceState } from "./state.js";

/**
 * A device that leaves to come back with another identity, or through another door, does so at once this
 * often before a sync; then it waits as after any other end. To the lobby, as a pledge and back are three.
 */
const QUICK_RETURNS = 4;

export interface ContactEvents extends Omit<TransportEvents, "opened"> {
  opened(door: Door["name"]): void;
  /** It is time for a new attempt: `open` is to be called. */
  due(): void;
}

export class Contact {
  readonly #options: DeviceOptions;
  readonly #events: ContactEvents;
  #connection: Connection | undefined;
  /** Since the last sync: connections that ended, and those that were left. */
  #attempt = 0;
  #returns = 0;
  #retry: Timer | undefined;
  #stopped = false;

  constructor(options: DeviceOptions, events: ContactEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** One attempt, unless there is one; what follows is decided when it ends. @throws DeviceError of the key store. */
  async open(state: DeviceState): Promise<void> {
    if (this.#stopped || this.#connection) return;
    const { keys, entropy, clock, transport } = this.#options;
    const door = await doorFor(state, keys, entropy, () => clock.nowMs());
    this.#connection = transport.connect(state.record.fleetId, door, {
      ...this.#events,
      opened: () => this.#events.opened(door.name),
      closed: () => this.#closed(),
    });
  }

  /** Not waited for: an answer may come before the acknowledgement, and what is lost is asked for again. */
  send(bytes: Uint8Array): void {
    this.#connection?.send(bytes).catch(() => undefined);
  }

  /** @throws when the gateway did not take it. */
  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (!this.#connection) throw new DeviceError("stopped", "the connection went");
    await this.#connection.publish(topic, payload);
  }

  /** Ends the connection, to come back with what the state names now. */
  leave(): void {
    this.#connection?.close(); // and the next attempt would come later
    if (this.#returns++ >= QUICK_RETURNS) return;
    this.#retry?.cancel();
    this.#events.due();
  }

  /** The device was heard and answered: the next trouble is a new one. */
  synced(): void {
    [this.#attempt, this.#returns] = [0, 0];
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#connection?.close();
  }

  #closed(): void {
    if (!this.#connection) return;
    this.#connection = undefined;
    this.#events.closed();
    if (this.#stopped) return;
    const { backoff = DEFAULT_BACKOFF, clock, entropy } = this.#options;
    this.#retry?.cancel();
    const delayMs = retryDelayMs(backoff, this.#attempt++, entropy(4));
    this.#retry = clock.after(delayMs, () => this.#events.due());
  }
}
