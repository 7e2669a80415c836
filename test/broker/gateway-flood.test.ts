/** Thousands of connections that mean no good, and twenty devices that go on with their work meanwhile. */
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RefusalCode } from "../../broker/events.js";
import { utf8 } from "../../protocol/bytes.js";
import { SyncRequest } from "../../protocol/sync.js";
import { crowd } from "./aedes-peers.js";
import { KINDS } from "./flood-kinds.js";
import { envelope, SERVICE, Stage, topics, type Identity } from "./harness.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const DEVICES = 20;
/** In each the devices connect, ask, speak and leave, while more of the flood comes. */
const ROUNDS = 10;
/** Of each kind, in each round. */
const HOSTILE = 20;
/** Longer than anyone may take for a hello, a handshake or a CONNECT. */
const OUT_OF_TIME_MS = 20_000;
const NOBODY_LEFT = { timeout: 15_000 };

/** Sockets of this process, at either end. */
const openSockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

async function work({ number, shown }: { number: number; shown: Identity }): Promise<void> {
  const device = await stage.device(number, shown);
  await device.publish(topics.up(number), envelope(SyncRequest.type));
  await device.message(utf8("reply"));
  await device.publish(`${topics.app(number)}x`);
  expect(device.closed).toBe(false);
  await device.client.endAsync();
}

test(
  "a flood of every kind reaches none of the devices that work, and leaves nothing behind",
  { timeout: 120_000 },
  async () => {
    const before = openSockets();
    const devices = crowd(stage, DEVICES, 5_000);
    const observer = await stage.connect("observer", SERVICE);
    await observer.subscribe("app/#");
    const hostile: Socket[] = [];
    const slow: (() => void)[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      for (const goOn of slow) goOn();
      for (const kind of Object.values(KINDS)) {
        for (let i = 0; i < HOSTILE; i++) {
          const socket = kind.begin({ port: stage.gateway.port, localAddress: `127.0.1.${i + 1}` });
          socket.on("error", () => undefined).resume(); // a reset is how many of these end
          hostile.push(socket);
          const begun = round;
          if (kind.goOn) slow.push(() => kind.goOn?.(socket, round - begun));
        }
      }
      await Promise.all(devices.map(work));
    }
    stage.clock.advance(OUT_OF_TIME_MS);
    await expect.poll(() => hostile.filter(({ closed }) => !closed).length, NOBODY_LEFT).toBe(0);

    expect(stage.link.handled).toHaveLength(ROUNDS * DEVICES);
    expect(observer.received).toHaveLength(ROUNDS * DEVICES);
    expect(observer.closed).toBe(false);
    expect(refusals()).toEqual(expected());
    await observer.client.endAsync();
    await expect.poll(() => stage.gateway.sessions(), NOBODY_LEFT).toEqual([]);
    await expect.poll(openSockets, NOBODY_LEFT).toBe(before);
  },
);

/** How often each code was given. */
function refusals(): Partial<Record<RefusalCode, number>> {
  const codes = stage.events.flatMap((event) => (event.type === "refused" ? [event.code] : []));
  return counted(codes);
}

function expected(): Partial<Record<RefusalCode, number>> {
  return counted(
    Object.values(KINDS).flatMap(({ code }) => Array.from({ length: ROUNDS * HOSTILE }, () => code)),
  );
}

function counted(codes: readonly RefusalCode[]): Partial<Record<RefusalCode, number>> {
  const counts: Partial<Record<RefusalCode, number>> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}
