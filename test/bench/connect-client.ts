/**
 * The client of the connect bench, in a process of its own: connects as often as it is told, keeps the newest
 * session ticket of each device, and tells its parent how long it took. The same code for every server.
 */
import { createSecureContext, connect, type SecureContext } from "node:tls";
import { connectPacket } from "../../simulators/swarm/hostile/packets.js";
import { devicePasses, type DevicePass } from "./connect-crowd.js";

export interface Job {
  readonly port: number;
  /** "mqtt": a CONNECT is sent, and its CONNACK awaited; "echo": one byte, and the same byte. */
  readonly speaks: "mqtt" | "echo";
  readonly count: number;
  /** With the newest ticket of that device, where it has one; else never. */
  readonly resume: boolean;
}

export interface JobResult {
  readonly seconds: number;
  /** Of `count`. */
  readonly resumed: number;
}

/** Handshakes under way at once: both cores are busy, and no queue of the kernel runs over. */
const IN_FLIGHT = 32;
/** Each has ports of its own for who is on the way out: Linux keeps them for a minute. */
const SOURCES = Array.from({ length: 16 }, (_, i) => `127.0.0.${i + 2}`);
const ECHOED = Uint8Array.of(0x2a);
/** MQTT 3.1.1 §3.2: accepted, no session present. */
const CONNACK = Uint8Array.of(0x20, 2, 0, 0);
/** What takes longer never comes. */
const PATIENCE_MS = 10_000;

interface Device extends DevicePass {
  readonly context: SecureContext;
}

const devices: readonly Device[] = devicePasses().map((pass) => ({
  ...pass,
  context: createSecureContext({ ...pass, minVersion: "TLSv1.3" }),
}));
/** By port and number. */
const tickets = new Map<string, Buffer>();
let serial = 0;

async function run({ port, speaks, count, resume }: Job): Promise<JobResult> {
  let started = 0;
  let resumed = 0;
  const inTurn = async (): Promise<void> => {
    while (started < count) {
      const device = devices[started++ % devices.length]!;
      const reused = await connectOnce(port, speaks, device, resume);
      if (reused) resumed += 1;
    }
  };
  const beganAt = process.hrtime.bigint();
  await Promise.all(Array.from({ length: IN_FLIGHT }, inTurn));
  return { seconds: Number(process.hrtime.bigint() - beganAt) / 1e9, resumed };
}

/** One connect, its first answer, and the end of it. @returns whether TLS resumed. */
function connectOnce(port: number, speaks: Job["speaks"], device: Device, resume: boolean): Promise<boolean> {
  const [hello, answer] =
    speaks === "mqtt" ? [connectPacket(String(device.number)), CONNACK] : [ECHOED, ECHOED];
  const name = `${port} ${device.number}`;
  const session = resume ? tickets.get(name) : undefined;
  const way = { host: "127.0.0.1", port, localAddress: SOURCES[serial++ % SOURCES.length]! };
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...way,
      secureContext: device.context,
      rejectUnauthorized: false, // servers are not what is measured
      timeout: PATIENCE_MS,
      ...(session && { session }),
    });
    let reused = false;
    socket.on("session", (ticket) => tickets.set(name, ticket));
    socket.once("secureConnect", () => {
      reused = socket.isSessionReused();
      socket.write(hello);
    });
    socket.once("data", (bytes) => {
      if (!bytes.equals(answer)) reject(new Error(`an answer that is none: ${bytes.toString("hex")}`));
      socket.destroy();
    });
    socket.once("timeout", () => socket.destroy(new Error("no answer in time")));
    socket.once("error", reject);
    socket.once("close", () => {
      resolve(reused);
      reject(new Error("closed before the answer"));
    });
  });
}

process.on("message", (job: Job) => {
  run(job).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.once("disconnect", () => process.exit(0));
process.send?.("ready");
