/** A gateway on a free port with a clock that jumps, and real MQTT clients to try it with. */
import { randomBytes } from "node:crypto";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from "mqtt";
import { startGateway, type Gateway, type GatewayOptions } from "../../broker/main.js";
import type { GatewayEvent } from "../../broker/events.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { concatBytes, equalBytes, toHex, utf8 } from "../../protocol/bytes.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, frameType } from "../../protocol/frame.js";
import { ErrorReply, RoleNotice } from "../../protocol/notice.js";
import { message } from "../../protocol/schema.js";
import { topicsOf } from "../../protocol/topics.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import { NOW, testKey, type Member } from "../x509/helpers.js";
import { fleet, ScriptedLink, WORKING } from "./scripted-link.js";

/** The device of most tests, and another. */
export const DEVICE = 4711;
export const OTHER = 4712;
export const topics = topicsOf(toHex(fleet.fleetId));

/** Everything here answers within milliseconds; what takes longer never comes. */
const PATIENCE_MS = Number(process.env["DAYMARK_TEST_PATIENCE_MS"] ?? 30_000);

/** What a peer shows in its handshake. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

export function identity(label: string, ...chain: readonly Member[]): Identity {
  const key = privateKeyObject(testKey("ES256", `fleet ${label}`, nodeCrypto));
  return {
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: certificatesToPem(...chain.map(({ certificate }) => certificate)),
  };
}

const other = fleet.member("4712", { profile: "ldevid", ...fleet.holder(OTHER, 1) }, fleet.deviceCa);
export const LDEVID = identity("4711", fleet.ldevid, fleet.deviceCa);
export const OTHER_LDEVID = identity("4712", other);
export const IDEVID = identity("camera", fleet.idevid, fleet.station);
export const SERVICE = identity("observer", fleet.service);

export class Stage {
  readonly link = new ScriptedLink();
  readonly clock = new JumpClock(NOW * 1000 - systemClock.nowMs());
  readonly events: GatewayEvent[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #clients: MqttClient[] = [];
  #gateway: Gateway | undefined;

  static async open(options: Partial<GatewayOptions> = {}): Promise<Stage> {
    const stage = new Stage();
    stage.link.standings.set(DEVICE, WORKING).set(OTHER, WORKING);
    stage.#gateway = await startGateway({
      link: stage.link,
      clock: stage.clock,
      crypto: nodeCrypto,
      entropy: (size) => new Uint8Array(randomBytes(size)),
      port: 0,
      onEvent: (event) => {
        stage.events.push(event);
        for (const check of stage.#watchers) check();
      },
      ...options,
    });
    return stage;
  }

  get gateway(): Gateway {
    if (!this.#gateway) throw new Error("the stage is not open");
    return this.#gateway;
  }

  /** Resolves with the first event, past ones included, that matches. */
  async event(wanted: Readonly<Record<string, unknown>>): Promise<GatewayEvent> {
    const matches = (event: GatewayEvent) =>
      Object.entries(wanted).every(([name, value]) => event[name as keyof GatewayEvent] === value);
    return until(`event ${JSON.stringify(wanted)}`, this.#watchers, () => this.events.find(matches));
  }

  /** Resolves when the CONNECT is accepted. Rejects with `code`, MQTT's return code, when it is refused. */
  async connect(clientId: string, shown: Partial<Identity> = {}, more: IClientOptions = {}): Promise<Peer> {
    const client = mqtt.connect(`mqtts://127.0.0.1:${this.gateway.port}`, {
      clientId,
      protocolVersion: 4,
      rejectUnauthorized: false, // what the gateway shows is checked in gateway-tls.test.ts
      reconnectPeriod: 0,
      ...shown,
      ...more,
    });
    this.#clients.push(client);
    const peer = new Peer(client);
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("error", reject);
      client.once("close", () => reject(new Error("closed")));
    });
    return peer;
  }

  /** A device that listens on `down`, and so has been told its role. */
  async device(number = DEVICE, shown = LDEVID): Promise<Peer> {
    const peer = await this.connect(String(number), shown);
    await peer.subscribe(topics.down(number));
    await peer.notice();
    return peer;
  }

  /** A connection that speaks no MQTT of its own. */
  async raw(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({ port: this.gateway.port, rejectUnauthorized: false, ...options });
    socket.on("error", () => undefined); // a reset is how some of these end
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    return socket;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
    await this.#gateway?.close();
  }
}

interface Received {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
}

export class Peer {
  readonly client: MqttClient;
  readonly received: Received[] = [];
  /** MQTT packets that came, by their names. */
  readonly packets: string[] = [];
  closed = false;
  readonly #watchers = new Set<() => void>();
  #noticesRead = 0;

  constructor(client: MqttClient) {
    this.client = client;
    const check = () => this.#watchers.forEach((watcher) => watcher());
    client.setMaxListeners(0); // one for each publish under way
    client.on("error", () => undefined);
    client.on("packetreceive", ({ cmd }) => this.packets.push(cmd));
    client.on("message", (topic, payload, { retain }: IPublishPacket) => {
      this.received.push({ topic, payload: new Uint8Array(payload), retain });
      check();
    });
    client.on("close", () => {
      this.closed = true;
      check();
    });
  }

  /** @returns the granted QoS; 128 when refused. */
  async subscribe(filter: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      this.client.subscribe(filter, { qos: 1 }, (_error, _granted, packet) => {
        resolve(packet?.granted[0] as number | undefined);
      });
    });
  }

  /** Resolves with the PUBACK, or rejects when the connection ends first. */
  async publish(topic: string, payload: Uint8Array | string = "23.5"): Promise<void> {
    const bytes = typeof payload === "string" ? payload : Buffer.from(payload);
    await new Promise<void>((resolve, reject) => {
      const closed = () => reject(new Error("closed before the PUBACK"));
      this.client.once("close", closed);
      this.client.publish(topic, bytes, { qos: 1 }, (error) => {
        this.client.off("close", closed);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** The next role notice. */
  async notice(): Promise<RoleNotice> {
    const frame = await until(
      "role notice",
      this.#watchers,
      () => this.#frames(RoleNotice.type)[this.#noticesRead],
    );
    this.#noticesRead += 1;
    return decodeFrame(RoleNotice, frame);
  }

  async error(): Promise<ErrorReply> {
    const frame = await until("error reply", this.#watchers, () => this.#frames(ErrorReply.type)[0]);
    return decodeFrame(ErrorReply, frame);
  }

  async message(payload: Uint8Array): Promise<Received> {
    return until("message", this.#watchers, () =>
      this.received.find((one) => equalBytes(one.payload, payload)),
    );
  }

  async isClosed(): Promise<void> {
    await until("close", this.#watchers, () => this.closed || undefined);
  }

  #frames(type: number): Uint8Array[] {
    return this.received.map(({ payload }) => payload).filter((payload) => isFrame(payload, type));
  }
}

/** An envelope that claims to be of this message type; a gateway reads no more than that. */
export function envelope(type: number, nonce = 0): Uint8Array {
  const { signer } = fleet.ldevid;
  const claim = { ...message(type, "claim", {}), encode: () => Uint8Array.of(nonce) };
  return sealEnvelope(claim, {}, signer, fleet.fleetId, nodeCrypto);
}

/** MQTT 3.1.1 §3.1, for sockets that speak no MQTT of their own. */
export function connectPacket(clientId: string): Uint8Array {
  return packet(0x10, lengthPrefixed("MQTT"), Uint8Array.of(4, 2, 0, 60), lengthPrefixed(clientId));
}

/** MQTT 3.1.1 §3.8. */
export function subscribePacket(filter: string): Uint8Array {
  return packet(0x82, Uint8Array.of(0, 1), lengthPrefixed(filter), Uint8Array.of(0));
}

/** Of up to 127 bytes. */
function packet(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...parts);
  return concatBytes(Uint8Array.of(type, body.length), body);
}

function lengthPrefixed(text: string): Uint8Array {
  const bytes = utf8(text);
  return concatBytes(Uint8Array.of(0, bytes.length), bytes);
}

/** Runs `found` after each change until it answers. */
async function until<T>(what: string, watchers: Set<() => void>, found: () => T | undefined): Promise<T> {
  const now = found();
  if (now !== undefined) return now;
  return new Promise((resolve, reject) => {
    const check = () => {
      const value = found();
      if (value === undefined) return;
      watchers.delete(check);
      patience.cancel();
      resolve(value);
    };
    const patience = systemClock.after(PATIENCE_MS, () => reject(new Error(`no ${what} came`)));
    watchers.add(check);
  });
}

function isFrame(payload: Uint8Array, type: number): boolean {
  try {
    return frameType(payload) === type;
  } catch {
    return false;
  }
}
