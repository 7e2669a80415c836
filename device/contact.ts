/** The way to the fleet: one connection or none, and when the next one is tried. */
import type { Timer } from "../protocol/clock.js";
import { attemptsThatCount, DEFAULT_BACKOFF, retryDelayMs } from "./backoff.js";
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
  /** So many connections in a row ended without a sync: to be remembered over a power cut. */
  trouble(attempts: number): void;
}

export class Contact {
  readonly #options: DeviceOptions;
  readonly #events: ContactEvents;
  #connection: Connection | undefined;
  /** Since the last sync: connections that ended, as far as they count, and those that were left. */
  #attempts: number;
  #returns = 0;
  /** What was told of `#attempts` last. */
  #told: number;
  /** Was there a sync on this connection, and is it left to come back at once? */
  #synced = false;
  #leaving = false;
  #retry: Timer | undefined;
  #stopped = false;

  /** @param attempts - as they were told before the last boot. */
  constructor(options: DeviceOptions, events: ContactEvents, attempts: number) {
    this.#options = options;
    this.#events = events;
    [this.#attempts, this.#told] = [attempts, attempts];
  }

  /**
   * The first attempt since the boot: at once, or after the pause that the power cut off, begun anew. A fleet
   * whose power comes back together does not come back together to gateways that it could not reach before.
   */
  begin(): void {
    if (this.#attempts === 0) this.#events.due();
    else this.#pause();
  }

  /** One attempt, unless there is one; what follows is decided when it ends. @throws DeviceError of the key store. */
  async open(state: DeviceState): Promise<void> {
    if (this.#stopped || this.#connection) return;
    const { keys, entropy, clock, transport } = this.#options;
    const door = await doorFor(state, keys, entropy, () => clock.nowMs());
    if (this.#stopped) return; // meanwhile: nobody would close the connection
    this.#synced = false;
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
    this.#leaving = this.#returns < QUICK_RETURNS;
    this.#connection?.close(); // and the next attempt would come later
    this.#leaving = false;
    if (this.#returns++ >= QUICK_RETURNS) return;
    this.#retry?.cancel();
    this.#events.due();
  }

  /** The device was heard and answered: the next trouble is a new one. */
  synced(): void {
    this.#synced = true;
    [this.#attempts, this.#returns] = [0, 0];
    this.#tell();
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
    const { backoff = DEFAULT_BACKOFF } = this.#options;
    this.#attempts = Math.min(this.#attempts + 1, attemptsThatCount(backoff));
    if (!this.#synced && !this.#leaving) this.#tell();
    this.#pause();
  }

  #pause(): void {
    const { backoff = DEFAULT_BACKOFF, clock, entropy } = this.#options;
    this.#retry?.cancel();
    const delayMs = retryDelayMs(backoff, this.#attempts - 1, entropy(4));
    this.#retry = clock.after(delayMs, () => this.#events.due());
  }

  /** Once for each number, so that a long absence does not wear the flash. */
  #tell(): void {
    if (this.#told === this.#attempts) return;
    this.#told = this.#attempts;
    this.#events.trouble(this.#attempts);
  }
}
