/**
 * mosquitto's clients with a device's own key and certificate: an MQTT client that nobody here wrote can use
 * exactly that device's topics, checks the gateway's name by itself, and is refused everything else (P10).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toHex } from "../../protocol/bytes.js";
import { decodeFrame } from "../../protocol/frame.js";
import { RoleNotice } from "../../protocol/notice.js";
import { type Topics, topicsOf } from "../../protocol/topics.js";
import type { Aboard } from "../stories/aboard.js";
import { Harbor, until } from "../stories/harbor.js";
import { mosquitto, type Outcome, Wallet } from "./mosquitto.js";

const OTHER = 4711;
/** Exit codes of libmosquitto: the connection was refused (by return code), or lost. */
const [IDENTIFIER_REJECTED, NOT_AUTHORISED, CONNECTION_LOST] = [2, 5, 7];

const wallet = new Wallet();
let harbor: Harbor;
let topics: Topics;
/** Where to connect, and what to trust: the fleet's root and the CA of its gateways. */
let gateway: readonly string[];
/** The same as a device with its LDevID, and its own topics. */
let camera: Aboard;
let asCamera: readonly string[];
let app: string;
beforeAll(async () => {
  harbor = await Harbor.open();
  const { fleetId } = harbor.service.trust;
  topics = topicsOf(toHex(fleetId));
  gateway = [...server("localhost"), "--cafile", authorities(harbor)];
  camera = await enrolled();
  app = topics.app(camera.number);
  asCamera = await withLdevid(camera);
});
afterAll(async () => {
  await harbor.close();
  wallet.remove();
});

const server = (host: string) => ["-h", host, "-p", String(harbor.port)];
const clientId = ({ number }: Aboard) => ["-i", String(number)];

function authorities({ service }: Harbor): string {
  const { anchors, issuers } = service.trust.authority.value;
  const ca = issuers.filter(({ purpose }) => purpose === "service").map(({ certificate }) => certificate);
  return wallet.certificates([...anchors, ...ca]);
}

/** A device that has its LDevID, and whose own firmware is switched off. */
async function enrolled(): Promise<Aboard> {
  const aboard = await harbor.working();
  await harbor.stop(aboard);
  return aboard;
}

async function withKey(
  aboard: Aboard,
  chain: readonly Uint8Array[],
  key: string,
): Promise<readonly string[]> {
  const files = ["--cert", wallet.certificates(chain), "--key", wallet.write(await aboard.keys.tlsKey(key))];
  return [...gateway, ...files, ...clientId(aboard)];
}

async function withLdevid(aboard: Aboard): Promise<readonly string[]> {
  const { ldevid } = (await aboard.store.load())?.record ?? {};
  if (!ldevid) throw new Error("it is enrolled");
  return withKey(aboard, ldevid.chain, ldevid.key);
}

async function withIdevid(aboard: Aboard): Promise<readonly string[]> {
  const stored = await aboard.store.load();
  return withKey(aboard, stored?.record.idevid ?? [], "idevid");
}

/** QoS 1, so that it ends well only when the gateway took the message. */
const publish = (who: readonly string[], topic: string, text: string, ...more: readonly string[]) =>
  mosquitto("mosquitto_pub", [...who, "-t", topic, "-m", text, "-q", "1", ...more]);
/** Ends with the first message, as `<retained>:<hex of the payload>`. */
const subscribe = (who: readonly string[], filter: string) =>
  mosquitto("mosquitto_sub", [...who, "-t", filter, "-q", "1", "-C", "1", "-F", "%r:%x"]);
/** Ends once the gateway has answered, and shows the QoS that it granted. */
const granted = async (who: readonly string[], filter: string) => {
  const { stdout } = await mosquitto("mosquitto_sub", [...who, "-t", filter, "-q", "1", "-E", "-d"]);
  return /Subscribed \(mid: \d+\): (\d+)/.exec(stdout)?.[1];
};

const denied = { stdout: "", stderr: expect.stringContaining("All subscription requests were denied") };
const lost = { exitCode: CONNECTION_LOST, stderr: expect.stringContaining("The connection was lost") };

/** The role and reason that the gateway tells on `down`. */
async function roleOf(who: readonly string[], down: string): Promise<RoleNotice> {
  const { stdout } = await subscribe(who, down);
  const [, hex = ""] = /^0:([0-9a-f]+)\n$/.exec(stdout) ?? [];
  return decodeFrame(RoleNotice, new Uint8Array(Buffer.from(hex, "hex")));
}

/** What the observer saw since the last call, once it has seen everything up to now. */
async function seen(): Promise<readonly string[]> {
  const marker = `marker ${harbor.seen.length}`;
  expect(await publish(asCamera, `${app}marker`, marker)).toMatchObject({ exitCode: 0 });
  await until(() => harbor.seen.some(({ text }) => text === marker), "the observer sees the marker");
  const all = harbor.seen.splice(0).filter(({ topic }) => topic !== "hello" && topic !== "marker");
  return all.map(({ number, topic, text }) => `${number}/${topic}: ${text}`);
}

/** The refusals that the gateway reported since the last call. */
function refusals(): readonly string[] {
  return harbor.gatewayEvents.splice(0).flatMap((event) => (event.type === "refused" ? [event.code] : []));
}

describe("with its LDevID", () => {
  test("it publishes on its own topics, and the observer sees it", async () => {
    expect(await publish(asCamera, `${app}temperature`, "21")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(await publish(asCamera, `${app}a/b/c`, "deep", "-q", "0")).toMatchObject({ exitCode: 0 });
    expect(await seen()).toEqual([`${camera.number}/temperature: 21`, `${camera.number}/a/b/c: deep`]);
  });

  test("it subscribes to what is its own: down, all, and its application's topics", async () => {
    for (const filter of [topics.down(camera.number), topics.all, `${app}#`, `${app}settings`]) {
      expect([filter, await granted(asCamera, filter)]).toEqual([filter, "1"]);
    }
    expect(await roleOf(asCamera, topics.down(camera.number))).toEqual({
      role: "device",
      reason: "ok",
      authority: 1,
    });
  });

  test("it gets the retained Beacon, byte for byte", async () => {
    const signed = harbor.service.view.beacon?.signed ?? "";
    const beacon = Buffer.from(signed, "base64url").toString("hex");
    expect(beacon).not.toBe("");
    expect(await subscribe(asCamera, topics.all)).toMatchObject({ exitCode: 0, stdout: `1:${beacon}\n` });
  });

  test.each<[string, (t: Topics, mine: number) => string]>([
    ["another device's application", () => `app/${OTHER}/x`],
    ["its own prefix without a topic below", (_, mine) => `app/${mine}`],
    ["another device's up", (t) => t.up(OTHER)],
    ["its own down", (t, mine) => t.down(mine)],
    ["what is for all", (t) => t.all],
    ["the lobby", (t) => t.lobbyUp("x")],
    ["the broker's own topics", () => "$SYS/x"],
    ["a topic of its own making", () => "x"],
  ])("it is cut when it publishes on %s, and nobody hears it", async (_, topic) => {
    refusals();
    const elsewhere = topic(topics, camera.number);
    expect(await publish(asCamera, elsewhere, "not mine")).toMatchObject(lost);
    await publish(asCamera, elsewhere, "not mine", "-q", "0"); // ends well, and is not taken either
    expect(await seen()).toEqual([]);
    expect(refusals()).toEqual(["topic", "topic"]);
  });

  test.each<[string, (t: Topics, mine: number) => string]>([
    ["everything", () => "#"],
    ["every application", () => "app/#"],
    ["another device's application", () => `app/${OTHER}/#`],
    ["another device's down", (t) => t.down(OTHER)],
    ["everyone's down", (t) => t.down(OTHER).replace(String(OTHER), "+")],
    ["its own up", (t, mine) => t.up(mine)],
    ["the lobby", (t) => t.lobbyDown("x")],
    ["the broker's own topics", () => "$SYS/#"],
    ["a share of its own topics", (_, mine) => `$share/x/app/${mine}/#`],
  ])("it is denied a subscription to %s", async (_, filter) => {
    expect(await subscribe(asCamera, filter(topics, camera.number))).toMatchObject(denied);
  });

  test("it is refused under another client id, with a will, retained, with QoS 2, with MQTT 5", async () => {
    const topic = `${app}x`;
    refusals();
    expect(await publish(asCamera, topic, "x", "-i", String(OTHER))).toMatchObject({
      exitCode: IDENTIFIER_REJECTED,
    });
    const will = ["--will-topic", topic, "--will-payload", "bye"];
    expect(await publish(asCamera, topic, "x", ...will)).toMatchObject({ exitCode: NOT_AUTHORISED });
    expect(await publish(asCamera, topic, "x", "-r")).toMatchObject(lost);
    expect(await publish(asCamera, topic, "x", "-q", "2")).toMatchObject(lost);
    const { exitCode, stderr } = await publish(asCamera, topic, "x", "-V", "mqttv5");
    expect([exitCode === 0, stderr]).toEqual([
      false,
      expect.stringContaining("Unsupported Protocol Version"),
    ]);
    expect(refusals()).toEqual(["client-id", "will", "retain", "qos"]);
    expect(await seen()).toEqual([]);
  });
});

describe("the gateway proves itself to a client that checks in the usual way", () => {
  const outcome = (...args: readonly string[]): Promise<Outcome> =>
    mosquitto("mosquitto_sub", [...args, "-t", topics.lobbyDown("x"), "-i", "x", "-C", "1"]);

  test("by name and by address", async () => {
    expect(await outcome(...gateway)).toMatchObject({ exitCode: 0 });
    expect(await outcome(...gateway, "-h", "127.0.0.1")).toMatchObject({ exitCode: 0 });
  });

  test("and not under another name, or to who trusts another fleet", async () => {
    const other = await Harbor.open();
    const strangers = [...server("localhost"), "--cafile", authorities(other)];
    await other.close();
    // 127.1 is the same address under another name.
    for (const args of [[...gateway, "-h", "127.1"], strangers]) {
      const { exitCode, stdout, stderr } = await outcome(...args);
      expect([exitCode === 0, stdout, stderr]).toEqual([false, "", expect.stringContaining("TLS error")]);
    }
  });
});

describe("with less than an LDevID that counts", () => {
  test("without a certificate: the lobby, and nothing else", async () => {
    const stranger = [...gateway, "-i", "stranger"];
    expect(await roleOf(stranger, topics.lobbyDown("stranger"))).toEqual({
      role: "lobby",
      reason: "no-certificate",
      authority: 1,
    });
    for (const filter of [
      topics.all,
      topics.lobbyDown("another"),
      topics.down(camera.number),
      "app/#",
      "#",
    ]) {
      expect([filter, await subscribe(stranger, filter)]).toEqual([
        filter,
        { exitCode: expect.anything(), ...denied },
      ]);
    }
    expect(await publish(stranger, `${app}x`, "mine?")).toMatchObject(lost);
    expect(await publish([...gateway, ...clientId(camera)], `${app}x`, "mine?")).toMatchObject(lost);
    expect(await seen()).toEqual([]);
  });

  test("with an IDevID: a pledge, and nothing else, whether it has an LDevID or not", async () => {
    const unborn = await harbor.bear();
    for (const [aboard, reason] of [
      [unborn, "not-enrolled"],
      [camera, "expired"],
    ] as const) {
      const pledge = await withIdevid(aboard);
      const { number } = aboard;
      expect(await roleOf(pledge, topics.down(number))).toEqual({ role: "pledge", reason, authority: 1 });
      expect(await subscribe(pledge, topics.all)).toMatchObject(denied);
      expect(await subscribe(pledge, `app/${number}/#`)).toMatchObject(denied);
      expect(await publish(pledge, `app/${number}/x`, "early")).toMatchObject(lost);
    }
    expect(await seen()).toEqual([]);
  });

  test("with another fleet's certificate: the lobby", async () => {
    const other = await Harbor.open();
    try {
      const foreign = await other.working();
      const { chain, key } = foreign.device.tlsIdentity;
      const who = [...(await withKey(foreign, chain, key)), "-i", "foreign"];
      expect(await roleOf(who, topics.lobbyDown("foreign"))).toEqual({
        role: "lobby",
        reason: "bad-certificate",
        authority: 1,
      });
      expect(await publish(who, `app/${foreign.number}/x`, "x")).toMatchObject(lost);
    } finally {
      await other.close();
    }
    expect(await seen()).toEqual([]);
  });

  test.each(["restrict", "isolate"] as const)(
    "P10: held at %s: it may hear why, and is not heard",
    async (level) => {
      const held = await enrolled();
      const who = await withLdevid(held);
      const own = topics.app(held.number);
      expect(await publish(who, `${own}x`, "before")).toMatchObject({ exitCode: 0 });
      await harbor.hold([held.number], level);
      expect(await roleOf(who, topics.down(held.number))).toEqual({
        role: "held",
        reason: "quarantined",
        authority: 1,
      });
      expect(await granted(who, topics.all)).toBe("1");
      expect(await subscribe(who, `${own}#`)).toMatchObject(denied);
      expect(await publish(who, `${own}x`, "held")).toMatchObject(lost);
      await harbor.release([held.number]);
      expect(await publish(who, `${own}x`, "after")).toMatchObject({ exitCode: 0 });
      expect(await seen()).toEqual([`${held.number}/x: before`, `${held.number}/x: after`]);
    },
  );

  test("P9: revoked: it is told so, and is not heard", async () => {
    const revoked = await enrolled();
    const who = await withLdevid(revoked);
    await harbor.hold([revoked.number], "revoked");
    expect(await roleOf(who, topics.down(revoked.number))).toEqual({
      role: "held",
      reason: "revoked",
      authority: 1,
    });
    expect(await publish(who, `${topics.app(revoked.number)}x`, "x")).toMatchObject(lost);
    expect(await seen()).toEqual([]);
  });
});
