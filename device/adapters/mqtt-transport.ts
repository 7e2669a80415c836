/**
 * `Transport` over MQTT 3.1.1 and TLS 1.3 (mqtt.js). The server's certificate is checked by our own
 * verifier between the handshake and the first byte of MQTT; Node's opinion of it is not asked.
 */
import { connect as tlsConnect, type TLSSocket } from "node:tls";
import { MqttClient } from "mqtt";
import { toHex } from "../../protocol/bytes.js";
import { type Topics, topicsOf } from "../../protocol/topics.js";
import type { Connection, Door, Transport, TransportEvents } from "../ports.js";
import { NOBODY, type TlsAttempt, TlsSessions } from "./tls-sessions.js";

/** Names and numbers of the way to the gateway. */
export interface MqttTransportOptions {
  readonly host: string;
  readonly port: number;
  /** The address to come from, on a machine that has several; otherwise the system chooses. */
  readonly localAddress?: string;
}

const KEEPALIVE_SECONDS = 60;
/** TCP, TLS and MQTT login together. */
const CONNECT_MS = 20_000;

/** The way of one device: it keeps TLS sessions of the identity that it saw last. */
export class MqttTransport implements Transport {
  readonly #options: MqttTransportOptions;
  readonly #sessions = new TlsSessions();

  constructor(options: MqttTransportOptions) {
    this.#options = options;
  }

  connect(fleetId: Uint8Array, door: Door, events: TransportEvents): Connection {
    const tls = door.name === "front" ? this.#sessions.attempt(door) : undefined;
    return new MqttConnection(this.#options, topicsOf(toHex(fleetId)), door, tls, events);
  }
}

class MqttConnection implements Connection {
  readonly #topics: Topics;
  readonly #door: Door;
  /** Through the front door only: the lobby resumes nothing. */
  readonly #tls: TlsAttempt | undefined;
  readonly #events: TransportEvents;
  readonly #socket: TLSSocket;
  #client: MqttClient | undefined;
  #closed = false;

  constructor(
    { host, port, localAddress }: MqttTransportOptions,
    topics: Topics,
    door: Door,
    tls: TlsAttempt | undefined,
    events: TransportEvents,
  ) {
    this.#topics = topics;
    this.#door = door;
    this.#tls = tls;
    this.#events = events;
    this.#socket = tlsConnect({
      host,
      port,
      ...(localAddress !== undefined && { localAddress }),
      ...(tls?.entry ?? NOBODY),
      rejectUnauthorized: false, // judged below, by the profiles and the device's own idea of time
      timeout: CONNECT_MS,
    });
    this.#socket.setNoDelay(true); // a login is several small writes, and none must wait for an ACK
    this.#socket.once("connect", () => tls?.offered());
    this.#socket.once("secureConnect", () => this.#judge());
    this.#socket.once("timeout", () => this.#client?.connected || this.close());
    this.#socket.once("error", () => this.close());
    this.#socket.once("close", () => this.#end());
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
    this.#client?.end(true);
    this.#socket.destroy();
    this.#end();
  }

  #judge(): void {
    this.#socket.setTimeout(0);
    const verdict = this.#tls ? this.#tls.judge(this.#socket) : "trusted"; // what a lobby says proves itself
    if (verdict !== "trusted") {
      this.#events.serverRefused(verdict);
      return this.close();
    }
    this.#login();
  }

  #login(): void {
    const door = this.#door;
    const client = new MqttClient(() => this.#socket, {
      clientId: door.name === "front" ? String(door.number) : door.clientId,
      protocolVersion: 4,
      clean: true,
      keepalive: KEEPALIVE_SECONDS,
      reconnectPeriod: 0, // when to come back is the device's decision
      connectTimeout: CONNECT_MS,
      queueQoSZero: false,
      writeCache: false, // the cache of all packet ids: 14 MB in each process, and saves nothing measurable
    });
    this.#client = client;
    const down =
      door.name === "front" ? this.#topics.down(door.number) : this.#topics.lobbyDown(door.clientId);
    client.on("message", (_topic, payload) => {
      if (!this.#closed) this.#events.received(new Uint8Array(payload));
    });
    client.once("connect", () => {
      // `opened` before the gateway's first message: it sends its notice as soon as `down` is granted.
      if (!this.#closed) this.#events.opened();
      if (door.name === "front") client.subscribe(this.#topics.all, { qos: 1 }, () => undefined); // not for a pledge
      client.subscribe(down, { qos: 1 }, (error) => {
        if (error) this.#listenAsNobody(client);
        else this.#tls?.taken();
      });
    });
    client.on("error", () => this.close());
    client.on("close", () => this.close());
  }

  /** A gateway that knows the device for nobody grants it the topic of the lobby only, and says there why. */
  #listenAsNobody(client: MqttClient): void {
    if (this.#closed || this.#door.name !== "front") return this.close();
    const down = this.#topics.lobbyDown(String(this.#door.number));
    client.subscribe(down, { qos: 1 }, (error) => error && this.close());
  }

  async #publish(topic: string, payload: Uint8Array): Promise<void> {
    if (!this.#client || this.#closed) throw new Error("not connected");
    await this.#client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.closed();
  }
}
