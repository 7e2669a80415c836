/** A change reaches live sessions at once: the role is lowered, filters are dropped, or the session is cut (P10). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { utf8 } from "../../protocol/bytes.js";
import { SyncRequest } from "../../protocol/sync.js";
import { DAY } from "../x509/helpers.js";
import {
  connectPacket,
  DEVICE,
  envelope,
  LDEVID,
  OTHER,
  OTHER_LDEVID,
  SERVICE,
  Stage,
  topics,
} from "./harness.js";
import { WORKING } from "./scripted-link.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const OWN = `${topics.app(DEVICE)}temperature`;

test("P10: a device that is held stops speaking and hearing at once, and still syncs", async () => {
  const device = await stage.device();
  const observer = await stage.connect("observer", SERVICE);
  await observer.subscribe("app/#");
  await device.subscribe(`app/${DEVICE}/#`);
  await device.subscribe(topics.all);
  await device.publish(OWN, "before");
  await device.message(utf8("before"));

  stage.link.decide(DEVICE, { level: "restrict" });
  expect(await device.notice()).toEqual({ role: "held", reason: "quarantined", authority: 1 });
  await stage.event({ type: "roleChanged", role: "held", number: DEVICE });
  expect(await device.subscribe(`app/${DEVICE}/#`)).toBe(128);
  await device.publish(topics.up(DEVICE), envelope(SyncRequest.type));
  stage.link.newBeacon(utf8("beacon 2"));
  await device.message(utf8("beacon 2"));
  await expect(device.publish(OWN, "after")).rejects.toThrow("closed");

  await stage.device(OTHER, OTHER_LDEVID).then((other) => other.publish(`app/${OTHER}/x`, "from another"));
  await observer.message(utf8("from another"));
  expect(observer.received.map(({ payload }) => payload)).toEqual([utf8("before"), utf8("from another")]);
});

test("P10: a device that is suspected is held at once, syncs, and works again once somebody vouches", async () => {
  const device = await stage.device();
  stage.link.decide(DEVICE, { suspected: true });
  expect(await device.notice()).toEqual({ role: "held", reason: "suspected", authority: 1 });
  await device.publish(topics.up(DEVICE), envelope(SyncRequest.type));
  await device.message(utf8("reply"));
  stage.link.decide(DEVICE, { suspected: false });
  expect(await device.notice()).toEqual({ role: "device", reason: "ok", authority: 1 });
  await device.publish(OWN);
  stage.link.decide(DEVICE, { suspected: true });
  await expect(device.publish(OWN)).rejects.toThrow("closed");
});

test("P10: a filter that was granted is dropped with the role, and has to be asked for again", async () => {
  const device = await stage.device();
  await device.subscribe(`app/${DEVICE}/#`);
  stage.link.decide(DEVICE, { level: "isolate" });
  expect(await device.notice()).toMatchObject({ role: "held" });
  stage.link.decide(DEVICE, { level: "none" });
  expect(await device.notice()).toEqual({ role: "device", reason: "ok", authority: 1 });
  await device.publish(OWN, "unheard");
  await device.subscribe(`app/${DEVICE}/#`);
  await device.publish(OWN, "heard");
  await device.message(utf8("heard"));
  expect(device.received.map(({ payload }) => payload)).not.toContainEqual(utf8("unheard"));
});

test("P10: what the fleet knows counts, also before it has told this gateway", async () => {
  const device = await stage.device();
  stage.link.standings.set(DEVICE, { ...WORKING, level: "restrict" });
  await expect(device.publish(OWN)).rejects.toThrow("closed");
});

test("P10: the same for what it hears: everything but its own answers stops", async () => {
  const device = await stage.device();
  await device.subscribe(topics.all);
  await device.message(utf8("beacon 1"));
  stage.link.standings.delete(DEVICE);
  stage.link.newBeacon(utf8("beacon 2"));
  stage.link.push(DEVICE, utf8("directive"));
  await device.message(utf8("directive"));
  expect(device.received.map(({ payload }) => payload)).not.toContainEqual(utf8("beacon 2"));
});

test("a revoked device is told so, and cut; each time it asks it is told again", async () => {
  const device = await stage.device();
  stage.link.decide(DEVICE, { level: "revoked" });
  expect(await device.notice()).toEqual({ role: "held", reason: "revoked", authority: 1 });
  await device.isClosed();
  await stage.event({ type: "closed", why: "dismissed", number: DEVICE });

  const again = await stage.connect(String(DEVICE), LDEVID);
  await again.subscribe(topics.down(DEVICE));
  expect(await again.notice()).toEqual({ role: "held", reason: "revoked", authority: 1 });
  stage.link.reply = () => Promise.resolve([utf8("the release that says so")]);
  await again.publish(topics.up(DEVICE), envelope(SyncRequest.type));
  await again.message(utf8("the release that says so"));
});

test("a session of a generation that died is told so, and cut", async () => {
  const device = await stage.device();
  stage.link.decide(DEVICE, { lowestGeneration: 2 });
  expect(await device.notice()).toEqual({ role: "lobby", reason: "old-generation", authority: 1 });
  await device.isClosed();
  await stage.event({ type: "closed", why: "dismissed" });
  expect(stage.gateway.sessions()).toEqual([]);
});

test("a peer that was told to go and stays is cut", async () => {
  const socket = await stage.raw(LDEVID);
  socket.pause(); // it reads nothing, so it never sees the end of the connection, nor answers it
  socket.write(connectPacket(String(DEVICE)));
  await stage.event({ type: "opened", number: DEVICE });
  const other = await stage.device(OTHER, OTHER_LDEVID); // many round trips, in which the login ends
  stage.link.decide(DEVICE, { level: "revoked" });
  await other.publish(`app/${OTHER}/x`);
  expect(stage.gateway.sessions()).toContainEqual({ role: "held", reason: "revoked", number: DEVICE });
  stage.clock.advance(3_000);
  await stage.event({ type: "closed", why: "dismissed", number: DEVICE });
  socket.destroy();
});

test("a certificate that runs out lowers the role in that second, and the reason is said", async () => {
  const device = await stage.device();
  await device.subscribe(`app/${DEVICE}/#`);
  stage.clock.advance(20 * DAY * 1000 - 60_000);
  await device.publish(OWN, "in its last minute");
  stage.clock.advance(60_000);
  expect(await device.notice()).toEqual({ role: "pledge", reason: "expired", authority: 1 });
  expect(await device.subscribe(topics.all)).toBe(128);
  expect(device.closed).toBe(false);
  await expect(device.publish(OWN)).rejects.toThrow("closed");
});

test("a release after the certificate ran out opens no more than the door to return", async () => {
  const device = await stage.device();
  stage.link.decide(DEVICE, { level: "restrict" });
  expect(await device.notice()).toMatchObject({ role: "held" });
  stage.clock.advance(20 * DAY * 1000);
  stage.link.decide(DEVICE, { level: "none" });
  expect(await device.notice()).toEqual({ role: "pledge", reason: "expired", authority: 1 });
});

test("a service whose certificate runs out is cut", async () => {
  const observer = await stage.connect("observer", SERVICE);
  await observer.subscribe("app/#");
  stage.clock.advance(80 * DAY * 1000);
  await observer.isClosed();
  expect(await stage.event({ type: "closed" })).toMatchObject({ why: "dismissed", reason: "expired" });
});

test("a gateway that closes ends its sessions", async () => {
  const device = await stage.device();
  const silent = await stage.raw();
  await stage.gateway.close();
  await device.isClosed();
  expect(await stage.event({ type: "closed" })).toMatchObject({ why: "closing", number: DEVICE });
  await new Promise((resolve) => (silent.closed ? resolve(undefined) : silent.once("close", resolve)));
});
