/** The generator of hostile connections: what it sends, what it is allowed to do, and how it counts. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { flood } from "../../simulators/swarm/hostile/flood.js";
import { kindsOf } from "../../simulators/swarm/hostile/kinds.js";
import { connectPacket, publishPacket, saidIn } from "../../simulators/swarm/hostile/packets.js";
import {
  checkPlan,
  type FloodPlan,
  MAX_CONNECTIONS,
  MAX_OPEN,
  sourceOf,
} from "../../simulators/swarm/hostile/plan.js";
import { type Tally, tallied, total } from "../../simulators/swarm/hostile/tally.js";
import { DEVICE, LDEVID, Stage } from "../broker/harness.js";
import { fleet } from "../broker/scripted-link.js";

const PLAN: FloodPlan = {
  host: "127.0.0.1",
  port: 8883,
  number: DEVICE,
  fleetId: toHex(fleet.fleetId),
  count: 9,
  perSecond: 500,
  maxOpen: 100,
  addresses: 2,
};

describe("packets", () => {
  test("are those of MQTT 3.1.1", () => {
    expect(toHex(connectPacket("7"))).toBe("100d00044d5154540402003c000137");
    expect(toHex(publishPacket("a", Uint8Array.of(0x2a)))).toBe("3206000161" + "0001" + "2a");
  });
  test("a length that needs a second byte is refused", () => {
    expect(() => connectPacket("x".repeat(116))).toThrow(RangeError);
    expect(() => publishPacket("a", new Uint8Array(123))).toThrow(RangeError);
  });
  test.each([
    ["nothing", [], false, false],
    ["accepted", [0x20, 2, 0, 0], true, false],
    ["refused", [0x20, 2, 0, 5], false, false],
    ["heard", [0x20, 2, 0, 0, 0x40, 2, 0, 1], true, true],
    ["heard, something else between", [0x20, 2, 0, 0, 0xd0, 0, 0x40, 2, 0, 1], true, true],
    ["half an answer", [0x20], false, false],
    ["40 within another packet", [0x30, 3, 0x40, 2, 0], false, false],
  ] as const)("%s", (_what, bytes, accepted, acknowledged) => {
    expect(saidIn(Uint8Array.from(bytes))).toEqual({ accepted, acknowledged });
  });
});

describe("a plan", () => {
  test.each([
    ["the network", { host: "192.0.2.1" }],
    ["a name", { host: "localhost" }],
    ["a name that begins like an address", { host: "127.0.0.1.example" }],
    ["no connections", { count: 0 }],
    ["too many", { count: MAX_CONNECTIONS + 1 }],
    ["too many at a time", { maxOpen: MAX_OPEN + 1 }],
    ["no rate", { perSecond: 0 }],
    ["half an address", { addresses: 1.5 }],
  ])("of %s is refused", (_what, change) => {
    expect(() => checkPlan({ ...PLAN, ...change })).toThrow(
      expect.objectContaining({ code: "bad-settings" }),
    );
  });
  test("comes from as many addresses as it says", () => {
    expect([0, 1, 2, 3].map((serial) => sourceOf(serial, PLAN))).toEqual([
      "127.0.1.1",
      "127.0.1.2",
      "127.0.1.1",
      "127.0.1.2",
    ]);
  });
});

test("kinds have names of their own", () => {
  const names = kindsOf({ number: 7, topic: "app/7/x" }).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("a tally counts each connection once by its end, and what it was told besides", () => {
  const quiet = { accepted: false, acknowledged: false, resumed: false };
  const tally = [
    { kind: "a", how: "cut", ...quiet },
    { kind: "a", how: "cut", accepted: true, acknowledged: true, resumed: false },
    { kind: "b", how: "outlasted", accepted: true, acknowledged: false, resumed: true },
    { kind: "b", how: "unreached", ...quiet },
  ].reduce((before, ended) => tallied(before, ended as never), {} as Tally);
  expect(tally["a"]).toEqual({
    cut: 2,
    outlasted: 0,
    unreached: 0,
    accepted: 1,
    acknowledged: 1,
    resumed: 0,
  });
  expect(total(tally)).toEqual({
    cut: 2,
    outlasted: 1,
    unreached: 1,
    accepted: 2,
    acknowledged: 1,
    resumed: 1,
  });
});

describe("against a gateway", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.close());
  const kinds = kindsOf({ number: DEVICE, topic: "app/x" }).map(({ name }) => name);
  const rounds = 3;

  test("every kind is cut, and none is heard, while a device is", async () => {
    const device = await stage.device();
    const count = rounds * kinds.length;
    const tally = await flood({ ...PLAN, port: stage.gateway.port, count }, () => undefined);
    await device.publish(`app/${DEVICE}/x`, utf8("from the device"));
    expect(Object.keys(tally).sort()).toEqual([...kinds].sort());
    for (const [kind, row] of Object.entries(tally))
      expect({ kind, ...row }).toMatchObject({
        kind,
        cut: rounds,
        outlasted: 0,
        unreached: 0,
        acknowledged: 0,
      });
    // Whoever shows no certificate that counts is let into the lobby, where it may ask and not speak.
    for (const kind of [
      "self-signed certificate",
      "certificate of another CA",
      "resumed without certificate",
    ])
      expect({ kind, accepted: tally[kind]?.accepted }).toEqual({ kind, accepted: rounds });
    expect(tally["resumed without certificate"]?.resumed).toBe(rounds);
    expect(stage.link.handled).toEqual([]);
    expect(device.closed).toBe(false);
  });

  test("what a device's own certificate says is heard: the generator would notice", async () => {
    const said = saidIn(await answers(stage));
    expect(said).toEqual({ accepted: true, acknowledged: true });
  });

  test("with no gateway nothing is reached", async () => {
    const { port } = stage.gateway;
    await stage.gateway.close();
    const tally = await flood({ ...PLAN, port }, () => undefined);
    expect(total(tally)).toMatchObject({ unreached: PLAN.count, cut: 0, outlasted: 0 });
  });
});

/** What comes down to the device itself when it sends what the generator sends in its name. */
async function answers(stage: Stage): Promise<Uint8Array> {
  const socket = await stage.raw(LDEVID);
  socket.write(connectPacket(String(DEVICE)));
  socket.write(publishPacket(`app/${DEVICE}/flood`, utf8("from this device")));
  let heard = Buffer.alloc(0);
  for await (const bytes of socket) {
    heard = Buffer.concat([heard, bytes as Buffer]);
    if (saidIn(heard).acknowledged) break;
  }
  return heard;
}
