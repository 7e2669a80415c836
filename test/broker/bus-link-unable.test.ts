/** Services that are on the bus and cannot do their share: gateways are answered and told the news by the others. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { HEARTBEAT_MS } from "../../fleet/link-bus-wire.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { utf8 } from "../../protocol/bytes.js";
import { grounds } from "../contracts/bus-grounds.js";
import { SmallFleet } from "../fleet/fixtures.js";
import { until } from "../stories/harbor.js";
import { BusRig, known } from "./bus-linked.js";
import { AT } from "./linked.js";

const fleet = await SmallFleet.open();

describe.each(grounds(64 * 1024))("over $name", (ground) => {
  let clock: JumpClock;
  let rig: BusRig;
  beforeAll(() => ground.start());
  afterAll(() => ground.stop());
  beforeEach(() => {
    clock = new JumpClock();
    rig = new BusRig(ground, fleet, clock);
  });
  afterEach(() => rig.close());

  /** Two services and a gateway. */
  async function pair() {
    await rig.service();
    await rig.service();
    const bus = await rig.bus();
    const gateway = await rig.gateway(bus);
    const [feeding, other] = rig.feeding();
    /** Time goes on, and what is said in it arrives. */
    const heartbeat = async () => {
      clock.advance(HEARTBEAT_MS);
      for (const each of [feeding.bus, other.bus, bus]) await known(each);
    };
    return { ...gateway, feeding, other, heartbeat };
  }

  test("P10: one that does not get the log any more is left: a level that another one decided is heard", async () => {
    const { link, states, feeding, other, heartbeat } = await pair();
    feeding.hold();
    other.reply = async () => {
      rig.log.append({ number: 1, standing: AT("isolate") }, other);
      return [utf8("held")];
    };
    const asked: Promise<unknown>[] = [];
    while (other.asked.length === 0) {
      asked.push(link.handle(2, utf8("x")).catch((error: unknown) => error));
      for (const service of rig.services) await known(service.bus);
    }
    await until(async () => {
      await heartbeat();
      return link.standing(1)?.level === "isolate";
    }, "the gateway has heard of it");
    expect((await Promise.all(asked)).at(-1)).toMatchObject({ code: "link-down" });
    expect([states[0], states.at(-1)]).toEqual(["the news behind the answer do not come", "back"]);
    expect(other.snapshots).toBe(1);
  });

  test("P10: one that cannot do its share is asked nothing, and its gateways hear from another; nothing is lost", async () => {
    const { link, states, feeding, other, heartbeat } = await pair();
    feeding.ability.is("it lacks a key");
    await heartbeat();
    for (let number = 1; number <= 50; number++) await link.handle(number, utf8("x"));
    expect([feeding.asked.length, other.asked.length]).toEqual([0, 50]);
    rig.log.append({ number: 1, standing: AT("isolate") }, other);
    await until(() => link.standing(1)?.level === "isolate", "the other one tells it");
    feeding.ability.is(undefined);
    await heartbeat();
    for (let number = 1; number <= 50; number++) await link.handle(number, utf8("x"));
    expect(feeding.asked.length).toBeGreaterThan(5);
    expect(states).toEqual([]);
  });

  test("P10: none of them can: what is known stays, a held device is held, and it is said once", async () => {
    const { link, states, feeding, other, heartbeat } = await pair();
    rig.log.append({ number: 1, standing: AT("isolate") });
    await until(() => link.standing(1)?.level === "isolate", "the gateway has heard");
    for (const service of rig.services) service.ability.is("it does not follow its log");
    await until(() => states.length > 0, "it is said");
    for (let i = 0; i < 20; i++) await heartbeat();
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject({ code: "link-down" });
    expect(link.standing(1)).toEqual(AT("isolate"));
    expect(states).toEqual([expect.stringContaining("no service of this fleet is there")]);
    for (const service of [feeding, other]) service.ability.is(undefined);
    await until(async () => {
      await heartbeat();
      return states.length === 2;
    }, "they are back");
    expect(states[1]).toBe("back");
    expect(await link.handle(1, utf8("x"))).toEqual([]);
  });
});
