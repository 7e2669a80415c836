/** A gateway of the world, and its link to the fleet: what it knows, what it does not, and what it takes. */
import { describe, expect, test } from "vitest";
import { utf8 } from "../../protocol/bytes.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import type { DeviceNode } from "../../simulators/world/device-node.js";
import type { GatewayNode } from "../../simulators/world/gateway-node.js";
import type { Observer } from "../../simulators/world/observer.js";
import type { WorldOptions } from "../../simulators/world/settings.js";
import { type WayOut, WorldTransport } from "../../simulators/world/transport.js";
import { NodeClock } from "../../simulators/world/clocks.js";
import { World } from "../../simulators/world/world.js";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** One device, one gateway; the device has a lease. */
async function running(
  options: WorldOptions,
): Promise<{ world: World; node: DeviceNode; gateway: GatewayNode }> {
  const world = await World.create({ devices: 1, gateways: 1, ...options });
  const [node] = world.devices as [DeviceNode];
  const [gateway] = world.gateways as [GatewayNode];
  await world.perform(node.name, "starts", () => node.start());
  await world.until(() => node.device?.lease !== undefined, "it has a lease", 5 * MINUTE_MS);
  return { world, node, gateway };
}

function watch<Kind extends keyof Observer>(world: World, kind: Kind) {
  const seen: Parameters<NonNullable<Observer[Kind]>>[] = [];
  world.observe({ [kind]: (...told: never) => void seen.push(told) });
  return seen;
}

/** The key of its factory identity, as it lies on its disk. */
function pemOf(node: DeviceNode): string {
  return new TextDecoder().decode(must(node.disk.durable("/keys/idevid.pem")));
}

function wayOf(name: string, world: World): WayOut {
  const { network, keyring, schedule, gateways } = world;
  const quiet = { onSend: () => undefined, onHear: () => undefined };
  const gateway = () => gateways[0]?.name;
  return { network, keyring, node: name, clock: new NodeClock(schedule, name), gateway, ...quiet };
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("there is nothing where something has to be");
  return value;
}

describe("a gateway that the fleet cannot be reached from", () => {
  test("goes by what it knew, answers that the fleet is away, and is told all when it is back", async () => {
    const { world, node, gateway } = await running({ seed: 1 });
    const events = watch(world, "gatewayEvent");
    world.network.cut([gateway.name], ["fleet"]);
    await world.perform("operator", "holds it", () => world.fleet.hold([1], "isolate"));
    await world.runFor(2 * DAY_MS);
    expect(gateway.sessions()).toMatchObject([{ role: "device", number: 1 }]);
    expect(events).toContainEqual([gateway.name, expect.objectContaining({ code: "fleet-unreachable" })]);
    expect(node.device?.standing).toBe("none");
    world.network.heal();
    await world.until(() => node.device?.standing === "isolate", "the device knows", 90 * MINUTE_MS);
    expect(gateway.sessions()).toMatchObject([{ role: "held", reason: "quarantined" }]);
  });

  test("loses an answer that is under way, and the device asks again", async () => {
    const { world, node, gateway } = await running({ seed: 2, appendMs: [200, 200] });
    const answered = watch(world, "answered");
    const sent = watch(world, "sent");
    await world.until(() => sent.length > 0, "it syncs", 2 * DAY_MS);
    await world.runFor(150); // the request has arrived, and is being decided
    const cut = world.network.cut(["fleet"], [gateway.name], true);
    await world.runFor(1000);
    expect(answered).toHaveLength(1);
    await world.runFor(MINUTE_MS);
    world.network.heal(cut);
    const before = node.device?.lease;
    await world.until(() => node.device?.lease !== before, "it has a new lease", 90 * MINUTE_MS);
  });

  test("knows a hold later than the fleet, and takes messages until then", async () => {
    const { world, node, gateway } = await running({ seed: 3, linkMs: [5000, 5000] });
    const accepted = watch(world, "accepted");
    await world.perform("operator", "holds it", () => world.fleet.hold([1], "isolate"));
    node.device?.publish("hello", utf8("still here")).catch(() => undefined);
    await world.runFor(4000);
    expect(world.fleet.view.devices.get(1)?.level).toBe("isolate");
    expect(accepted).toMatchObject([
      [{ gateway: gateway.name, number: 1, generation: 1, topic: "app/1/hello" }],
    ]);
    await world.runFor(MINUTE_MS);
    node.device?.publish("hello", utf8("and now?")).catch(() => undefined);
    await world.runFor(DAY_MS);
    expect(accepted).toHaveLength(1);
  });
});

describe("a gateway", () => {
  test("gets a new certificate in time", async () => {
    const { world, node } = await running({ seed: 4, policy: { syncEverySeconds: 30 * 86_400 } });
    await world.runFor(100 * DAY_MS);
    await world.perform("operator", "holds it", () => world.fleet.hold([1], "restrict"));
    await world.runFor(MINUTE_MS);
    expect(node.device?.standing).toBe("restrict");
  });

  test("that loses its power is missed late, and one that is stopped at once", async () => {
    const { world, node, gateway } = await running({ seed: 5 });
    const events = watch(world, "deviceEvent");
    gateway.stop("power");
    await world.runFor(50_000);
    expect(events).toEqual([]);
    await world.runFor(2 * MINUTE_MS);
    expect(events[0]).toEqual([node, { type: "disconnected" }]);
    const again = await world.restartGateway(gateway);
    await world.until(() => again.sessions().length === 1, "the device is back", 10 * MINUTE_MS);
    await world.runFor(MINUTE_MS);
    events.length = 0;
    again.stop();
    await world.runFor(1000);
    expect(events[0]).toEqual([node, { type: "disconnected" }]);
  });

  test("lets nobody in who shows a certificate without its key", async () => {
    const { world, node } = await running({ seed: 6 });
    await world.perform(node.name, "stops", () => node.stop());
    const other = await world.addDevice();
    const { idevid, fleetId } = must(node.durable()).record;
    const heard: string[] = [];
    const knock = (key: DeviceNode) =>
      world.at(world.nowMs, "thief", "knocks", () => {
        const certificates = certificatesToPem(...idevid);
        const verify = () => "trusted" as const;
        const door = {
          name: "front",
          number: 1,
          certificates,
          key: pemOf(key),
          verify,
        } as const;
        new WorldTransport(wayOf("thief", world)).connect(fleetId, door, {
          opened: () => void heard.push("opened"),
          serverRefused: () => void heard.push("refused"),
          received: () => undefined,
          closed: () => void heard.push("closed"),
        });
      });
    knock(other);
    await world.runFor(MINUTE_MS);
    expect(heard).toEqual(["closed"]);
    knock(node); // and who has the key, is in
    await world.runFor(MINUTE_MS);
    expect(heard).toEqual(["closed", "opened"]);
  });

  test("that is not honest changes what passes through it", async () => {
    const { world, node, gateway } = await running({ seed: 7 });
    const heard = watch(world, "heard");
    gateway.meddling = { down: (_to, payload) => [payload, payload], up: () => [] };
    gateway.inject(1, Uint8Array.of(1, 2, 3));
    await world.runFor(1000);
    expect(heard.map(([, bytes]) => [...bytes])).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    const before = node.device?.lease;
    await world.runFor(DAY_MS + 10 * MINUTE_MS);
    expect(node.device?.lease).toBe(before); // what it asks does not come through
  });
});

test("a device that another fleet owns goes to the gateways of that fleet", async () => {
  const { world, node } = await running({ seed: 8 });
  const other = await world.addFleet("other");
  await world.addGateway({}, other);
  const sister = world.makeDevice();
  await world.perform(sister.name, "is born", () => sister.bear(other.station));
  await world.perform(sister.name, "starts", () => sister.start());
  await world.until(() => sister.device?.lease !== undefined, "it has a lease", 5 * MINUTE_MS);
  expect(other.view.devices.size).toBe(1);
  expect(world.fleet.view.devices.size).toBe(1);
  expect(node.device?.lease).toBeDefined();
});
