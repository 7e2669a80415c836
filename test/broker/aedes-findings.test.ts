/**
 * What aedes does when it is left alone, each shown not to happen here. All eight, and where they are tested:
 *
 * | Left alone, aedes | Test |
 * |---|---|
 * | lets a stalled subscriber hold up everyone | "a stalled subscriber" below |
 * | overflows the stack when a slow client leaves a crowd | "the 51-client crash" below |
 * | buffers what a packet declares, before CONNECT too | "an oversized packet before CONNECT" below |
 * | keeps all that a slow reader does not take | "a slow reader" below; for a service: gateway-bounds |
 * | grants `$share` and `$SYS` filters | aedes-kept, "a $share subscription" |
 * | ends a session for who claims its client id | gateway-arrival, "who replaces whom" |
 * | speaks for a client after it was cut | aedes-kept, "a will after the cut"; gateway-arrival, "a will" |
 * | keeps retained messages for ever | aedes-kept, "a retained publish"; gateway-topics, "retained" |
 */
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RefusalCode } from "../../broker/events.js";
import { utf8 } from "../../protocol/bytes.js";
import { SyncRequest } from "../../protocol/sync.js";
import { crowd, stalledOn } from "./aedes-peers.js";
import { DEVICE, envelope, LDEVID, OTHER, OTHER_LDEVID, SERVICE, Stage, topics } from "./harness.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const OWN = `${topics.app(DEVICE)}x`;
/** 100 of these, as many as aedes delivers at a time by default, wait for a peer before its bound is reached. */
const SMALL = Buffer.alloc(2_000, 0x2a);
/** Five of these are more than may wait for a peer, once the kernel has taken its part. */
const LARGE = new Uint8Array(60_000).fill(0x2a);
/** After so many a slow peer must have been cut. */
const ROUNDS = 1_000;

const isRefused = (code: RefusalCode) =>
  stage.events.some((event) => event.type === "refused" && event.code === code);
const isOver = () => stage.events.some(({ type }) => type === "closed");

test("a stalled subscriber holds up neither what others are sent nor what they ask", async () => {
  const stalled = await stalledOn(stage, "app/#", "stalled", SERVICE);
  const reader = await stage.connect("observer", SERVICE);
  await reader.subscribe("app/#");
  const device = await stage.device();
  for (let round = 0; round < ROUNDS && !isOver(); round++) {
    for (let i = 0; i < 20; i++) device.client.publish(OWN, SMALL);
    await device.publish(OWN, utf8(`round ${round}`));
    // Not each time: a device asks seldom, or is told to wait.
    if (round % 10 === 0) await device.publish(topics.up(DEVICE), envelope(SyncRequest.type));
    await reader.message(utf8(`round ${round}`));
  }
  // While it stalled everyone was served, or it would have been cut for its silence before its bound.
  expect(isRefused("slow-reader")).toBe(true);
  expect(isRefused("request-rate")).toBe(false);
  stalled.destroy();
});

test("the 51-client crash: a crowd survives that a slow client leaves it", async () => {
  const crashes: unknown[] = [];
  const crashed = (error: unknown) => crashes.push(error);
  process.on("uncaughtException", crashed);
  const slow = await stalledOn(stage, `${topics.app(DEVICE)}#`, "slow", SERVICE);
  const device = await stage.device();
  const peers = await Promise.all(
    crowd(stage, 50, 5_000).map(async ({ number, shown }) => ({
      topic: `${topics.app(number)}x`,
      peer: await stage.connect(String(number), shown),
    })),
  );
  // More than the kernel keeps for the slow one: with a limit of deliveries, all of them wait for it now.
  for (let i = 0; i < 8_000; i++) device.client.publish(OWN, SMALL);
  await device.publish(OWN);
  // And behind them what nobody listens to: each ends within the call in which it begins, and so calls the next.
  const busy = peers.map(({ peer, topic }) => {
    for (let i = 0; i < 200; i++) peer.client.publish(topic, "");
    return peer.publish(topic);
  });
  await Promise.all(busy);
  slow.destroy();
  await stage.event({ type: "closed", role: "service" });
  const reader = await stage.connect("observer", SERVICE);
  await reader.subscribe("app/#");
  for (const { peer, topic } of peers) await peer.publish(topic, utf8(topic));
  process.off("uncaughtException", crashed);
  expect(crashes).toEqual([]);
  for (const { topic } of peers) await reader.message(utf8(topic));
});

test("an oversized packet before CONNECT is cut at its header, and nothing of it is kept", async () => {
  const MEGABYTE = Buffer.alloc(2 ** 20);
  const socket = await stage.raw();
  const before = process.memoryUsage().arrayBuffers;
  socket.write(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f)); // declares 256 MB
  let sent = 0;
  for (; sent < 60 && !socket.destroyed; sent++) {
    await new Promise((resolve) => socket.write(MEGABYTE, resolve));
  }
  const kept = process.memoryUsage().arrayBuffers - before;
  if (!socket.closed) await once(socket, "close");
  expect(isRefused("packet-size")).toBe(true);
  expect(sent).toBeLessThan(60);
  expect(kept).toBeLessThan(20 * MEGABYTE.length);
});

test.each([
  ["its own topic", topics.down(DEVICE), () => stage.link.push(DEVICE, LARGE)],
  ["the topic of all", topics.all, () => stage.link.broadcast(LARGE)],
] as const)("a slow reader of %s is cut at its bound, and others are served", async (_name, topic, tell) => {
  const slow = await stalledOn(stage, topic, String(DEVICE), LDEVID);
  const other = await stage.device(OTHER, OTHER_LDEVID);
  await other.subscribe(topics.all);
  for (let round = 0; round < ROUNDS && !isOver(); round++) {
    tell();
    await other.publish(`${topics.app(OTHER)}x`);
  }
  await stage.event({ type: "refused", code: "slow-reader", number: DEVICE });
  await stage.event({ type: "closed", number: DEVICE });
  stage.link.push(OTHER, utf8("still here"));
  expect(await other.message(utf8("still here"))).toMatchObject({ topic: topics.down(OTHER) });
  slow.destroy();
});
