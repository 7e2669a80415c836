/** What a refusal looks like over MQTT: a refused filter is answered with 128, a refused publish with the end. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { utf8 } from "../../protocol/bytes.js";
import { DEVICE, IDEVID, LDEVID, OTHER, OTHER_LDEVID, SERVICE, Stage, topics, type Peer } from "./harness.js";
import { WORKING } from "./scripted-link.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const OWN = `${topics.app(DEVICE)}temperature`;
const observer = () => stage.connect("observer", SERVICE);

async function subscribed(peer: Peer, filters: readonly string[]): Promise<(number | undefined)[]> {
  const granted: (number | undefined)[] = [];
  for (const filter of filters) granted.push(await peer.subscribe(filter));
  return granted;
}

describe("filters", () => {
  test("of a device: its own, and nothing else; the session goes on", async () => {
    const device = await stage.connect(String(DEVICE), LDEVID);
    expect(await subscribed(device, [topics.down(DEVICE), topics.all, `app/${DEVICE}/#`])).toEqual([1, 1, 1]);
    const refused = [topics.down(OTHER), topics.up(DEVICE), `app/${OTHER}/#`, "app/#", "#", "$SYS/#", "dm/#"];
    expect(await subscribed(device, refused)).toEqual(refused.map(() => 128));
    expect(await subscribed(device, [`$share/group/app/${DEVICE}/#`])).toEqual([128]);
    expect(device.closed).toBe(false);
  });

  test("of a pledge: only where it is answered", async () => {
    const pledge = await stage.connect(String(DEVICE), IDEVID);
    expect(await subscribed(pledge, [topics.down(DEVICE), topics.all, `app/${DEVICE}/#`])).toEqual([
      1, 128, 128,
    ]);
  });

  test("more than a session may have are refused", async () => {
    const device = await stage.connect(String(DEVICE), LDEVID);
    const filters = Array.from({ length: 17 }, (_, i) => `app/${DEVICE}/${i}`);
    expect(await subscribed(device, filters)).toEqual(filters.map((_, i) => (i < 16 ? 1 : 128)));
    await device.client.unsubscribeAsync(`app/${DEVICE}/0`);
    expect(await subscribed(device, [`app/${DEVICE}/16`])).toEqual([1]);
  });
});

describe("publishing ends the connection, and reaches nobody,", () => {
  test.each<[string, string, string]>([
    ["for another device", "topic", `app/${OTHER}/temperature`],
    ["as another device", "topic", topics.up(OTHER)],
    ["as the fleet", "topic", topics.down(DEVICE)],
    ["to everyone", "topic", topics.all],
    ["below $SYS", "topic", "$SYS/x"],
    ["with an empty level", "topic", `app/${DEVICE}//x`],
  ])("%s", async (_name, code, topic) => {
    const device = await stage.device();
    await expect(device.publish(topic)).rejects.toThrow("closed");
    await stage.event({ type: "refused", code, number: DEVICE });
    await stage.event({ type: "closed", number: DEVICE });
  });

  test.each<[string, string, { qos: 0 | 1 | 2; retain: boolean }]>([
    ["retained", "retain", { qos: 1, retain: true }],
    ["with QoS 2", "qos", { qos: 2, retain: false }],
  ])("%s", async (_name, code, options) => {
    const device = await stage.device();
    const service = await observer();
    await service.subscribe("app/#");
    device.client.publish(OWN, "23.5", options);
    await device.isClosed();
    await stage.event({ type: "refused", code, number: DEVICE });
    const later = await stage.device();
    await later.publish(OWN, "24.0"); // behind the refused one, so that would have come first
    await service.message(utf8("24.0"));
    expect(service.received).toMatchObject([{ topic: OWN, payload: utf8("24.0"), retain: false }]);
  });

  test("by a pledge, a held device or a service", async () => {
    stage.link.standings.set(OTHER, { ...WORKING, level: "restrict" });
    const pledge = await stage.connect(String(DEVICE), IDEVID);
    const held = await stage.connect(String(OTHER), OTHER_LDEVID);
    const service = await observer();
    await expect(pledge.publish(OWN)).rejects.toThrow("closed");
    await expect(held.publish(`app/${OTHER}/temperature`)).rejects.toThrow("closed");
    await expect(service.publish(OWN)).rejects.toThrow("closed");
  });
});

test("a service reads what devices publish, by wildcards too, once", async () => {
  const service = await observer();
  expect(await subscribed(service, ["app/#", `app/${DEVICE}/+`, topics.all])).toEqual([1, 1, 1]);
  expect(await subscribed(service, [topics.up(DEVICE), topics.down(DEVICE), "#"])).toEqual([128, 128, 128]);
  const [device, other] = [await stage.device(), await stage.device(OTHER, OTHER_LDEVID)];
  await device.publish(OWN, "one");
  await other.publish(`app/${OTHER}/x`, "two");
  await service.message(utf8("two"));
  expect(service.received.filter(({ topic }) => topic.startsWith("app/"))).toMatchObject([
    { topic: OWN, payload: utf8("one") },
    { topic: `app/${OTHER}/x`, payload: utf8("two") },
  ]);
});

test("who subscribes to all gets the newest Beacon as a retained message, and then each new one", async () => {
  const early = await stage.device();
  await early.subscribe(topics.all);
  expect(await early.message(utf8("beacon 1"))).toMatchObject({ topic: topics.all, retain: true });
  stage.link.newBeacon(utf8("beacon 2"));
  expect(await early.message(utf8("beacon 2"))).toMatchObject({ topic: topics.all, retain: false });
  const late = await observer();
  await late.subscribe(topics.all);
  expect(await late.message(utf8("beacon 2"))).toMatchObject({ retain: true });
  expect(late.received).toHaveLength(1);
});

test("a document for one device goes to it and to nobody else", async () => {
  const [device, other] = [await stage.device(), await stage.device(OTHER, OTHER_LDEVID)];
  stage.link.push(DEVICE, utf8("directive"));
  expect(await device.message(utf8("directive"))).toMatchObject({ topic: topics.down(DEVICE) });
  stage.link.push(OTHER, utf8("another"));
  await other.message(utf8("another"));
  expect(other.received.map(({ payload }) => payload)).not.toContainEqual(utf8("directive"));
});
