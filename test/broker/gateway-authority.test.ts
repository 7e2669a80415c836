/** A new version of the Authority reaches a gateway while it serves: certificates, live sessions, hints. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { utf8 } from "../../protocol/bytes.js";
import { DEVICE, LDEVID, OTHER, OTHER_LDEVID, SERVICE, Stage, topics } from "./harness.js";
import { fleet } from "./scripted-link.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const withoutDeviceCa = {
  ...fleet.trust,
  issuers: fleet.trust.issuers.filter(({ purpose }) => purpose !== "device"),
};

test("whoever logs in is told the newest version", async () => {
  stage.link.newAuthority();
  const device = await stage.connect(String(DEVICE), LDEVID);
  await device.subscribe(topics.down(DEVICE));
  expect(await device.notice()).toEqual({ role: "device", reason: "ok", authority: 2 });
});

test("the gateway takes a new certificate at once", async () => {
  await stage.event({ type: "certified" });
  expect(stage.link.issued).toBe(1);
  stage.link.newAuthority();
  const device = await stage.device();
  expect(stage.link.issued).toBe(2);
  expect(device.closed).toBe(false);
});

test("P10: a session whose certificate no longer verifies is told so, and cut; others go on", async () => {
  const observer = await stage.connect("observer", SERVICE);
  const device = await stage.device();
  stage.link.newAuthority(withoutDeviceCa);
  expect(await device.notice()).toMatchObject({ role: "lobby", reason: "bad-certificate" });
  await device.isClosed();
  expect(observer.closed).toBe(false);
});

test("a session goes on under a new version that lists its CA", async () => {
  const device = await stage.device();
  stage.link.newAuthority({ ...fleet.trust });
  await stage.device(OTHER, OTHER_LDEVID);
  await device.publish(`${topics.app(DEVICE)}x`, "still here");
  expect(device.closed).toBe(false);
});

test("what is for everyone reaches those who listen on all, parts of the ledger right after their Beacon", async () => {
  const device = await stage.device();
  await device.subscribe(topics.all);
  stage.link.newBeacon(utf8("beacon 2"), utf8("part 1"), utf8("part 2"));
  stage.link.broadcast(utf8("advisories"));
  await device.message(utf8("advisories"));
  const heard = device.received.filter(({ topic }) => topic === topics.all).map(({ payload }) => payload);
  expect(heard.map((bytes) => new TextDecoder().decode(bytes))).toEqual([
    "beacon 1",
    "beacon 2",
    "part 1",
    "part 2",
    "advisories",
  ]);
});
