/**
 * A device's `Transport` over the world's network: what MqttTransport is over TLS and MQTT. At the front door it
 * proves the key that it was given, and looks at the server's certificate before it says a word.
 */
import type { Connection, Door, Transport, TransportEvents } from "../../device/ports.js";
import { toHex } from "../../protocol/bytes.js";
import type { Clock, Timer } from "../../protocol/clock.js";
import { type Topics, topicsOf } from "../../protocol/topics.js";
import { holds, type Keyring } from "./keyring.js";
import type { Network } from "./network.js";
import type { End, Packet } from "./packet.js";

export interface WayOut {
  readonly network: Network;
  /** Name of this machine in the network. */
  readonly node: string;
  readonly clock: Clock;
  /** Name of the gateway of this fleet to try now; undefined: it knows none. */
  readonly gateway: (fleetId: Uint8Array) => string | undefined;
  readonly keyring: Keyring;
  /** Told of all that goes up, with its whole topic, and of all that comes down, before anybody looks at it. */
  readonly onSend: (topic: string, bytes: Uint8Array) => void;
  readonly onHear: (bytes: Uint8Array) => void;
}

/** Handshake and login together. */
const CONNECT_MS = 20_000;
/** A name at which nobody listens. */
const NOWHERE = "nowhere";

export class WorldTransport implements Transport {
  readonly #way: WayOut;
  #newest: WorldConnection | undefined;

  constructor(way: WayOut) {
    this.#way = way;
  }

  connect(fleetId: Uint8Array, door: Door, events: TransportEvents): Connection {
    const connection = new WorldConnection(this.#way, fleetId, door, events);
    this.#newest = connection;
    return connection;
  }

  /** The machine loses its power. */
  vanish(): void {
    this.#newest?.vanish();
  }
}

class WorldConnection implements Connection {
  readonly #way: WayOut;
  readonly #topics: Topics;
  readonly #door: Door;
  readonly #events: TransportEvents;
  readonly #end: End;
  readonly #patience: Timer;
  /** Messages that the gateway has not taken yet, by packet id. */
  readonly #untaken = new Map<number, { taken: () => void; lost: (error: Error) => void }>();
  #lastId = 0;
  #state: "connecting" | "open" | "closed" = "connecting";

  constructor(way: WayOut, fleetId: Uint8Array, door: Door, events: TransportEvents) {
    this.#way = way;
    this.#topics = topicsOf(toHex(fleetId));
    this.#door = door;
    this.#events = events;
    this.#patience = way.clock.after(CONNECT_MS, () => this.close());
    this.#end = way.network.dial(way.node, way.gateway(fleetId) ?? NOWHERE, {
      packet: (packet) => this.#hears(packet),
      closed: () => this.#closed(),
    });
  }

  send(bytes: Uint8Array): Promise<void> {
    const door = this.#door;
    return this.#publish(
      door.name === "front" ? this.#topics.up(door.number) : this.#topics.lobbyUp(door.clientId),
      bytes,
    );
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#door.name !== "front") throw new Error("nothing is published from the lobby");
    await this.#publish(this.#topics.app(this.#door.number) + topic, payload);
  }

  close(): void {
    this.#end.close();
    this.#closed();
  }

  vanish(): void {
    this.#patience.cancel();
    this.#state = "closed";
    this.#end.vanish();
  }

  #hears(packet: Packet): void {
    switch (packet.type) {
      case "server":
        return this.#judge(packet);
      case "welcome":
        this.#patience.cancel();
        this.#state = "open";
        return this.#events.opened();
      case "taken":
        this.#untaken.get(packet.id)?.taken();
        this.#untaken.delete(packet.id);
        return;
      case "down":
        this.#way.onHear(packet.payload);
        return this.#events.received(packet.payload);
    }
  }

  /** As TLS does: who cannot prove the key of the certificate that it shows is no server at all. */
  #judge({ chain, key }: Extract<Packet, { type: "server" }>): void {
    const [leaf] = chain;
    if (!leaf || !holds(key, leaf)) return this.close();
    const door = this.#door;
    const verdict = door.name === "front" ? door.verify(chain) : "trusted"; // what a lobby says proves itself
    if (verdict !== "trusted") {
      this.#events.serverRefused(verdict);
      return this.close();
    }
    if (door.name === "lobby") return this.#end.send({ type: "login", chain: [], clientId: door.clientId });
    const { keyring } = this.#way;
    const shown = { chain: keyring.chainOf(door.certificates), key: keyring.publicKeyOf(door.key) };
    this.#end.send({ type: "login", ...shown, clientId: String(door.number) });
  }

  #publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#state !== "open") return Promise.reject(new Error("not connected"));
    const id = ++this.#lastId;
    this.#way.onSend(topic, payload);
    this.#end.send({ type: "publish", id, topic, payload });
    return new Promise((taken, lost) => this.#untaken.set(id, { taken, lost }));
  }

  #closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#patience.cancel();
    for (const { lost } of this.#untaken.values()) lost(new Error("the connection went"));
    this.#untaken.clear();
    this.#events.closed();
  }
}
