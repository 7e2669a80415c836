/**
 * `Transport` over MQTT 3.1.1 and TLS 1.3 (mqtt.js). The server's certificate is checked by our own
 * verifier between the handshake and the first byte of MQTT; Node's opinion of it is not asked.
 */
import { connect as tlsConnect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { MqttClient } from "mqtt";
import { toHex } from "../../protocol/bytes.js";
import { type Topics, topicsOf } from "../../protocol/topics.js";
import type { Connection, Door, Transport, TransportEvents } from "../ports.js";

/** Names and numbers of the way to the gateway. */
export interface MqttTransportOptions {
  readonly host: string;
  readonly port: number;
}

const KEEPALIVE_SECONDS = 60;
/** TCP, TLS and MQTT login together. */
const CONNECT_MS = 20_000;
/** Certificates of the server's chain that are looked at. */
const MAX_CHAIN = 4;

export class MqttTransport implements Transport {
  readonly #options: MqttTransportOptions;

  constructor(options: MqttTransportOptions) {
    this.#options = options;
  }

  connect(fleetId: Uint8Array, door: Door, events: TransportEvents): Connection {
    return new MqttConnection(this.#options, topicsOf(toHex(fleetId)), door, events);
  }
}

class MqttConnection implements Connection {
  readonly #topics: Topics;
  readonly #door: Door;
  readonly #events: TransportEvents;
  readonly #socket: TLSSocket;
  #client: MqttClient | undefined;
  #closed = false;

  constructor({ host, port }: MqttTransportOptions, topics: Topics, door: Door, events: TransportEvents) {
    this.#topics = topics;
    this.#door = door;
    this.#events = events;
    const identity = door.name === "front" ? { cert: door.certificates, key: door.key } : {};
    this.#socket = tlsConnect({
      host,
      port,
      ...identity,
      minVersion: "TLSv1.3",
      rejectUnauthorized: false, // judged below, by the profiles and the device's own idea of time
      timeout: CONNECT_MS,
    });
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
    if (this.#door.name === "front") {
      const verdict = this.#door.verify(peerChain(this.#socket));
      if (verdict !== "trusted") {
        this.#events.serverRefused(verdict);
        return this.close();
      }
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
      client.subscribe(down, { qos: 1 }, (error) => error && this.#listenAsNobody(client));
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

function peerChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw && chain.length < MAX_CHAIN) {
    chain.push(new Uint8Array(certificate.raw));
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    certificate = issuer === certificate ? undefined : issuer;
  }
  return chain;
}
