/** The world itself: the same seed gives the same run, and what may go wrong in it does not stop a hold. */
import { describe, expect, test } from "vitest";
import type { DeviceNode } from "../../simulators/world/device-node.js";
import type { Accepted } from "../../simulators/world/gateway-visits.js";
import type { WorldOptions } from "../../simulators/world/settings.js";
import { World } from "../../simulators/world/world.js";
import { utf8 } from "../../protocol/bytes.js";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SLOW = { syncMs: [1, 20], appendMs: [1, 5] } as const;

function start(world: World, node: DeviceNode): Promise<void> {
  return world.perform(node.name, "starts", () => node.start());
}

/** A world whose devices run, were enrolled, and have a lease. */
async function running(options: WorldOptions): Promise<World> {
  const world = await World.create(options);
  for (const node of world.devices) await start(world, node);
  await world.until(
    () => world.devices.every(({ device }) => device?.lease),
    "all have a lease",
    5 * MINUTE_MS,
  );
  return world;
}

/** Its devices publish every hour; one loses its power, one its network, and all are held and freed. */
async function eventful(seed: number): Promise<World> {
  const world = await running({ seed, devices: 3, gateways: 2, ...SLOW });
  const [first, second] = world.devices as [DeviceNode, DeviceNode];
  first.cutPowerAfter(world.fortune.stream("plan").between(0, 20));
  world.network.cut([second.name], ["gateway-1", "gateway-2"]);
  await world.perform("operator", "holds all", () => world.fleet.hold([1, 2, 3], "isolate"));
  await world.runFor(DAY_MS / 8);
  await world.heal();
  await world.perform("operator", "frees all", () => world.fleet.release([1, 2, 3]));
  await world.runFor(DAY_MS);
  return world;
}

describe("one seed", () => {
  test("gives the same run twice, and another one another", async () => {
    const [once, again, other] = [await eventful(11), await eventful(11), await eventful(12)];
    expect(again.trace.hash).toBe(once.trace.hash);
    expect(again.steps).toBe(once.steps);
    expect(other.trace.hash).not.toBe(once.trace.hash);
    expect(once.devices.map(({ device }) => device?.level)).toEqual(["none", "none", "none"]);
  });

  test("gives the same run twice with ES256", async () => {
    const hash = async () => (await running({ seed: 13, devices: 1, algorithm: "ES256" })).trace.hash;
    expect(await hash()).toBe(await hash());
  });

  test("draws for one node what it draws with one node less in the world", async () => {
    const [one, two] = [
      await World.create({ seed: 3, devices: 1 }),
      await World.create({ seed: 3, devices: 2 }),
    ];
    const keys = ({ devices }: World) => devices[0]?.disk.image().get("/keys/idevid.pem");
    expect(keys(two)).toEqual(keys(one));
  });
});

describe("a hold", () => {
  test("reaches devices that lose their power while they store it", async () => {
    const world = await running({ seed: 20, devices: 8 });
    for (const [step, node] of world.devices.entries()) node.cutPowerAfter(step);
    const all = world.devices.map(({ number = 0 }) => number);
    await world.perform("operator", "holds all", () => world.fleet.hold(all, "isolate"));
    await world.until(() => !world.devices.some(({ isPowered }) => isPowered), "the power goes", DAY_MS);
    for (const node of world.devices) await start(world, node);
    const levels = () => new Set(world.devices.map(({ device }) => device?.level));
    await world.runFor(10 * MINUTE_MS);
    expect(levels()).toEqual(new Set(["isolate"]));
  });

  test("reaches a device that nobody could reach for a day, before it speaks", async () => {
    const world = await running({ seed: 4, devices: 1, gateways: 2 });
    const [node] = world.devices as [DeviceNode];
    const taken: Accepted[] = [];
    world.observe({ accepted: (accepted) => void taken.push(accepted) });
    world.network.cut([node.name], ["gateway-1", "gateway-2"]);
    await world.perform("operator", "holds it", () => world.fleet.hold([1], "restrict"));
    await world.runFor(DAY_MS);
    expect(node.device?.standing).toBe("none");
    const said = node.device?.publish("hello", utf8("I am back"));
    said?.catch(() => undefined);
    world.network.heal();
    await world.until(() => node.device?.standing === "restrict", "it knows", 10 * MINUTE_MS);
    await world.runFor(DAY_MS);
    expect(taken).toEqual([]);
  });

  test("is heard over one gateway while the other one is away, and the fleet is restarted meanwhile", async () => {
    const world = await running({ seed: 6, devices: 1, gateways: 2 });
    const [node] = world.devices as [DeviceNode];
    world.gateways[0]?.stop("power");
    world.fleet.kill();
    await world.runFor(DAY_MS);
    await world.perform("fleet", "starts", () => world.fleet.start());
    await world.perform("operator", "holds it", () => world.fleet.hold([1], "isolate"));
    await world.runFor(10 * MINUTE_MS);
    expect(node.device?.level).toBe("isolate");
  });
});

describe("the fleet's process", () => {
  test("ends at any append of an act, and starts again with what is durable", async () => {
    for (let appends = 0; appends < 3; appends++) {
      const world = await running({ seed: 30 + appends, devices: 1, appendMs: [1, 5] });
      world.fleet.log.killAfter(appends);
      world.at(world.nowMs, "operator", "holds it", () =>
        world.fleet.hold([1], "isolate").catch(() => undefined),
      );
      await world.runFor(2 * DAY_MS);
      expect(world.fleet.isRunning).toBe(false);
      await world.heal();
      const level = world.fleet.view.devices.get(1)?.level;
      await world.runFor(DAY_MS);
      expect(world.devices[0]?.device?.standing).toBe(level);
    }
  });
});

test("a world tells who throws in it, and what never comes about", async () => {
  const world = await World.create({ seed: 9, devices: 1 });
  await expect(world.until(() => false, "pigs fly", 1000)).rejects.toThrow("seed 9");
  world.at(world.nowMs, "somebody", "fails", () => Promise.reject(new Error("as it was told to")));
  await expect(world.runFor(1)).rejects.toThrow("as it was told to");
});
