/** The MQTT transport over real TLS: who is refused before a byte is sent, what is shown, what is told (P1, P8). */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { certifyService } from "../../fleet/front-door.js";
import { caName } from "../../fleet/ceremony.js";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import type { PrivateKey, PublicKey } from "../../protocol/crypto.js";
import type { FleetKeyName } from "../../fleet/fleet-keys.js";
import { issueCertificate, newSerial } from "../../protocol/x509/certificate.js";
import type { Identity } from "../../protocol/x509/profiles.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import type { Aboard } from "../stories/aboard.js";
import { device, Harbor, until } from "../stories/harbor.js";
import { entropy } from "../stories/soft-keys.js";

let harbor: Harbor;
let camera: Aboard;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  harbor = await Harbor.open();
  camera = await harbor.working();
  await harbor.stop(camera);
  camera.events.length = 0;
});
afterEach(async () => {
  await harbor.close();
  for (const close of closing.splice(0)) close();
});

/** What a server saw of one connection. */
interface Seen {
  /** Bytes inside TLS: MQTT. */
  bytes: number;
  /** Whether a client certificate was shown; undefined when the handshake was not finished. */
  shown?: boolean;
}

/** A TLS server that writes down what it was shown and sent, and answers nothing. */
class Recorder {
  /** By connection, in the order they came. */
  readonly seen: Seen[] = [];
  readonly server: Server;

  private constructor(chain: readonly Uint8Array[], key: PrivateKey) {
    const pem = privateKeyObject(key).export({ type: "pkcs8", format: "pem" }).toString();
    const asks = { requestCert: true, rejectUnauthorized: false, minVersion: "TLSv1.3" } as const;
    this.server = createServer({ cert: certificatesToPem(...chain), key: pem, ...asks });
    const byPort = new Map<number | undefined, Seen>();
    this.server.on("connection", ({ remotePort }) => {
      const seen = { bytes: 0 };
      this.seen.push(seen);
      byPort.set(remotePort, seen);
    });
    this.server.on("secureConnection", (socket) => {
      const seen = byPort.get(socket.remotePort);
      if (!seen) throw new Error("every connection was counted");
      seen.shown = socket.getPeerCertificate().raw !== undefined;
      socket.on("data", ({ length }) => (seen.bytes += length)).on("error", () => undefined);
    });
  }

  static async listening(issue: (key: PublicKey) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>) {
    const key = nodeCrypto.generate("ES256", entropy);
    const recorder = new Recorder(await issue(nodeCrypto.publicKey(key)), key);
    recorder.server.listen(0, "127.0.0.1");
    await once(recorder.server, "listening");
    closing.push(() => recorder.server.close());
    return recorder;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
}

const nowSeconds = () => Math.floor(harbor.clock.nowMs() / 1000);
const NUMBER = 0xf000_0099;

/** A certificate by one of the CAs of `of`. */
function issue(
  identity: Pick<Identity, "profile">["profile"],
  ca: Extract<FleetKeyName, `${string}-ca`>,
  [fromDays, untilDays]: readonly [number, number] = [-1, 30],
  of = harbor,
) {
  return (publicKey: PublicKey): readonly Uint8Array[] => {
    const generation = identity === "ldevid" ? 1 : 0;
    const holder = { fleetId: of.service.trust.fleetId, number: NUMBER, generation };
    const named = { profile: identity, holder, hosts: ["localhost", "127.0.0.1"] } as Identity;
    const request = {
      ...named,
      serial: newSerial(entropy),
      subject: { commonName: "a server" },
      publicKey,
      notBeforeSeconds: nowSeconds() + fromDays * 86_400,
      notAfterSeconds: nowSeconds() + untilDays * 86_400,
    };
    return [issueCertificate(request, { name: caName("harbor", ca), signer: of.keys[ca] }, nodeCrypto)];
  };
}

const refusals = () => camera.events.flatMap((e) => (e.type === "server-refused" ? [e.why] : []));

test("what the recorder can see: a gateway's own certificate brings it a login and the device's certificate", async () => {
  const recorder = await Recorder.listening(issue("gateway", "service-ca"));
  await harbor.start(camera, { port: recorder.port });
  await until(() => (recorder.seen[0]?.bytes ?? 0) > 0, "the device logs in");
  await harbor.stop(camera);
  expect(recorder.seen[0]?.shown).toBe(true);
  expect(refusals()).toEqual([]);
});

describe("a server that does not prove itself gets a handshake and not one byte of MQTT; then the lobby", () => {
  /** In the lobby it is nobody: it asks for links that prove themselves, and shows no certificate. */
  async function refused(recorder: Recorder): Promise<void> {
    await harbor.start(camera, { port: recorder.port });
    await until(() => (recorder.seen[1]?.bytes ?? 0) > 0, "the device refused it, and asks in the lobby");
    await harbor.stop(camera);
    expect(recorder.seen[0]?.bytes).toBe(0);
    expect(recorder.seen[1]?.shown).toBe(false);
    expect(camera.events.some(({ type }) => type === "connected")).toBe(false);
  }

  test("P1: a gateway of another fleet", async () => {
    const other = await Harbor.open();
    try {
      await refused(await Recorder.listening(issue("gateway", "service-ca", [-1, 30], other)));
    } finally {
      await other.close();
    }
    expect(new Set(refusals())).toEqual(new Set(["chain"]));
  });

  test.each([
    ["a device of this fleet", "ldevid", "device-ca"],
    ["a service of this fleet", "service", "service-ca"],
    ["a gateway by the CA for devices", "gateway", "device-ca"],
  ] as const)("P1: %s", async (_, profile, ca) => {
    await refused(await Recorder.listening(issue(profile, ca)));
    expect(new Set(refusals())).toEqual(new Set(["chain"]));
  });

  test("P1: the observer's own certificate, which the service issued", async () => {
    await refused(await Recorder.listening((key) => certifyService(harbor.service, key)));
    expect(new Set(refusals())).toEqual(new Set(["chain"]));
  });
});

test.each([
  ["ran out", [-30, -1]],
  ["is not valid yet", [1, 30]],
] as const)(
  "a gateway whose certificate %s: not a byte; then the lobby, which is shown no certificate",
  async (_, days) => {
    const recorder = await Recorder.listening(issue("gateway", "service-ca", days));
    await harbor.start(camera, { port: recorder.port });
    await until(() => (recorder.seen[1]?.bytes ?? 0) > 0, "the device asks the lobby for the time");
    await harbor.stop(camera);
    expect(refusals()[0]).toBe("dates");
    expect(recorder.seen[0]?.bytes).toBe(0);
    expect(recorder.seen[1]?.shown).toBe(false);
  },
);

test("P9: a gateway that knows the CA of an LDevID no more says so, and the device returns by its IDevID", async () => {
  const other = await Harbor.open();
  closing.push(() => other.close());
  const [stored, publicKey] = [await camera.store.load(), await camera.keys.publicKey("ldevid-1")];
  if (!stored || !publicKey) throw new Error("it worked before");
  const chain = issue("ldevid", "device-ca", [-1, 30], other)(publicKey);
  await camera.store.save({ ...stored.record, ldevid: { chain, key: "ldevid-1" } });
  await harbor.start(camera);
  await harbor.speaking(camera);
  expect(device(camera).tlsIdentity.key).toBe("ldevid-2");
  expect(camera.events.filter(({ type }) => type === "connected")).toHaveLength(3); // as it was, as a pledge, anew
});

test("a server that is not there, or ends the handshake, is tried again", async () => {
  const mute = createServer({}, () => undefined).listen(0, "127.0.0.1"); // no certificate: every handshake fails
  await once(mute, "listening");
  closing.push(() => mute.close());
  await harbor.start(camera, { port: (mute.address() as AddressInfo).port });
  const ended = () => camera.events.filter(({ type }) => type === "disconnected").length;
  await until(() => ended() >= 2, "it was tried twice");
  await harbor.stop(camera);
  mute.close();
  await once(mute, "close");
  camera.events.length = 0;
  await harbor.start(camera, { port: 1 });
  await until(() => ended() >= 2, "it was tried twice");
  expect(camera.events.some(({ type }) => type === "connected")).toBe(false);
});

test("P4: a message that the gateway cut off is not lost: it stays first and arrives once there is a gateway", async () => {
  await harbor.start(camera);
  await harbor.speaking(camera);
  const sessions = () => harbor.gatewayEvents.filter(({ type }) => type === "opened").length;
  const before = sessions();
  const all = ["one", "two", "three"].map((text) => device(camera).publish("n", utf8(text)));
  camera.radio?.switch(false); // with "one" on its way
  camera.radio?.switch(true);
  await Promise.all(all);
  expect(sessions()).toBeGreaterThan(before);
  await until(() => harbor.messagesFrom(camera).includes("three"), "the observer has them all");
  const inOrder = harbor.messagesFrom(camera).filter((text, i, list) => list.indexOf(text) === i);
  expect(inOrder).toEqual(["one", "two", "three"]); // at least once each
});

test("P8: nothing secret is in what a device tells: no key, no nonce, no bytes of what it refused", async () => {
  await harbor.start(camera);
  await harbor.speaking(camera);
  const { key } = device(camera).tlsIdentity;
  const pems = await Promise.all(["idevid", key].map((name) => camera.keys.tlsKey(name)));
  for (const pem of pems) device(camera).receive(utf8(pem));
  device(camera).receive(utf8("a secret of the application"));
  await harbor.hold([camera.number], "restrict");
  await until(() => device(camera).standing === "restrict", "it is held");
  camera.radio?.switch(false);
  await until(() => camera.events.some(({ type }) => type === "disconnected"), "it is dark");
  const told = JSON.stringify(camera.events);
  const stored = await camera.store.load();
  const secrets = pems.flatMap((pem) =>
    pem.split("\n").filter((line) => line.length > 20 && !line.startsWith("-")),
  );
  for (const secret of [
    ...secrets,
    "a secret of the application",
    toHex(stored?.record.hardwareId ?? new Uint8Array()),
  ]) {
    expect(told).not.toContain(secret);
  }
  expect(told).not.toMatch(/[A-Za-z0-9+/_-]{24}/); // nothing that looks like a key, a nonce or a hash
  expect(new Set(camera.events.map(({ type }) => type))).toEqual(
    new Set(["connected", "speak", "leased", "refused", "level", "disconnected"]),
  );
});
