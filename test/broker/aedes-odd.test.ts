/** Packets and names that only somebody who looks for trouble sends: they end their own session at most. */
import { createServer, connect, type AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Broker } from "../../broker/gateway-broker.js";
import { concatBytes, utf8 } from "../../protocol/bytes.js";
import { SyncRequest } from "../../protocol/sync.js";
import {
  connectPacket,
  DEVICE,
  envelope,
  LDEVID,
  OTHER,
  OTHER_LDEVID,
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

/** A session that sends these bytes behind its CONNECT. */
async function sends(...packets: readonly Uint8Array[]) {
  const socket = await stage.raw(LDEVID);
  socket.write(connectPacket(String(DEVICE)));
  await stage.event({ type: "opened", number: DEVICE });
  for (const packet of packets) socket.write(packet);
  return socket;
}

/** Another device connects, asks, and is answered. */
async function othersAreServed(): Promise<void> {
  const other = await stage.device(OTHER, OTHER_LDEVID);
  await other.publish(topics.up(OTHER), envelope(SyncRequest.type));
  await other.message(utf8("reply"));
  expect(other.closed).toBe(false);
}

/** MQTT 3.1.1 §3.3: a PUBLISH with QoS 0, of up to 127 bytes. */
function publishPacket(topic: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0x30, topic.length + 2, 0, topic.length), topic);
}

describe("ends the session that sends it, and no other:", () => {
  test.each<[string, Uint8Array]>([
    ["a second CONNECT", connectPacket(String(DEVICE))],
    ["a packet of type 0", Uint8Array.of(0x00, 0x00)],
    ["a packet of type 15", Uint8Array.of(0xf0, 0x00)],
    ["a CONNACK", Uint8Array.of(0x20, 2, 0, 0)],
    ["a PUBLISH without a topic", publishPacket(new Uint8Array(0))],
    ["a PUBLISH on a wildcard", publishPacket(utf8("app/#"))],
    ["a PUBLISH whose topic is longer than the packet", Uint8Array.of(0x30, 2, 0, 9)],
    ["a PUBLISH with QoS 3", Uint8Array.of(0x36, 5, 0, 1, 0x61, 0, 1)],
    ["a SUBSCRIBE without a filter", Uint8Array.of(0x82, 2, 0, 1)],
    ["a SUBSCRIBE to nothing", subscribePacket("")],
    ["a SUBSCRIBE with a wildcard within a level", subscribePacket("app/4711/x#")],
  ])("%s", async (_name, bytes) => {
    const socket = await sends(bytes);
    socket.resume();
    const closed = await stage.event({ type: "closed", number: DEVICE });
    expect(closed).toMatchObject({ why: "ended", role: "device" });
    await othersAreServed();
  });

  test("a topic of more levels than the matcher takes", async () => {
    const deep = `${topics.app(DEVICE)}x${"/x".repeat(100)}`;
    const publisher = await stage.device();
    await expect(publisher.publish(deep)).rejects.toThrow("closed");
    const subscriber = await stage.device();
    subscriber.client.subscribe(deep);
    await subscriber.isClosed();
    await othersAreServed();
  });
});

test("acknowledgements of what was never sent change nothing", async () => {
  const [PUBACK, PUBREC, PUBREL, PUBCOMP] = [0x40, 0x50, 0x62, 0x70];
  const ids = Array.from({ length: 200 }, (_, i) => i);
  const storm = [PUBACK, PUBREC, PUBREL, PUBCOMP].flatMap((type) => ids.map((id) => [type!, 2, 0, id]));
  const socket = await sends(Uint8Array.from(storm.flat()), Uint8Array.of(0xc0, 0));
  const PINGRESP = Buffer.of(0xd0, 0);
  let answer = Buffer.alloc(0);
  while (!answer.subarray(-2).equals(PINGRESP)) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    answer = Buffer.concat([answer, chunk]);
  }
  expect(stage.gateway.sessions()).toMatchObject([{ number: DEVICE }]);
  socket.destroy();
});

test("a SUBSCRIBE with 10,000 filters is cut at the first few in vain", async () => {
  const device = await stage.device();
  const filters = Array.from({ length: 10_000 }, (_, i) => i.toString(36));
  const own = Array.from({ length: 100 }, (_, i) => `${topics.app(DEVICE)}${i}`);
  device.client.subscribe([...own, ...filters], () => undefined);
  await device.isClosed();
  const refused = stage.events.filter((event) => event.type === "refused" && event.code === "filter");
  expect(refused).toHaveLength(65);
  await othersAreServed();
});

test("names that every object has are names like others", async () => {
  const NAMES = ["constructor", "hasOwnProperty", "toString", "valueOf"];
  for (const name of NAMES) {
    const [nobody, service] = [await stage.connect(name), await stage.connect(name, SERVICE)];
    expect(await nobody.subscribe(topics.lobbyDown(name))).toBe(1);
    expect(await service.subscribe(`app/+/${name}/__proto__`)).toBe(1);
    const device = await stage.device();
    await device.publish(`${topics.app(DEVICE)}${name}/__proto__`, utf8(name));
    await service.message(utf8(name));
  }
  await expect(stage.connect("__proto__")).rejects.toMatchObject({ code: 2 });
  expect(stage.gateway.sessions()).toHaveLength(2 * NAMES.length + 1);
});

test("a packet identifier that comes again is another message", async () => {
  const service = await stage.connect("observer", SERVICE);
  await service.subscribe("app/#");
  const publish = (payload: string) =>
    concatBytes(Uint8Array.of(0x32, topic.length + 3), topic, Uint8Array.of(0, 1), utf8(payload));
  const topic = concatBytes(Uint8Array.of(0, OWN.length), utf8(OWN));
  const socket = await sends(publish("1"), publish("1"), publish("2"));
  await service.message(utf8("2"));
  expect(service.received.map(({ payload }) => payload)).toEqual([utf8("1"), utf8("1"), utf8("2")]);
  socket.destroy();
});

test("who leaves while the fleet decides is gone, and its answer with it", async () => {
  let answer = (): void => undefined;
  stage.link.reply = () => new Promise((resolve) => (answer = () => resolve([utf8("late")])));
  const device = await stage.device();
  const asked = device.publish(topics.up(DEVICE), envelope(SyncRequest.type));
  device.client.end(true);
  await expect(asked).rejects.toThrow("closed");
  await stage.event({ type: "closed", number: DEVICE });
  answer();
  stage.link.reply = () => Promise.resolve([utf8("reply")]);
  await othersAreServed();
  expect(device.received.map(({ payload }) => payload)).not.toContainEqual(utf8("late"));
});

test("1,000 sessions that came and went leave no listener", async () => {
  const forwarded: string[] = [];
  const authorizeForward = (client: { id: string }, packet: object) => {
    forwarded.push(client.id);
    return packet as never;
  };
  const broker = new Broker({ authorizeForward });
  await broker.listen();
  const server = createServer((socket) => void broker.handle(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const session = async (clientId: string) => {
    const subscribed = new Promise((resolve) => broker.once("subscribe", resolve));
    const socket = connect({ port, host: "127.0.0.1" }).resume();
    socket.write(connectPacket(clientId));
    socket.write(subscribePacket("app/#"));
    await subscribed;
    return socket;
  };
  const DISCONNECT = Uint8Array.of(0xe0, 0);
  for (let i = 0; i < 1_000; i++) {
    const socket = await session(i % 4 === 0 ? "again" : `client ${i}`);
    const left = new Promise((resolve) => broker.once("clientDisconnect", resolve));
    if (i % 2 === 0) socket.destroy();
    else socket.write(DISCONNECT);
    await left;
  }
  const last = await session("last");
  const packet = { cmd: "publish", topic: OWN, payload: "23.5", qos: 0, dup: false, retain: false } as const;
  const delivered = once(last, "data");
  broker.publish(packet, () => undefined);
  await delivered;
  expect(forwarded).toEqual(["last"]);
  last.destroy();
  await new Promise<void>((resolve) => broker.close(resolve));
  await new Promise((resolve) => server.close(resolve));
});
