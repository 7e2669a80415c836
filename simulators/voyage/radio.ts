/** A radio that can be switched off: `Transport` around another one, for devices that go dark. */
import type { Connection, Door, Transport, TransportEvents } from "../../device/ports.js";

export class Radio implements Transport {
  readonly #inner: Transport;
  readonly #open = new Set<Connection>();
  #on = true;

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  /** Off: what is open ends, and nothing opens. */
  switch(on: boolean): void {
    this.#on = on;
    if (!on) for (const connection of this.#open) connection.close();
  }

  connect(fleetId: Uint8Array, door: Door, events: TransportEvents): Connection {
    if (!this.#on) return noConnection(events);
    const connection = this.#inner.connect(fleetId, door, {
      ...events,
      closed: () => {
        this.#open.delete(connection);
        events.closed();
      },
    });
    this.#open.add(connection);
    return connection;
  }
}

function noConnection(events: TransportEvents): Connection {
  queueMicrotask(() => events.closed());
  const dark = () => Promise.reject(new Error("the radio is off"));
  return { send: dark, publish: dark, close: () => undefined };
}
