/** The gateway's own side of TLS: what it shows, and for how long. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startGateway } from "../../broker/main.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { DAY, NOW } from "../x509/helpers.js";
import { DEVICE, Stage } from "./harness.js";
import { fleet, GATEWAY_LIFE_SECONDS, ScriptedLink } from "./scripted-link.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const shownBy = (socket: TLSSocket) => [new Uint8Array(socket.getPeerCertificate().raw)];

test("the gateway shows a certificate of its fleet, for the key it made, and for its hosts", async () => {
  const socket = await stage.raw();
  const verdict = verifyChain(shownBy(socket), fleet.trust, NOW, nodeCrypto);
  expect(verdict).toMatchObject({ profile: "gateway", window: "current", number: 1 });
  expect(socket.getPeerCertificate().subjectaltname).toMatch(/DNS:localhost, IP Address:127\.0\.0\.1$/);
  expect(socket.getProtocol()).toBe("TLSv1.3");
  socket.destroy();
});

test("two gateways have two keys", async () => {
  const another = await Stage.open();
  const [one, two] = [await stage.raw(), await another.raw()];
  expect(one.getPeerCertificate().pubkey).not.toEqual(two.getPeerCertificate().pubkey);
  await another.close();
});

test("TLS 1.2 is refused", async () => {
  const socket = connect({ port: stage.gateway.port, rejectUnauthorized: false, maxVersion: "TLSv1.2" });
  await expect(once(socket, "secureConnect")).rejects.toThrow("alert");
  await stage.event({ type: "refused", code: "tls" });
});

test("the certificate is renewed at two thirds of its life, under a new key, and sessions go on", async () => {
  const device = await stage.device();
  const before = shownBy(await stage.raw());
  stage.link.nowSeconds = NOW + 60 * DAY;
  stage.link.decide(DEVICE, { level: "restrict" }); // its own certificate ends meanwhile: stay, as held
  await device.notice();
  stage.clock.advance(((GATEWAY_LIFE_SECONDS * 2) / 3 - 60) * 1000);
  expect(stage.link.issued).toBe(1);
  stage.clock.advance(60_000);
  await stage.event({ type: "certified", notAfterSeconds: NOW + 60 * DAY + GATEWAY_LIFE_SECONDS });
  const after = await stage.raw();
  expect(shownBy(after)).not.toEqual(before);
  const verdict = verifyChain(shownBy(after), fleet.trust, NOW + 100 * DAY, nodeCrypto);
  expect(verdict).toMatchObject({ window: "current" });
  expect(device.closed).toBe(false);
});

test("a fleet that does not renew is asked again each minute, and the old certificate serves on", async () => {
  const certify = stage.link.certifyGateway.bind(stage.link);
  stage.link.certifyGateway = () => Promise.reject(new Error("not now"));
  stage.clock.advance((GATEWAY_LIFE_SECONDS * 2000) / 3);
  await stage.event({ type: "notCertified" });
  const socket = await stage.raw();
  expect(shownBy(socket)).toHaveLength(1);
  stage.link.certifyGateway = certify;
  stage.link.nowSeconds = NOW + 60 * DAY;
  stage.clock.advance(60_000);
  await stage.event({ type: "certified", notAfterSeconds: NOW + 60 * DAY + GATEWAY_LIFE_SECONDS });
});

test("without a certificate that devices would take, there is no gateway", async () => {
  const link = new ScriptedLink();
  const entropy = (size: number) => new Uint8Array(randomBytes(size));
  const options = { link, clock: stage.clock, crypto: nodeCrypto, entropy, port: 0 };
  link.certifyGateway = () => Promise.resolve([fleet.gateway.certificate]); // for another key
  await expect(startGateway(options)).rejects.toMatchObject({ code: "bad-certificate" });
  link.certifyGateway = () => Promise.reject(new Error("no fleet"));
  await expect(startGateway(options)).rejects.toThrow("no fleet");
});

test("a port that is taken is said so, and nothing keeps running", async () => {
  const { port } = stage.gateway;
  await expect(Stage.open({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});
