/** A device of the world: its power, its clock, its disk, and another one with the same keys. */
import { describe, expect, test } from "vitest";
import type { DeviceNode } from "../../simulators/world/device-node.js";
import type { WorldOptions } from "../../simulators/world/settings.js";
import { World } from "../../simulators/world/world.js";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const TEN_YEARS_MS = 3_652 * DAY_MS;
/** Of the steps of the disk in a birth; a file is written in six. */
const CUT_EVERY = 5;

async function running(options: WorldOptions): Promise<{ world: World; node: DeviceNode }> {
  const world = await World.create({ devices: 1, ...options });
  const [node] = world.devices as [DeviceNode];
  await start(world, node);
  await world.until(() => node.device?.lease !== undefined, "it has a lease", 5 * MINUTE_MS);
  return { world, node };
}

function start(world: World, node: DeviceNode): Promise<void> {
  return world.perform(node.name, "starts", () => node.start());
}

describe("power", () => {
  test("that goes takes all with it: no timer, no word, no answer", async () => {
    const { world, node } = await running({ seed: 1, syncMs: [1, 20] });
    let seen = 0;
    world.at(world.nowMs, node.name, "loses power", () => node.cutPower());
    await world.step();
    world.observe({
      sent: () => void (seen += 1),
      deviceEvent: () => void (seen += 1),
      stored: () => void (seen += 1),
    });
    await world.runFor(3 * DAY_MS);
    expect([seen, node.device, node.isPowered]).toEqual([0, undefined, false]);
    await start(world, node);
    await world.until(() => node.device?.lease !== undefined, "it is back", 10 * MINUTE_MS);
    expect(seen).toBeGreaterThan(0);
  });

  test("may go at any step of a birth, and the birth goes on to one number", async () => {
    const world = await World.create({ seed: 40 });
    let births = 0;
    for (let cut = true; cut; births++) {
      const node = world.makeDevice();
      node.cutPowerAfter(CUT_EVERY * births);
      world.at(world.nowMs, node.name, "is born", () => node.bear(world.fleet.station));
      await world.runFor(1);
      cut = node.number === undefined;
      if (cut) await world.perform(node.name, "is born", () => node.bear(world.fleet.station));
      expect(node.number).toBe(births + 1);
    }
    expect(world.fleet.view.devices.size).toBe(births);
    expect(births).toBeGreaterThan(4);
  });

  test("switched off in order, nothing is lost", async () => {
    const { world, node } = await running({ seed: 2, syncMs: [1, 20] });
    const { lease } = node.device ?? {};
    expect(node.durable()?.record.lease).toBeUndefined(); // it is being saved
    await world.perform(node.name, "stops", () => node.stop());
    expect(node.durable()?.record.lease).toEqual(lease);
    expect((await node.stored())?.record.lease).toEqual(lease);
  });
});

describe("a clock", () => {
  test.each([0, Date.UTC(2005, 0, 1), (2 ** 31 - 60) * 1000, Date.UTC(2100, 0, 1)])(
    "that shows %s at each start changes nothing of what the fleet decided",
    async (showsMs) => {
      const world = await World.create({ seed: 3, devices: 1 });
      const [node] = world.devices as [DeviceNode];
      node.ticking = { showsMs, driftPpm: 200 };
      await start(world, node);
      await world.until(() => node.device?.lease !== undefined, "it has a lease", 5 * MINUTE_MS);
      const goodUntil = Math.floor(world.nowMs / 1000) + 7 * 86_400;
      const signed = node.durable()?.record.signedSeconds ?? 0;
      expect(Math.abs(signed + 7 * 86_400 - goodUntil)).toBeLessThan(5);
      await world.perform("operator", "holds it", () => world.fleet.hold([1], "isolate"));
      await world.runFor(DAY_MS);
      for (const byMs of [TEN_YEARS_MS, -2 * TEN_YEARS_MS]) {
        node.clock?.jump(byMs);
        await world.runFor(DAY_MS);
        expect(node.device?.standing).toBe("isolate");
        expect(node.durable()?.record.signedSeconds).toBeGreaterThanOrEqual(signed);
      }
    },
  );
});

describe("a disk", () => {
  test("that is full stops the device when it has to save, and it runs when there is room", async () => {
    const { world, node } = await running({ seed: 4 });
    node.disk.writeFault = "ENOSPC";
    await world.perform("operator", "holds it", () => world.fleet.hold([1], "isolate"));
    await world.until(() => node.trouble !== undefined, "it stops", MINUTE_MS);
    expect([node.isPowered, node.device]).toEqual([false, undefined]);
    await start(world, node);
    expect(node.trouble).toMatchObject({ code: "storage-failed" });
    await world.heal();
    await world.until(() => node.device?.standing === "isolate", "it knows", 10 * MINUTE_MS);
  });
});

describe("a copy", () => {
  test("has the same number and keys, and each pushes the other out", async () => {
    const { world, node } = await running({ seed: 5 });
    const copy = world.copyDevice(node, "twin");
    const replaced: number[] = [];
    world.observe({
      gatewayEvent: (_gateway, event) => {
        if (event.type === "closed" && event.why === "replaced") replaced.push(event.number ?? 0);
      },
    });
    await start(world, copy);
    await world.until(() => replaced.length >= 2, "each came back", 10 * MINUTE_MS);
    expect([copy.number, replaced.slice(0, 2)]).toEqual([node.number, [1, 1]]);
  });
});
