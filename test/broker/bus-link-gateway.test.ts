/** A real gateway with real devices, whose fleet is two services on a bus. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BusLink } from "../../broker/adapters/bus-link.js";
import { startGateway } from "../../broker/main.js";
import { frontDoor } from "../../fleet/front-door.js";
import { type BusServer, serveBus } from "../../fleet/link-bus.js";
import { linkSource } from "../../fleet/link-feed.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Bus } from "../../protocol/bus.js";
import { toHex } from "../../protocol/bytes.js";
import { grounds } from "../contracts/bus-grounds.js";
import { Harbor, until } from "../stories/harbor.js";
import type { Sailor } from "../stories/aboard.js";
import { entropy } from "../stories/soft-keys.js";
import { known } from "./bus-linked.js";

const MAX_PAYLOAD = 2 ** 20;

describe.each(grounds(MAX_PAYLOAD))("over $name", (ground) => {
  let harbor: Harbor;
  let link: BusLink;
  const servers: BusServer[] = [];
  const buses: Bus[] = [];
  const states: string[] = [];

  async function bus(): Promise<Bus> {
    const made = await ground.bus();
    buses.push(made);
    return made;
  }
  async function serve(): Promise<void> {
    const { service } = harbor;
    const own = await bus();
    const source = linkSource(service, frontDoor(service));
    const report = (problem: string) => void expect.fail(problem);
    servers.push(serveBus({ source, bus: own, fleetId: fleetId(), clock: systemClock, report }));
    await known(own);
  }
  const fleetId = () => toHex(harbor.service.trust.fleetId);

  beforeAll(() => ground.start());
  afterAll(() => ground.stop());
  beforeEach(async () => {
    harbor = await Harbor.open();
    await serve();
    await serve();
    states.splice(0);
    const onChange = (lost: Error | undefined) => void states.push(lost?.message ?? "back");
    const parts = { clock: systemClock, crypto: nodeCrypto };
    link = await BusLink.open({ bus: await bus(), fleetId: fleetId(), ...parts, onChange });
    const onEvent = (event: (typeof harbor.gatewayEvents)[number]) => harbor.gatewayEvents.push(event);
    const gateway = await startGateway({ ...parts, link, clock: harbor.clock, entropy, port: 0, onEvent });
    await harbor.exchangeGateway(gateway);
  });
  afterEach(async () => {
    await harbor.close();
    link.close();
    for (const server of servers.splice(0)) await server.close();
    for (const one of buses.splice(0)) await one.close();
  });

  const opened = ({ number }: Sailor) =>
    harbor.gatewayEvents.filter((event) => event.type === "opened" && event.number === number).length;
  const stops = (camera: Sailor) =>
    until(() => camera.device.level === "isolate", `device ${camera.number} holds itself`);

  test("P3: a device enrolls, syncs and speaks; a hold reaches it at once", async () => {
    const camera = await harbor.working();
    await camera.device.publish("picture", new TextEncoder().encode("one"));
    await harbor.hold([camera.number], "isolate");
    await stops(camera);
    await harbor.release([camera.number]);
    await harbor.speaking(camera);
    expect(harbor.messagesFrom(camera)).toEqual(["one"]);
  });

  test("P11: a service leaves, and the other does all; sessions stay", async () => {
    const camera = await harbor.working();
    const before = opened(camera);
    await servers.shift()?.close();
    await harbor.hold([camera.number], "isolate");
    await stops(camera);
    await harbor.release([camera.number]);
    await harbor.speaking(camera);
    await harbor.working(); // certificates and leases come too
    expect(opened(camera)).toBe(before);
    expect(states).toEqual([]);
  });

  test("P3, P11: the carrier is lost and back: sessions stay, and roles are corrected after", async () => {
    const camera = await harbor.working();
    const [before, number] = [opened(camera), camera.number];
    const role = () => harbor.sessions().find((session) => session.number === number)?.role;
    await ground.lose();
    await until(() => states.length === 1, "the gateway knows that it is alone");
    await harbor.speaking(camera); // under its lease
    await harbor.hold([number], "isolate");
    expect(role()).toBe("device");
    await ground.restore();
    await until(() => role() === "held", "the gateway knows of the hold");
    await stops(camera);
    expect([opened(camera), states.at(-1)]).toEqual([before, "back"]);
  });
});
