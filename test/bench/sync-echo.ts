/**
 * The devices of the bare echo in the sync bench, in a process of its own: each publishes to a topic that only it
 * listens to, so that the broker sends it back. QoS 1 both ways.
 */
import type { TLSSocket } from "node:tls";
import { connectAsync, type MqttClient } from "mqtt";
import { devicePasses } from "./connect-crowd.js";
import { closedLoop, type Requests } from "./sync-loop.js";
import { obey } from "./sync-processes.js";

const [, , count = "", port = ""] = process.argv;
const QOS = { qos: 1 } as const;

interface Device {
  readonly client: MqttClient;
  /** Takes what comes back. */
  heard: (message: Uint8Array) => void;
}

const devices: readonly Device[] = await Promise.all(devicePasses().slice(0, Number(count)).map(connected));
let given: readonly Requests[] = [];

const orders = {
  take: (requests: readonly Requests[]) => void (given = requests),
  run: () =>
    closedLoop(given, echoed, (isSame) => {
      if (!isSame) throw new Error("another message came back");
    }),
} as const;
export type EchoOrders = typeof orders;

async function connected({ key, cert }: { readonly key: string; readonly cert: string }, i: number) {
  const client = await connectAsync({
    host: "127.0.0.1",
    port: Number(port),
    protocol: "mqtts",
    key,
    cert,
    clientId: `echo-${i}`,
    rejectUnauthorized: false, // servers are not what is measured
  });
  (client.stream as TLSSocket).setNoDelay(true);
  const device: Device = { client, heard: () => undefined };
  client.on("message", (_topic, message) => device.heard(message));
  await client.subscribeAsync(`echo/${i + 1}`, QOS);
  return device;
}

/** Resolves when the message is back, and acknowledged. @returns whether it is the same. */
async function echoed(number: number, message: Uint8Array): Promise<boolean> {
  const device = devices[number - 1]!;
  const bytes = Buffer.from(message);
  const back = new Promise<Uint8Array>((resolve) => {
    device.heard = resolve;
  });
  await device.client.publishAsync(`echo/${number}`, bytes, QOS);
  return bytes.equals(await back);
}

obey(orders, () => Promise.all(devices.map(({ client }) => client.endAsync(true))));
