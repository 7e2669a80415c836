/** What a session asks and how it is answered: nothing is acknowledged before the fleet has decided (P4). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MAX_LOBBY_REQUESTS, MAX_WAITING_REQUESTS } from "../../broker/gateway-requests.js";
import { LOBBY_LIFE_MS } from "../../broker/gateway-session.js";
import type { Standing } from "../../fleet/link.js";
import { utf8 } from "../../protocol/bytes.js";
import { EnrollRequest, RenewRequest } from "../../protocol/certify.js";
import { AuthorityRequest } from "../../protocol/authority-links.js";
import { ProtocolError } from "../../protocol/errors.js";
import { encodeFrame } from "../../protocol/frame.js";
import { LedgerRequest } from "../../protocol/ledger-part.js";
import { SyncRequest } from "../../protocol/sync.js";
import { TimeRequest } from "../../protocol/time.js";
import {
  DEVICE,
  envelope,
  IDEVID,
  LDEVID,
  OTHER,
  OTHER_LDEVID,
  Stage,
  topics,
  type Identity,
} from "./harness.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const UP = topics.up(DEVICE);
const NONCE = new Uint8Array(16);
const LINKS = encodeFrame(AuthorityRequest, { version: 1, maxReplyBytes: 16_384 });
const LEDGER = encodeFrame(LedgerRequest, { to: [1, 7], offset: 0, maxPartBytes: 1_024 });

/** Holds back what the fleet answers, one call after the other. */
function heldBack(): { readonly asked: Promise<void>[]; release(): void } {
  const releases: (() => void)[] = [];
  const asked: Promise<void>[] = [];
  const notes: (() => void)[] = [];
  for (let i = 0; i <= MAX_WAITING_REQUESTS; i++) asked.push(new Promise((resolve) => notes.push(resolve)));
  stage.link.reply = () =>
    new Promise((resolve) => {
      releases.push(() => resolve([utf8("reply")]));
      notes.shift()?.();
    });
  return { asked, release: () => releases.shift()?.() };
}

describe("P4: PUBACK", () => {
  test("comes after the fleet has decided, and after the answer", async () => {
    const device = await stage.device();
    const fleet = heldBack();
    const message = envelope(SyncRequest.type);
    let acknowledged = false;
    const published = device.publish(UP, message).then(() => (acknowledged = true));
    await fleet.asked[0];
    await stage.device(OTHER, OTHER_LDEVID); // many round trips, in which a hasty PUBACK would arrive
    expect(acknowledged).toBe(false);
    device.packets.length = 0;
    fleet.release();
    await published;
    expect(device.packets).toEqual(["publish", "puback"]);
    expect(stage.link.handled).toEqual([{ number: DEVICE, message }]);
  });

  test("comes with an error when the fleet is out of reach", async () => {
    const device = await stage.device();
    stage.link.reply = () => Promise.reject(new Error("the log is full"));
    await device.publish(UP, envelope(SyncRequest.type));
    expect(await device.error()).toMatchObject({ code: "fleet-unreachable", retryAfterSeconds: 10 });
    stage.link.reply = () => Promise.resolve([utf8("back again")]);
    await device.publish(UP, envelope(SyncRequest.type, 1));
    await device.message(utf8("back again"));
  });
});

test("one request of a session is before the fleet at a time; too many that wait are told to come later", async () => {
  const device = await stage.device();
  const fleet = heldBack();
  const messages = Array.from({ length: MAX_WAITING_REQUESTS + 2 }, (_, i) => envelope(SyncRequest.type, i));
  const sent = messages.map((message) => device.publish(UP, message));
  await fleet.asked[0];
  expect(await device.error()).toMatchObject({ code: "retry-later", retryAfterSeconds: 1 });
  for (let i = 0; i <= MAX_WAITING_REQUESTS; i++) {
    await fleet.asked[i];
    expect(stage.link.handled).toHaveLength(i + 1);
    fleet.release();
  }
  await Promise.all(sent);
  expect(stage.link.handled.map(({ message }) => message)).toEqual(messages.slice(0, -1));
});

test("P10: when too many wait for the fleet, a device is told to come later, and one that is held is heard", async () => {
  await stage.close();
  stage = await Stage.open({ maxUndecided: 2 });
  const [first, second] = [await stage.device(), await stage.device(OTHER, OTHER_LDEVID)];
  const fleet = heldBack();
  const waits = first.publish(UP, envelope(SyncRequest.type));
  await fleet.asked[0];
  await second.publish(topics.up(OTHER), envelope(SyncRequest.type));
  expect((await second.error()).code).toBe("retry-later");
  expect((await second.error()).retryAfterSeconds).toBeLessThanOrEqual(10);
  await stage.event({ type: "refused", code: "overloaded", number: OTHER });
  stage.link.decide(OTHER, { level: "isolate" });
  const heard = second.publish(topics.up(OTHER), envelope(SyncRequest.type, 1));
  await fleet.asked[1];
  fleet.release();
  fleet.release();
  await Promise.all([waits, heard]);
});

test("a device that asks without end is told to wait, of what costs an entry in the log and of what does not", async () => {
  const [device, other] = [await stage.device(), await stage.device(OTHER, OTHER_LDEVID)];
  for (let i = 0; i < 60; i++) await device.publish(UP, envelope(SyncRequest.type, i));
  await device.publish(UP, envelope(SyncRequest.type, 60));
  expect(await device.error()).toMatchObject({ code: "retry-later", retryAfterSeconds: 1 });
  await stage.event({ type: "refused", code: "request-rate", number: DEVICE });
  expect(stage.link.handled).toHaveLength(60);
  let isRefused = false;
  const refused = stage.event({ type: "refused", code: "request-rate", number: OTHER });
  void refused.then(() => (isRefused = true));
  let frames = 0;
  for (; !isRefused; frames++) await other.publish(topics.up(OTHER), LEDGER);
  expect(frames).toBeGreaterThan(1_100); // a whole ledger of 1 MiB in parts of 1 KB
});

test("what many ask alike is asked of the fleet once, until it changes", async () => {
  let asked = 0;
  stage.link.authorities = () => (asked++, Promise.resolve(utf8("links")));
  const [device, other] = [await stage.device(), await stage.device(OTHER, OTHER_LDEVID)];
  await device.publish(UP, LINKS);
  await other.publish(topics.up(OTHER), LINKS);
  await other.message(utf8("links"));
  expect(asked).toBe(1);
  stage.link.newAuthority();
  await device.publish(UP, LINKS);
  expect(asked).toBe(2);
});

test("answers come in order, each on the device's own topic", async () => {
  const device = await stage.device();
  stage.link.reply = () => Promise.resolve([utf8("a"), utf8("b"), utf8("c")]);
  await device.publish(UP, envelope(SyncRequest.type));
  expect(device.received.slice(1)).toMatchObject(
    ["a", "b", "c"].map((text) => ({ topic: topics.down(DEVICE), payload: utf8(text) })),
  );
});

test.each<[string, Partial<Standing>, Identity, Uint8Array, string]>([
  ["a sync by a pledge", {}, IDEVID, envelope(SyncRequest.type), "not-allowed"],
  ["an enrollment by a device", {}, LDEVID, envelope(EnrollRequest.type), "not-allowed"],
  ["a renewal by a held device", { level: "restrict" }, LDEVID, envelope(RenewRequest.type), "not-allowed"],
  ["a renewal by a revoked device", { level: "revoked" }, LDEVID, envelope(RenewRequest.type), "revoked"],
  ["a question for the time", {}, LDEVID, encodeFrame(TimeRequest, { nonce: NONCE }), "not-allowed"],
  ["a question for the ledger by a pledge", {}, IDEVID, LEDGER, "not-allowed"],
  ["a question for links by a revoked device", { level: "revoked" }, LDEVID, LINKS, "revoked"],
  ["bytes that are no message", {}, LDEVID, utf8("hello"), "malformed"],
])("%s is answered with an error, and the session goes on", async (_name, standing, shown, message, code) => {
  stage.link.decide(DEVICE, standing);
  const device = await stage.device(DEVICE, shown);
  await device.publish(UP, message);
  expect(await device.error()).toMatchObject({ code });
  expect(device.closed).toBe(false);
  expect(stage.link.handled).toEqual([]);
});

test.each<[string, Identity, Partial<Standing>, Uint8Array, string]>([
  ["links, by a pledge", IDEVID, {}, LINKS, "authority links"],
  ["links, by a held device", LDEVID, { level: "isolate" }, LINKS, "authority links"],
  ["links, by a device", LDEVID, {}, LINKS, "authority links"],
  ["parts of the ledger, by a held device", LDEVID, { level: "isolate" }, LEDGER, "ledger part"],
  ["parts of the ledger, by a device", LDEVID, {}, LEDGER, "ledger part"],
])("asked for %s: answered, and nothing goes into the log", async (_name, shown, standing, frame, answer) => {
  stage.link.decide(DEVICE, standing);
  const device = await stage.device(DEVICE, shown);
  await device.publish(UP, frame);
  await device.message(utf8(answer));
  expect(stage.link.handled).toEqual([]);
});

test("a frame that the fleet cannot read is malformed, which is not the fleet's absence", async () => {
  const device = await stage.device();
  stage.link.ledger = () => {
    throw new ProtocolError("malformed", "not a ledger-request");
  };
  await device.publish(UP, LEDGER);
  expect(await device.error()).toMatchObject({ code: "malformed" });
});

test("what counts is the role when a request is answered, not when it was sent", async () => {
  const device = await stage.device();
  const fleet = heldBack();
  const first = device.publish(UP, envelope(SyncRequest.type));
  const second = device.publish(UP, envelope(RenewRequest.type));
  await fleet.asked[0];
  stage.link.decide(DEVICE, { level: "restrict" });
  fleet.release();
  await first;
  expect(await device.error()).toMatchObject({ code: "not-allowed" });
  await second;
  expect(stage.link.handled).toHaveLength(1);
});

describe("the lobby", () => {
  const request = (nonce: number) => encodeFrame(TimeRequest, { nonce: new Uint8Array(16).fill(nonce) });
  const lobby = async () => {
    const peer = await stage.connect("camera");
    await peer.subscribe(topics.lobbyDown("camera"));
    return peer;
  };

  test("answers with signed time, and to no envelope", async () => {
    const peer = await lobby();
    await peer.publish(topics.lobbyUp("camera"), request(1));
    expect(await peer.message(utf8("signed time"))).toMatchObject({ topic: topics.lobbyDown("camera") });
    await peer.publish(topics.lobbyUp("camera"), envelope(SyncRequest.type));
    expect(await peer.error()).toMatchObject({ code: "not-allowed" });
    expect(stage.link.handled).toEqual([]);
  });

  test("answers with links of the chain of Authorities", async () => {
    const peer = await lobby();
    await peer.publish(topics.lobbyUp("camera"), LINKS);
    expect(await peer.message(utf8("authority links"))).toMatchObject({ topic: topics.lobbyDown("camera") });
  });

  test("says when the fleet is out of reach", async () => {
    const peer = await lobby();
    stage.link.time = () => Promise.reject(new Error("unreachable"));
    await peer.publish(topics.lobbyUp("camera"), request(1));
    expect(await peer.error()).toMatchObject({ code: "fleet-unreachable" });
  });

  test("is left after a few requests", async () => {
    const peer = await lobby();
    for (let i = 0; i < MAX_LOBBY_REQUESTS; i++) await peer.publish(topics.lobbyUp("camera"), request(i));
    await expect(peer.publish(topics.lobbyUp("camera"), request(99))).rejects.toThrow("closed");
    await stage.event({ type: "refused", code: "lobby-requests" });
  });

  test("is left after a minute", async () => {
    const peer = await lobby();
    const device = await stage.connect(String(DEVICE), LDEVID);
    stage.clock.advance(LOBBY_LIFE_MS);
    await peer.isClosed();
    await stage.event({ type: "closed", why: "lobby-life" });
    expect(device.closed).toBe(false);
  });
});
