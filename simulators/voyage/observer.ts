/** An ordinary MQTT client that listens to every application topic, and knows nothing of devices or fleet. */
import { randomBytes } from "node:crypto";
import { connectAsync, type MqttClient } from "mqtt";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import type { VoyageFleet } from "./fleet-port.js";

/** A message as it arrived: from which device's topic, and its text. */
export interface Heard {
  readonly number: number;
  readonly text: string;
}

export class Observer {
  readonly heard: Heard[] = [];
  #client: MqttClient | undefined;

  /** Listens with a fresh certificate; call it again when the old one ran out. */
  async listen(fleet: VoyageFleet): Promise<void> {
    await this.close();
    const key = nodeCrypto.generate("ES256", (size) => new Uint8Array(randomBytes(size)));
    const chain = await fleet.certifyObserver(nodeCrypto.publicKey(key));
    this.#client = await connectAsync({
      host: fleet.host,
      port: fleet.mqttPort,
      protocol: "mqtts",
      cert: certificatesToPem(...chain),
      key: privateKeyObject(key).export({ type: "pkcs8", format: "pem" }).toString(),
      rejectUnauthorized: false, // it observes; it neither sends nor decides anything
      clientId: "voyage-observer",
      protocolVersion: 4,
    });
    this.#client.on("message", (topic, payload) => {
      this.heard.push({ number: Number(topic.split("/")[1]), text: payload.toString() });
    });
    await this.#client.subscribeAsync("app/#", { qos: 1 });
  }

  /** Texts heard from a device. */
  from(number: number): readonly string[] {
    return this.heard.filter((heard) => heard.number === number).map(({ text }) => text);
  }

  async close(): Promise<void> {
    await this.#client?.endAsync(true);
    this.#client = undefined;
  }
}
