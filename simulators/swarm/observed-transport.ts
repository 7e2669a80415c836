/** `Transport` around the shipped one: tells what passes, and can let the connection drop. */
import type { Connection, Door, Transport, TransportEvents } from "../../device/ports.js";

export interface Observer {
  /** A connection through the front door is begun. */
  opening(): void;
  received(): void;
}

export class ObservedTransport implements Transport {
  readonly #inner: Transport;
  readonly #observer: Observer;
  #open: Connection | undefined;

  constructor(inner: Transport, observer: Observer) {
    this.#inner = inner;
    this.#observer = observer;
  }

  connect(fleetId: Uint8Array, door: Door, events: TransportEvents): Connection {
    const observer = this.#observer;
    if (door.name === "front") observer.opening();
    this.#open = this.#inner.connect(fleetId, door, {
      opened: () => events.opened(),
      serverRefused: (why) => events.serverRefused(why),
      received: (bytes) => {
        observer.received();
        events.received(bytes);
      },
      closed: () => {
        this.#open = undefined;
        events.closed();
      },
    });
    return this.#open;
  }

  /** As a network does that goes away: the device comes back when it wants to. */
  drop(): void {
    this.#open?.close();
  }
}
