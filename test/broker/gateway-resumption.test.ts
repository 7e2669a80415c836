/** TLS sessions resume, and whoever resumes one is treated by what they are now. */
import type { IClientOptions } from "mqtt";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CertificateTrust } from "../../protocol/x509/trust.js";
import { NOW } from "../x509/helpers.js";
import {
  DEVICE,
  IDEVID,
  type Identity,
  identity,
  LDEVID,
  OTHER_LDEVID,
  type Peer,
  Stage,
  topics,
} from "./harness.js";
import { fleet, ScriptedLink } from "./scripted-link.js";

const HOUR_SECONDS = 3_600;
/** Begun as a device; its LDevID ends within the hour. */
const SHORT = identity(
  "short",
  fleet.member("short", { profile: "ldevid", ...fleet.holder(DEVICE, 1) }, fleet.deviceCa, {
    notAfterSeconds: NOW + HOUR_SECONDS,
  }),
  fleet.deviceCa,
);

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

/** A full handshake with what it shows, and the ticket that it brings. */
async function ticket(shown: Partial<Identity>): Promise<Buffer> {
  const socket = await stage.raw(shown);
  const session = await new Promise<Buffer>((resolve) => socket.once("session", resolve).resume());
  socket.destroy();
  return session;
}

/** Logs in by resuming a session. Whether TLS did resume it stands in the gateway's own event. */
async function resume(session: Buffer, shown: Partial<Identity>, at = stage): Promise<Peer> {
  return at.connect(String(DEVICE), shown, { session } as IClientOptions);
}

/** The role that is told, in words. */
async function told(peer: Peer, at = stage): Promise<string> {
  const last = at.events.findLast(({ type }) => type === "opened");
  expect(last).toMatchObject({ type: "opened", resumed: true });
  const inLobby = last?.type === "opened" && last.role === "lobby";
  await peer.subscribe(inLobby ? topics.lobbyDown(String(DEVICE)) : topics.down(DEVICE));
  const { role, reason } = await peer.notice();
  return `${role} ${reason}`;
}

const withoutDeviceCa = (): CertificateTrust => ({
  ...fleet.trust,
  issuers: fleet.trust.issuers.filter(({ purpose }) => purpose !== "device"),
});

test("a device that works resumes, and works", async () => {
  expect(await told(await resume(await ticket(LDEVID), LDEVID))).toBe("device ok");
});

test("a device that was revoked meanwhile", async () => {
  const session = await ticket(LDEVID);
  stage.link.decide(DEVICE, { level: "revoked" });
  expect(await told(await resume(session, LDEVID))).toBe("held revoked");
});

test("a device that was held meanwhile", async () => {
  const session = await ticket(LDEVID);
  stage.link.decide(DEVICE, { level: "isolate" });
  expect(await told(await resume(session, LDEVID))).toBe("held quarantined");
});

test("a device whose certificate ran out meanwhile", async () => {
  const session = await ticket(SHORT);
  expect(await told(await resume(session, SHORT))).toBe("device ok");
  stage.clock.advance((HOUR_SECONDS + 1) * 1000);
  expect(await told(await resume(session, SHORT))).toBe("pledge expired");
});

test("a device that has a new key: what it was under the old one is nobody", async () => {
  const session = await ticket(LDEVID);
  stage.link.decide(DEVICE, { lowestGeneration: 2 });
  expect(await told(await resume(session, LDEVID))).toBe("lobby old-generation");
});

test("who showed no certificate has none, whatever Node says of the session", async () => {
  const session = await ticket({});
  expect(await told(await resume(session, {}))).toBe("lobby no-certificate");
});

test("who shows another certificate is the one that began the session", async () => {
  const session = await ticket(LDEVID);
  await expect(stage.connect("4712", OTHER_LDEVID, { session } as IClientOptions)).rejects.toMatchObject({
    code: 2,
  });
  expect(await told(await resume(session, OTHER_LDEVID))).toBe("device ok"); // whose ticket needs its secret
});

test("who began without a certificate gets no more by showing one", async () => {
  const session = await ticket({});
  expect(await told(await resume(session, LDEVID))).toBe("lobby no-certificate");
});

test("the CA of its certificate is listed no more: it has to show the whole chain again", async () => {
  const session = await ticket(LDEVID);
  expect(await told(await resume(session, LDEVID))).toBe("device ok");
  stage.link.newAuthority(withoutDeviceCa());
  await expect(resume(session, LDEVID)).rejects.toMatchObject({ code: 3 });
  await stage.event({ type: "refused", code: "stale-session" });
  const peer = await stage.connect(String(DEVICE), LDEVID);
  await peer.subscribe(topics.lobbyDown(String(DEVICE)));
  expect(await peer.notice()).toMatchObject({ role: "lobby", reason: "bad-certificate" });
});

test("another gateway of the service knows an LDevID by itself, and asks an IDevID for its chain", async () => {
  const [device, pledge] = [await ticket(LDEVID), await ticket(IDEVID)];
  const another = await Stage.open();
  expect(await told(await resume(device, LDEVID, another), another)).toBe("device ok");
  await expect(resume(pledge, IDEVID, another)).rejects.toMatchObject({ code: 3 });
  const peer = await another.connect(String(DEVICE), IDEVID);
  await peer.subscribe(topics.down(DEVICE));
  expect(await peer.notice()).toMatchObject({ role: "pledge" });
  await another.close();
});

test("a session ends with its day: then the keys of the tickets are others", async () => {
  const session = await ticket(LDEVID);
  stage.clock.advance(24 * HOUR_SECONDS * 1000);
  await stage.connect(String(DEVICE), LDEVID, { session } as IClientOptions);
  expect(stage.events.at(-1)).toMatchObject({ type: "opened", resumed: false });
});

test("a session of a gateway of another service is not resumed", async () => {
  const session = await ticket(LDEVID);
  const link = new ScriptedLink();
  link.ticketSeed = () => new Uint8Array(32).fill(8);
  const another = await Stage.open({ link });
  const socket = await another.raw({ ...LDEVID, session });
  expect(socket.isSessionReused()).toBe(false);
  socket.destroy();
  await another.close();
});
