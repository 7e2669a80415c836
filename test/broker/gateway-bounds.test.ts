/** What hostile and slow peers can do: be cut, and hold up nobody else. */
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Broker } from "../../broker/gateway-broker.js";
import { MAX_PACKET_BYTES } from "../../broker/packets.js";
import { utf8 } from "../../protocol/bytes.js";
import { SyncRequest } from "../../protocol/sync.js";
import {
  connectPacket,
  DEVICE,
  envelope,
  LDEVID,
  SERVICE,
  Stage,
  subscribePacket,
  topics,
} from "./harness.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const OWN = `${topics.app(DEVICE)}x`;
/** More than the kernel and the gateway together keep for a peer that reads nothing. */
const MANY = 512;
const LARGE = new Uint8Array(60_000).fill(0x2a);

const gone = (socket: TLSSocket) => new Promise((resolve) => socket.once("close", resolve));

describe("packets are bounded before they are buffered:", () => {
  test.each<[string, string, readonly number[]]>([
    ["a CONNECT that declares 256 MB", "packet-size", [0x10, 0xff, 0xff, 0xff, 0x7f]],
    ["a CONNECT that declares a little too much", "packet-size", [0x10, 0x80, 0x20]], // 4,096 and its header
    ["a PUBLISH before any CONNECT", "packet-order", [0x30, 0x05]],
    ["another protocol", "packet-order", [...utf8("GET / HTTP/1.1\r\n")]],
  ])("%s", async (_name, code, bytes) => {
    const socket = await stage.raw();
    const closed = gone(socket);
    socket.write(Uint8Array.from(bytes)); // and nothing behind it: the header is enough
    await closed;
    expect(stage.events).toContainEqual(expect.objectContaining({ type: "refused", code }));
  });

  test("a session that declares 256 MB", async () => {
    const socket = await stage.raw(LDEVID);
    const closed = gone(socket);
    socket.write(connectPacket(String(DEVICE)));
    await stage.event({ type: "opened", number: DEVICE });
    socket.write(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f));
    socket.resume();
    await closed;
    await stage.event({ type: "closed", number: DEVICE });
    expect(stage.events).toContainEqual(expect.objectContaining({ code: "packet-size", number: DEVICE }));
  });

  test("the largest that is allowed passes, one byte more does not", async () => {
    const device = await stage.device();
    const room = MAX_PACKET_BYTES - 4 - 2 - Buffer.byteLength(OWN) - 2; // fixed header, topic, packet identifier
    await device.publish(OWN, new Uint8Array(room));
    await expect(device.publish(OWN, new Uint8Array(room + 1))).rejects.toThrow("closed");
  });
});

describe("a service that stops reading", () => {
  async function stalled(): Promise<TLSSocket> {
    const socket = await stage.raw(SERVICE);
    socket.write(connectPacket("stalled"));
    socket.write(subscribePacket("app/#"));
    const answers = new Promise<void>((resolve) => {
      let size = 0;
      socket.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size >= 9) resolve(); // CONNACK and SUBACK
      });
    });
    await answers;
    socket.removeAllListeners("data");
    socket.pause();
    return socket;
  }

  test("is cut, and neither the publisher nor another service waits for it", async () => {
    const socket = await stalled();
    const observer = await stage.connect("observer", SERVICE);
    await observer.subscribe("app/#");
    const device = await stage.device();
    const cut = stage.event({ type: "refused", code: "slow-reader" });
    let isCut = false;
    void cut.then(() => (isCut = true));
    let sent = 0;
    for (; sent < MANY && !isCut; sent++) await device.publish(OWN, LARGE);
    await cut;
    await device.publish(OWN, utf8("the last one"));
    await observer.message(utf8("the last one"));
    expect(observer.received).toHaveLength(sent + 1);
    await device.publish(topics.up(DEVICE), envelope(SyncRequest.type));
    await device.message(utf8("reply"));
    socket.destroy();
  });
});

test("a publisher is done, though a subscriber never is", { timeout: 5_000 }, async () => {
  const broker = new Broker({});
  await broker.listen();
  const delivered = new Promise<void>((resolve) => {
    broker.subscribe(
      "app/#",
      () => resolve(),
      () => undefined,
    ); // and never calls back
  });
  const packet = { cmd: "publish", topic: OWN, payload: "23.5", qos: 0, dup: false, retain: false } as const;
  const error = await new Promise((resolve) => broker.publish(packet, resolve));
  await delivered;
  expect(error).toBeUndefined();
  await new Promise<void>((resolve) => broker.close(resolve));
});
