/** Workers as `server run --nats` makes them, of which one cannot do its share: a gateway is served by the other. */
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { BusLink } from "../../broker/adapters/bus-link.js";
import { Ability, LOOK_MS, MAX_BEHIND } from "../../fleet/ability.js";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { serveBus } from "../../fleet/link-bus.js";
import { linkSource } from "../../fleet/link-feed.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { freshKey, SmallFleet } from "../fleet/fixtures.js";
import { LaggingLog } from "../fleet/lagging-log.js";
import { alone, MemoryStagedKeys, nextLink } from "../fleet/rotation.js";
import { always } from "../fleet/several-services.js";
import { NatsServer } from "../nats/server.js";
import { until } from "../stories/harbor.js";
import { known } from "./bus-linked.js";

/** A worker's copy on a disk that can hang: what is written then waits. */
class HangingCopy extends MemoryEventLog {
  #hangs: Promise<void> = Promise.resolve();
  release: () => void = () => undefined;

  hang(): void {
    this.#hangs = new Promise((resolve) => (this.release = resolve));
  }

  override async append(...record: Parameters<MemoryEventLog["append"]>): Promise<number> {
    await this.#hangs;
    return super.append(...record);
  }
}

let nats: NatsServer;
let clock: JumpClock;
/** From the last to the first. */
let closing: (() => Promise<void> | void)[];
beforeAll(async () => {
  nats = await NatsServer.start();
});
afterAll(() => nats.remove());
beforeEach(() => {
  clock = new JumpClock();
  closing = [];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

async function busOf(name: string): Promise<NatsBus> {
  const bus = await NatsBus.connect({ servers: [nats.url], name }, (problem) => expect.fail(problem));
  closing.push(() => bus.close());
  return bus;
}

async function serve(fleet: SmallFleet) {
  const { service, door } = fleet;
  const bus = await busOf("worker");
  const ability = new Ability(service, clock);
  const fleetId = toHex(service.trust.fleetId);
  const source = linkSource(service, door);
  const server = serveBus({ source, bus, fleetId, clock, ability, report: (why) => expect.fail(why) });
  closing.push(
    () => ability.close(),
    () => server.close(),
  );
  await known(bus);
  return { fleet, bus, ability };
}

async function gatewayOf({ service }: SmallFleet) {
  const bus = await busOf("gateway");
  const states: string[] = [];
  const link = await BusLink.open({
    bus,
    fleetId: toHex(service.trust.fleetId),
    clock,
    crypto: nodeCrypto,
    onChange: (lost) => states.push(lost?.message ?? "back"),
  });
  closing.push(() => link.close());
  return { link, bus, states };
}

test("P10: the disk under one worker's copy hangs: its gateway hears in time what another one decides", async () => {
  const stream = `hangs-${toHex(randomBytes(4))}`;
  const fleetOn = async (worker: string, copy: MemoryEventLog) => {
    const connection = await connectNats({ servers: [nats.url], name: worker });
    const wanted = { stream, replicas: 1, acceptLogLoss: true };
    const parts = { nats: connection, copy, worker: worker.repeat(16), clock: systemClock };
    const log = await JetStreamEventLog.open({ ...parts, ...wanted });
    const fleet = await SmallFleet.open({ log });
    closing.push(
      () => connection.close(),
      () => fleet.service.close(),
    );
    return fleet;
  };
  const copy = new HangingCopy();
  const second = await fleetOn("b", new MemoryEventLog());
  const camera = await second.member("SN-1");
  const a = await serve(await fleetOn("a", copy));
  const { link, bus, states } = await gatewayOf(a.fleet); // nobody else could feed it
  const b = await serve(second);
  closing.push(() => copy.release());
  let seconds = 0;
  const pass = async () => {
    clock.advance(LOOK_MS);
    seconds += 1;
    await second.service.caughtUp(); // its own look is answered too
    for (const each of [a.bus, b.bus, bus]) await known(each);
  };
  for (let i = 0; i < 3; i++) await pass();

  copy.hang();
  await second.act("hold", [camera.number], "isolate");
  seconds = 0;
  await until(async () => {
    await pass();
    return link.standing(camera.number)?.level === "isolate";
  }, "the gateway hears of it");
  expect(seconds).toBeLessThanOrEqual(MAX_BEHIND + 3);
  expect([a.ability.behind === undefined, b.ability.why, states]).toEqual([false, undefined, []]);

  copy.release();
  await until(async () => {
    await pass();
    return a.ability.why === undefined;
  }, "it follows again");
  expect(a.fleet.service.position).toBe(second.service.position);
});

test("a worker that lacks a key which is in force is asked nothing: every device is answered", async () => {
  const shared = new MemoryEventLog();
  const [first, other] = [new MemoryStagedKeys(), new MemoryStagedKeys()];
  const open = (staged: MemoryStagedKeys) => SmallFleet.open({ log: new LaggingLog(shared, always), staged });
  const [a, b] = [await serve(await open(first)), await serve(await open(other))];
  const camera = await a.fleet.member("SN-1");
  const { link } = await gatewayOf(a.fleet);
  const lease = freshKey();
  first.waiting = { lease };
  const rotated = nextLink(a.fleet, { roles: { lease: alone(lease.publicKey) } });
  await a.fleet.service.installAuthority(rotated, "operator");
  await until(() => b.ability.why?.includes("lease") === true, "the other one knows that it lacks it");
  for (let i = 0; i < 100; i++) await link.handle(camera.number, camera.syncRequest());
  expect([a.ability.why, b.ability.behind]).toEqual([undefined, undefined]);
});
