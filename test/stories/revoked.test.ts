/** A revoked device is told so each time it asks, and nothing else (P9). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { toHex } from "../../protocol/bytes.js";
import { keyProof, RenewRequest, ReturnRequest } from "../../protocol/certify.js";
import { prepareEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, frameType } from "../../protocol/frame.js";
import { ErrorReply, RoleNotice } from "../../protocol/notice.js";
import { frontDoor } from "../../fleet/front-door.js";
import type { Message } from "../../protocol/schema.js";
import { openDocument } from "../../protocol/authority.js";
import { Release } from "../../protocol/release.js";
import { SyncReply, SyncRequest } from "../../protocol/sync.js";
import { topicsOf } from "../../protocol/topics.js";
import { type Sailor, withoutFirmware } from "./aboard.js";
import { Harbor, until } from "./harbor.js";
import { entropy, softSigner } from "./soft-keys.js";

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open();
});
afterEach(async () => {
  await harbor.close();
});

/** Logs in with the device's own key and certificate, sends, and returns what came down. */
async function ask(aboard: Sailor, messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const client = await withoutFirmware(aboard, harbor.port);
  const topics = topicsOf(toHex(harbor.service.trust.fleetId));
  const down: Uint8Array[] = [];
  client.on("message", (_topic, payload) => down.push(new Uint8Array(payload)));
  await client.subscribeAsync(topics.down(aboard.number), { qos: 1 });
  for (const message of messages)
    await client.publishAsync(topics.up(aboard.number), Buffer.from(message), { qos: 1 });
  await until(() => down.length > messages.length, "each question got its answer");
  await client.endAsync(true);
  return down;
}

test("P9: a revoked device is told so, each time it asks, by a document that proves itself; nothing is issued", async () => {
  const camera = await harbor.working();
  const { fleetId } = harbor.service.trust;
  const { key } = camera.device.tlsIdentity;
  await camera.device.close();
  await harbor.hold([camera.number], "revoked", "scrapped");
  const events = harbor.events.length;

  const by = async (name: string) => {
    const publicKey = await camera.keys.publicKey(name);
    if (!publicKey) throw new Error("the device has this key");
    return publicKey;
  };
  const sealed = async <T>(message: Message<T>, value: T, name: string) => {
    const unsigned = prepareEnvelope(message, value, await by(name), fleetId, nodeCrypto);
    return unsigned.finish(await camera.keys.sign(name, unsigned.toBeSigned));
  };
  const { authority } = harbor.service.trust;
  const holds = { authority: { version: 1, hash: authority.hash }, level: "none" } as const;
  const sync = () =>
    sealed(SyncRequest, { subject: camera.number, nonce: entropy(16), holds, maxReplyBytes: 16_384 }, key);
  const replacement = softSigner();
  const certify = async (message: Message<RenewRequest>, name: string) => {
    const nonce = entropy(16);
    const proof = replacement.sign(keyProof(fleetId, camera.number, nonce, replacement.publicKey));
    return sealed(message, { subject: camera.number, nonce, publicKey: replacement.publicKey, proof }, name);
  };

  for (let time = 0; time < 3; time++) {
    const [notice, told] = await ask(camera, [await sync()]);
    expect(decodeFrame(RoleNotice, notice ?? new Uint8Array())).toMatchObject({
      role: "held",
      reason: "revoked",
    });
    const reply = decodeFrame(SyncReply, told ?? new Uint8Array());
    expect(reply.lease).toBeUndefined();
    const releases = reply.documents.flatMap((bytes) => {
      try {
        return [openDocument(Release, bytes, harbor.service.trust, nodeCrypto).value];
      } catch {
        return [];
      }
    });
    expect(releases.map(({ level }) => level)).toEqual(["revoked"]);
  }
  const answers = await ask(camera, [
    await certify(RenewRequest, key),
    await certify(ReturnRequest, "idevid"),
  ]);
  const codes = answers
    .filter((a) => frameType(a) === ErrorReply.type)
    .map((a) => decodeFrame(ErrorReply, a).code);
  expect(codes).toEqual(["revoked", "revoked"]);
  // Past the gateway it is the fleet that says no.
  for (const message of [await certify(RenewRequest, key), await certify(ReturnRequest, "idevid")]) {
    const [answer] = await frontDoor(harbor.service).handle(camera.number, message);
    expect(decodeFrame(ErrorReply, answer ?? new Uint8Array()).code).toBe("revoked");
  }
  expect(harbor.events.slice(events)).toEqual([]);
});

test("P9: a held device is refused a certificate and told why", async () => {
  const camera = await harbor.working();
  const { fleetId } = harbor.service.trust;
  await camera.device.close();
  await harbor.hold([camera.number], "restrict");
  const publicKey = await camera.keys.publicKey("idevid");
  if (!publicKey) throw new Error("every device has it");
  const replacement = softSigner();
  const nonce = entropy(16);
  const proof = replacement.sign(keyProof(fleetId, camera.number, nonce, replacement.publicKey));
  const value = { subject: camera.number, nonce, publicKey: replacement.publicKey, proof };
  const unsigned = prepareEnvelope(ReturnRequest, value, publicKey, fleetId, nodeCrypto);
  const request = unsigned.finish(await camera.keys.sign("idevid", unsigned.toBeSigned));
  const [answer] = await frontDoor(harbor.service).handle(camera.number, request);
  expect(decodeFrame(ErrorReply, answer ?? new Uint8Array())).toMatchObject({ nonce, code: "held" });
});
