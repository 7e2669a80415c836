/** A device's disk, or the fleet's log, put back to before an LDevID that the other side counts on (P9). */
import { expect, test } from "vitest";
import type { DeviceView } from "../../fleet/view.js";
import type { DeviceNode } from "../../simulators/world/device-node.js";
import type { World } from "../../simulators/world/world.js";
import { DAY_MS, MINUTE_MS, start, stop, watched } from "./watched.js";

const LDEVID_DAYS = 6;
const HOUR_MS = 60 * MINUTE_MS;

const young = () => watched({ policy: { ldevidSeconds: LDEVID_DAYS * 86_400 } });
const viewOf = ({ fleet }: World, { number = 0 }: DeviceNode): DeviceView => fleet.view.devices.get(number)!;

/** Until the fleet has heard from the next LDevID, and takes the one before no longer. */
async function renewed(world: World, node: DeviceNode): Promise<void> {
  const before = viewOf(world, node).certificates.map(({ key }) => key.bytes);
  const isOver = () => viewOf(world, node).certificates.every(({ key }) => !before.includes(key.bytes));
  await world.until(isOver, "its LDevID was renewed", LDEVID_DAYS * DAY_MS);
}
/** The newest lease was given to its newest LDevID. */
function isLeased(world: World, node: DeviceNode): boolean {
  const { lease, certificates } = viewOf(world, node);
  return lease !== undefined && lease.key === certificates.at(-1)?.key.bytes;
}

test("P7: a whole disk from before its renewal: by its IDevID the fleet knows it, and finds that it is old", async () => {
  const { world, node } = await young();
  await stop(world, node);
  const image = node.disk.image();
  await start(world, node);
  await renewed(world, node);
  await stop(world, node);
  node.disk.restore(image);
  const told: string[] = [];
  world.observe({
    deviceEvent: (_, event) => void (event.type === "refused-request" && told.push(event.next)),
  });
  await start(world, node);
  const isSuspected = () => viewOf(world, node).suspectedAt !== undefined;
  await world.until(isSuspected, "the fleet suspects it", 10 * MINUTE_MS);
  expect(told[0]).toBe("return");
  expect(isLeased(world, node)).toBe(false);
  const { number = 0 } = node;
  await world.perform("operator", "vouches", () =>
    world.fleet.act({ kind: "vouch", numbers: [number], reason: "its disk was put back" }),
  );
  await world.until(() => isLeased(world, node), "it works", 3 * HOUR_MS);
  expect(node.device?.level).toBe("none");
});

/** The fleet from a copy of before the device's renewal; the device has come by, and the fence stands. */
async function fenced(): Promise<{ world: World; node: DeviceNode }> {
  const { world, node } = await young();
  const { fleet } = world;
  const { length: position } = await fleet.log.records();
  await renewed(world, node);
  fleet.kill();
  await fleet.log.restore(position);
  await world.perform(fleet.name, "starts", () => fleet.start());
  await stop(world, node);
  await start(world, node);
  await world.until(() => fleet.view.fence !== undefined, "the fence is raised", DAY_MS);
  return { world, node };
}

test("P3: a fleet restored from a backup is told so by the device that comes by, and says nothing more", async () => {
  const { world, node } = await fenced();
  const { length } = await world.fleet.log.records();
  await world.runFor(DAY_MS);
  await expect(world.fleet.hold([1], "isolate")).rejects.toMatchObject({ code: "fenced" });
  expect(await world.fleet.log.records()).toHaveLength(length);
  expect(node.device?.level).toBe("none"); // it goes on under the lease that it has
});

test("P9: under new terms the device comes back, works, and holds what stands in them", async () => {
  const { world, node } = await fenced();
  const { fleet } = world;
  await world.perform("operator", "mends it", () => fleet.recover("the backup was a week old"));
  await world.until(() => isLeased(world, node), "it works", 3 * HOUR_MS);
  expect(node.device?.level).toBe("none");
  const { terms } = fleet.service.trust.authority.value;
  expect(terms).toMatchObject({ directive: 2, advisory: 2, ledger: 2, time: 2 });
  await world.perform("operator", "holds it", () => fleet.hold([1], "isolate"));
  await world.until(() => node.device?.standing === "isolate", "it is held", HOUR_MS);
  await world.perform("operator", "frees it", () => fleet.release([1]));
  await world.until(() => node.device?.standing === "none", "it is free", 3 * HOUR_MS);
});

test("P3: a fleet that is restored once more is told so once more, and mended once more", async () => {
  const { world, node } = await fenced();
  const { fleet } = world;
  await world.perform("operator", "mends it", () => fleet.recover("first"));
  const { length: position } = await fleet.log.records();
  await world.until(() => isLeased(world, node), "it works", 3 * HOUR_MS);
  await world.runFor(2 * DAY_MS);
  fleet.kill();
  await fleet.log.restore(position);
  await world.perform(fleet.name, "starts", () => fleet.start());
  await world.until(() => fleet.view.fence !== undefined, "the fence is raised again", 2 * DAY_MS);
  await world.perform("operator", "mends it", () => fleet.recover("second"));
  await world.until(() => isLeased(world, node), "it works again", DAY_MS);
  expect(fleet.view).toMatchObject({ era: 2 });
});
