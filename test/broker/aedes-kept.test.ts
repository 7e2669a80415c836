/**
 * What aedes would grant, keep, and say for who is gone: here a session ends with its connection, and
 * nothing that a client sent outlives the moment. The table of all findings is in aedes-findings.test.ts.
 */
import type { IClientPublishOptions } from "mqtt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { utf8 } from "../../protocol/bytes.js";
import {
  DEVICE,
  LDEVID,
  OTHER,
  OTHER_LDEVID,
  SERVICE,
  Stage,
  topics,
  type Identity,
  type Peer,
} from "./harness.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const OWN = `${topics.app(DEVICE)}x`;

/** A service that subscribes now. */
async function reader(): Promise<Peer> {
  const service = await stage.connect("observer", SERVICE);
  await service.subscribe("app/#");
  return service;
}

/** What it was sent before something that another device publishes now. */
async function heard(service: Peer): Promise<Peer["received"]> {
  const other = await stage.connect(String(OTHER), OTHER_LDEVID);
  await other.publish(`${topics.app(OTHER)}x`, utf8("the end"));
  await service.message(utf8("the end"));
  return service.received.slice(0, -1);
}

describe("a $share subscription", () => {
  const SPECIAL = ["$share/group/#", "$share/group/app/#", `$share/group/${OWN}`, "$queue/app/#"];
  const OF_AEDES = ["$SYS/#", "$SYS/+/heartbeat", "$SYS/+/new/clients"];

  test.each<[string, string, Partial<Identity>]>([
    ["a device", String(DEVICE), LDEVID],
    ["a service", "observer", SERVICE],
    ["nobody", "stranger", {}],
  ])("of %s is refused, as one to $SYS is, and not granted to deliver nothing", async (_name, id, shown) => {
    const peer = await stage.connect(id, shown);
    for (const filter of [...SPECIAL, ...OF_AEDES]) {
      expect([filter, await peer.subscribe(filter)]).toEqual([filter, 128]);
    }
    expect(stage.events.filter(({ type }) => type === "refused")).toHaveLength(7);
  });

  test("does not spoil the filters beside it", async () => {
    const service = await stage.connect("observer", SERVICE);
    const granted = new Promise((resolve) => {
      service.client.subscribe(["$share/group/app/#", "app/#"], (_error, _granted, packet) =>
        resolve(packet?.granted),
      );
    });
    expect(await granted).toEqual([128, 0]);
    expect(await heard(service)).toEqual([]);
    expect(service.received).toHaveLength(1);
  });
});

describe("a will after the cut", () => {
  const will = { topic: OWN, payload: Buffer.from("gone"), qos: 1, retain: false } as const;

  test.each<[string, string, Partial<Identity>]>([
    ["a device", String(DEVICE), LDEVID],
    ["a service", "recorder", SERVICE],
    ["nobody", "stranger", {}],
  ])("of %s is not spoken, since its CONNECT was refused", async (_name, id, shown) => {
    const service = await reader();
    await expect(stage.connect(id, shown, { will })).rejects.toMatchObject({ code: 5 });
    expect(await heard(service)).toEqual([]);
  });

  test("what stands behind a message that ended the session is not published either", async () => {
    const service = await reader();
    const device = await stage.device();
    device.client.stream.cork(); // so that both arrive in one piece
    device.client.publish(OWN, "retained", { qos: 0, retain: true });
    device.client.publish(OWN, "behind it", { qos: 0 });
    device.client.stream.uncork();
    await stage.event({ type: "closed", number: DEVICE });
    expect(await heard(service)).toEqual([]);
  });
});

describe("a retained publish", () => {
  test.each<[string, string, IClientPublishOptions]>([
    ["with QoS 0", "23.5", { qos: 0, retain: true }],
    ["with QoS 1", "23.5", { qos: 1, retain: true }],
    ["of nothing", "", { qos: 1, retain: true }],
  ])("%s ends the session, and nobody who subscribes later hears it", async (_name, payload, options) => {
    const device = await stage.device();
    device.client.publish(OWN, payload, options);
    await stage.event({ type: "refused", code: "retain", number: DEVICE });
    await stage.event({ type: "closed", number: DEVICE });
    expect(await heard(await reader())).toEqual([]);
  });
});

test("a session that was to be kept is not, and nothing waits for who is away", async () => {
  const first = await stage.connect("observer", SERVICE, { clean: false });
  await first.subscribe("app/#");
  await first.client.endAsync(true);
  await stage.event({ type: "closed", role: "service" });
  const device = await stage.device();
  await device.publish(OWN, utf8("while it was away"));
  const again = await stage.connect("observer", SERVICE, { clean: false });
  await device.publish(OWN, utf8("nor is its filter kept"));
  await again.subscribe("app/#");
  expect(await heard(again)).toEqual([]);
});
