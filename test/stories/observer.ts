/** An ordinary MQTT client with a certificate of its own: what an independent program sees of a fleet. */
import { connect, type MqttClient } from "mqtt";
import { certifyService } from "../../fleet/front-door.js";
import type { FleetService } from "../../fleet/service.js";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import { entropy } from "./soft-keys.js";

export interface AppMessage {
  readonly number: number;
  readonly topic: string;
  readonly text: string;
}

/** Watches all application topics, once it resolves. */
export async function observe(
  service: FleetService,
  port: number,
  saw: (message: AppMessage) => void,
): Promise<MqttClient> {
  const key = nodeCrypto.generate("ES256", entropy);
  const chain = await certifyService(service, nodeCrypto.publicKey(key));
  const observer = connect({
    host: "127.0.0.1",
    port,
    protocol: "mqtts",
    cert: certificatesToPem(...chain),
    key: privateKeyObject(key).export({ type: "pkcs8", format: "pem" }).toString(),
    rejectUnauthorized: false,
    clientId: "observer",
    protocolVersion: 4,
  });
  observer.on("message", (topic, payload) => {
    const [, number = "", ...rest] = topic.split("/");
    saw({ number: Number(number), topic: rest.join("/"), text: payload.toString() });
  });
  await new Promise((done) => observer.once("connect", done));
  await observer.subscribeAsync("app/#", { qos: 1 });
  return observer;
}
