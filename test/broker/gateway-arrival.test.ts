/** Who is let in as what, over real TLS 1.3 with real certificates, and who can push whom out. */
import type { IClientOptions } from "mqtt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DAY, ISSUED } from "../x509/helpers.js";
import {
  DEVICE,
  IDEVID,
  identity,
  LDEVID,
  OTHER,
  OTHER_LDEVID,
  SERVICE,
  Stage,
  topics,
  type Identity,
} from "./harness.js";
import { fleet, WORKING } from "./scripted-link.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const CURRENT = { notBeforeSeconds: ISSUED, notAfterSeconds: ISSUED + 30 * DAY };
const FUTURE = { notBeforeSeconds: ISSUED + 20 * DAY, notAfterSeconds: ISSUED + 30 * DAY };
const EXPIRED = { notBeforeSeconds: ISSUED, notAfterSeconds: ISSUED + 5 * DAY };

function ldevid(label: string, dates: typeof CURRENT, generation = 1, issuer = fleet.deviceCa): Identity {
  const profile = { profile: "ldevid", ...fleet.holder(DEVICE, generation) } as const;
  return identity(label, fleet.member(label, profile, issuer, dates));
}

interface Row {
  readonly shown: Partial<Identity>;
  readonly standing?: Partial<typeof WORKING> | null;
  readonly want: string;
}
const rows: Record<string, Row> = {
  "no certificate": { shown: {}, want: "lobby no-certificate" },
  "a future LDevID": { shown: ldevid("future", FUTURE), want: "lobby future" },
  "an LDevID that another CA signed": {
    shown: ldevid("bad", CURRENT, 1, fleet.serviceCa),
    want: "lobby bad-certificate",
  },
  "a self-signed certificate": { shown: identity("root", fleet.root), want: "lobby bad-certificate" },
  "a gateway's certificate": { shown: identity("gateway 1", fleet.gateway), want: "lobby bad-certificate" },
  "a station's certificate": { shown: identity("station 7", fleet.station), want: "lobby bad-certificate" },
  "an IDevID without its station": { shown: identity("camera", fleet.idevid), want: "lobby bad-certificate" },
  "an IDevID": { shown: IDEVID, standing: { enrolled: false }, want: "pledge not-enrolled" },
  "an IDevID that the fleet does not know": { shown: IDEVID, standing: null, want: "pledge not-enrolled" },
  "an IDevID of an enrolled device": { shown: IDEVID, want: "pledge expired" },
  "an IDevID of a held device": { shown: IDEVID, standing: { level: "isolate" }, want: "held quarantined" },
  "an LDevID": { shown: LDEVID, want: "device ok" },
  "an LDevID that the fleet does not know": { shown: LDEVID, standing: null, want: "lobby bad-certificate" },
  "an LDevID of an older generation": {
    shown: LDEVID,
    standing: { lowestGeneration: 2 },
    want: "lobby old-generation",
  },
  "an expired LDevID": { shown: ldevid("expired", EXPIRED), want: "pledge expired" },
  "an expired LDevID of a held device": {
    shown: ldevid("expired", EXPIRED),
    standing: { level: "restrict" },
    want: "held quarantined",
  },
  "an LDevID of a revoked device": { shown: LDEVID, standing: { level: "revoked" }, want: "held revoked" },
};

test.each(Object.entries(rows))("%s: told so on its own topic", async (_name, { shown, standing, want }) => {
  if (standing === null) stage.link.standings.delete(DEVICE);
  else stage.link.standings.set(DEVICE, { ...WORKING, ...standing });
  const peer = await stage.connect(String(DEVICE), shown);
  const inLobby = want.startsWith("lobby");
  await peer.subscribe(inLobby ? topics.lobbyDown(String(DEVICE)) : topics.down(DEVICE));
  const { role, reason } = await peer.notice();
  expect(`${role} ${reason}`).toBe(want);
  expect(stage.gateway.sessions()).toEqual([{ role, reason, ...(inLobby ? {} : { number: DEVICE }) }]);
});

describe("a CONNECT is refused", () => {
  test.each<[string, number, string, string, Partial<Identity>, IClientOptions]>([
    ["a device that names another device", 2, "client-id", "7", LDEVID, {}],
    ["a device that writes its number otherwise", 2, "client-id", `0${DEVICE}`, LDEVID, {}],
    ["a device without a client id", 2, "client-id", "", LDEVID, {}],
    ["a service that takes a device's name", 2, "client-id", String(DEVICE), SERVICE, {}],
    ["a name that is no topic level", 2, "client-id", "a/b", {}, {}],
    ["a name that is too long", 2, "client-id", "a".repeat(65), {}, {}],
    [
      "a will",
      5,
      "will",
      String(DEVICE),
      LDEVID,
      { will: { topic: "app/4711/gone", payload: Buffer.of() } as never },
    ],
    ["no keepalive", 5, "keepalive", String(DEVICE), LDEVID, { keepalive: 0 }],
    ["an endless keepalive", 5, "keepalive", String(DEVICE), LDEVID, { keepalive: 65_535 }],
  ])("%s", async (_name, returnCode, code, clientId, shown, options) => {
    await expect(stage.connect(clientId, shown, options)).rejects.toMatchObject({ code: returnCode });
    await stage.event({ type: "refused", code });
    expect(stage.gateway.sessions()).toEqual([]);
  });

  test("MQTT 5", async () => {
    await expect(stage.connect(String(DEVICE), LDEVID, { protocolVersion: 5 })).rejects.toMatchObject({
      code: 1,
    });
    expect(stage.gateway.sessions()).toEqual([]);
  });

  test("user name and password are not looked at", async () => {
    await stage.connect(String(DEVICE), LDEVID, { username: "admin", password: "admin" });
    expect(stage.gateway.sessions()).toMatchObject([{ role: "device" }]);
  });
});

describe("who replaces whom", () => {
  test("the newest session of a device wins, and the end of the old one leaves it alone", async () => {
    const first = await stage.device();
    const second = await stage.device();
    await first.isClosed();
    await stage.event({ type: "closed", why: "replaced", number: DEVICE });
    await second.publish(topics.app(DEVICE) + "temperature");
    expect(stage.gateway.sessions()).toEqual([{ role: "device", reason: "ok", number: DEVICE }]);
    stage.link.decide(DEVICE, { level: "restrict" });
    expect(await second.notice()).toEqual({ role: "held", reason: "quarantined", authority: 1 });
  });

  test.each<[string, Partial<Identity>]>([
    ["nobody", {}],
    ["a certificate that does not verify", identity("root", fleet.root)],
  ])("%s under a device's client id stays in the lobby, and the device stays", async (_name, shown) => {
    const device = await stage.device();
    const intruder = await stage.connect(String(DEVICE), shown);
    expect(await intruder.subscribe(topics.down(DEVICE))).toBe(128);
    stage.link.push(DEVICE, Uint8Array.of(1, 2, 3));
    await device.message(Uint8Array.of(1, 2, 3));
    expect(intruder.received).toEqual([]);
    expect(device.closed).toBe(false);
    expect(stage.gateway.sessions()).toHaveLength(2);
  });

  test("one device under the client id of another is refused, and the other stays", async () => {
    const device = await stage.device();
    await expect(stage.connect(String(DEVICE), OTHER_LDEVID)).rejects.toMatchObject({ code: 2 });
    await device.publish(topics.app(DEVICE) + "temperature");
    expect(device.closed).toBe(false);
  });

  test("in the lobby nobody replaces anybody", async () => {
    const first = await stage.connect("camera");
    const second = await stage.connect("camera");
    await first.subscribe(topics.lobbyDown("camera"));
    await second.subscribe(topics.lobbyDown("camera"));
    expect([first.closed, second.closed]).toEqual([false, false]);
  });

  test("services of different certificates may have one name", async () => {
    const label = "recorder";
    const recorder = fleet.member(label, { profile: "service", ...fleet.holder(3) }, fleet.serviceCa);
    const first = await stage.connect("log", SERVICE);
    const second = await stage.connect("log", identity(label, recorder));
    await second.subscribe("app/#");
    expect(first.closed).toBe(false);
  });
});

describe("a gateway that is full", () => {
  beforeEach(async () => {
    await stage.close();
    stage = await Stage.open({ maxSessions: 3, maxLobbySessions: 1 });
  });

  test("answers with return code 3, but lets a device replace itself", async () => {
    await stage.connect(String(DEVICE), LDEVID);
    await stage.connect("observer", SERVICE);
    await expect(stage.connect(String(OTHER), OTHER_LDEVID)).rejects.toMatchObject({ code: 3 });
    await stage.event({ type: "refused", code: "overloaded" });
    await stage.connect(String(DEVICE), LDEVID);
  });

  test("P10: has room left for a device that is held", async () => {
    await stage.connect(String(DEVICE), LDEVID);
    await stage.connect("observer", SERVICE);
    stage.link.decide(OTHER, { level: "isolate" });
    await stage.connect(String(OTHER), OTHER_LDEVID);
    expect(stage.gateway.sessions()).toContainEqual({ role: "held", reason: "quarantined", number: OTHER });
  });

  test("keeps its lobby small, so that strangers cannot fill it", async () => {
    const stranger = await stage.connect("stranger");
    await expect(stage.connect("another")).rejects.toMatchObject({ code: 3 });
    await stage.connect(String(DEVICE), LDEVID);
    await stranger.client.endAsync();
    await stage.event({ type: "closed", role: "lobby" });
    await stage.connect("another");
  });
});

test("one device that logs in again and again is told to wait, and others are not", async () => {
  let logins = 0;
  const login = async () => {
    for (; logins < 1_000; logins++) await stage.connect(String(DEVICE), LDEVID);
  };
  await expect(login()).rejects.toMatchObject({ code: 3 });
  expect(logins).toBeGreaterThanOrEqual(120); // what a program may need that connects for each message
  await stage.event({ type: "refused", code: "login-rate" });
  await stage.connect(String(OTHER), OTHER_LDEVID);
  stage.clock.advance(1_000);
  await stage.connect(String(DEVICE), LDEVID);
});

test("a chain that is padded with our own CAs is one of ours", async () => {
  const padded = identity("4711", fleet.ldevid, fleet.deviceCa, fleet.root);
  await stage.connect(String(DEVICE), padded);
  expect(stage.gateway.sessions()).toMatchObject([{ role: "device" }]);
});
