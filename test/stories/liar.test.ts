/** A gateway that lies, and a device that lies: each meets the other guard (P1, P10, I3, I4). */
import { afterEach, expect, test } from "vitest";
import { frontDoor } from "../../fleet/front-door.js";
import type { FleetLink } from "../../fleet/link.js";
import { Directive } from "../../protocol/directive.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, encodeFrame, frameType } from "../../protocol/frame.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Release } from "../../protocol/release.js";
import { SyncReply, SyncRequest } from "../../protocol/sync.js";
import { type Sailor, withoutFirmware } from "./aboard.js";
import { Harbor, until } from "./harbor.js";
import { softSigner } from "./soft-keys.js";

let harbor: Harbor;
afterEach(async () => {
  await harbor.close();
});
const text = (words: string) => new TextEncoder().encode(words);
const leases = () => harbor.events.filter(({ type }) => type === "lease-issued").length;

/** Changes each sync reply on its way down; pushes nothing. */
function changingReplies(change: (reply: SyncReply) => SyncReply, lying: () => boolean) {
  return (link: FleetLink): FleetLink => ({
    ...link,
    handle: async (number, message) => {
      const replies = await link.handle(number, message);
      return replies.map((reply) => {
        const isSync = reply[0] === 0x82 && frameType(reply) === SyncReply.type;
        return isSync && lying() ? encodeFrame(SyncReply, change(decodeFrame(SyncReply, reply))) : reply;
      });
    },
    standing: (number) => {
      const standing = link.standing(number);
      return standing && lying() ? { ...standing, level: "none" } : standing;
    },
    watch: (listener) => link.watch((change) => lying() || listener(change)),
  });
}

test("I4: a gateway that accepts everything hears nothing from a held device", async () => {
  let lying = false;
  // It lets everyone in as `device` and takes any message, but passes on what the fleet says.
  harbor = await Harbor.open({
    tamper: changingReplies(
      (reply) => reply,
      () => lying,
    ),
  });
  const camera = await harbor.working();
  camera.radio.switch(false);
  await harbor.hold([camera.number], "restrict");
  lying = true;
  void camera.device.publish("temperature", text("from a held camera")).catch(() => undefined);
  camera.radio.switch(true);
  const receipt = () =>
    harbor.events.some((e) => e.type === "receipt-received" && e.held.level === "restrict");
  await until(receipt, "the device applied and confirmed its quarantine");
  await harbor.working(); // another one, heard on the same way, after all that this one may have sent
  expect(harbor.sessions().find(({ number }) => number === camera.number)?.role).toBe("device");
  expect(harbor.messagesFrom(camera)).toEqual([]);
});

test("I3: a gateway that forwards the lease and drops the directive gains nothing", async () => {
  let lying = false;
  harbor = await Harbor.open({
    tamper: changingReplies(
      (reply) => ({ ...reply, documents: [] }),
      () => lying,
    ),
  });
  const camera = await harbor.working();
  camera.radio.switch(false);
  await harbor.hold([camera.number], "isolate");
  lying = true;
  const before = leases();
  void camera.device.publish("temperature", text("from a held camera")).catch(() => undefined);
  camera.radio.switch(true);
  await until(() => leases() >= before + 2, "the device asked twice and got a lease each time");
  expect(camera.events.filter((e) => e.type === "speak").at(-1)).toEqual({ type: "speak", allowed: false });
  expect(harbor.messagesFrom(camera)).toEqual([]);
});

test("I3: a lease for a level that the device has not reached does not count", async () => {
  let lying = false;
  harbor = await Harbor.open({
    tamper: changingReplies(
      (reply) => ({ ...reply, documents: [] }),
      () => lying,
    ),
  });
  const camera = await harbor.working();
  camera.radio.switch(false);
  await harbor.release([camera.number], "none", "a release changes nothing here but must be known");
  lying = true;
  const before = leases();
  camera.radio.switch(true);
  await until(() => leases() >= before + 2, "the device asked twice and got a lease each time");
  expect(camera.events.filter((e) => e.type === "speak").at(-1)).toEqual({ type: "speak", allowed: false });
});

/** Publishes with a device's certificate and none of its firmware. @returns how many messages were taken. */
async function taken(aboard: Sailor, topics: readonly string[]): Promise<number> {
  const client = await withoutFirmware(aboard, harbor.port);
  let count = 0;
  const closed = new Promise<void>((done) => client.once("close", () => done()));
  for (const topic of topics) {
    const accepted = client.publishAsync(topic, "hello", { qos: 1 }).then(
      () => count++,
      () => undefined,
    );
    await Promise.race([accepted, closed]);
  }
  await client.endAsync(true);
  return count;
}

test("P10: firmware that ignores its quarantine is not accepted by the gateway", async () => {
  harbor = await Harbor.open();
  const camera = await harbor.working();
  await harbor.hold([camera.number], "restrict");
  expect(await taken(camera, [`app/${camera.number}/temperature`])).toBe(0);
  expect(harbor.messagesFrom(camera)).toEqual([]);
});

test("P10: the same client is accepted once the device is free", async () => {
  harbor = await Harbor.open();
  const camera = await harbor.working();
  await harbor.hold([camera.number], "restrict");
  await harbor.release([camera.number]);
  expect(await taken(camera, [`app/${camera.number}/temperature`])).toBe(1);
  await until(() => harbor.messagesFrom(camera).length === 1, "the observer sees it");
});

test("P1: a directive forged by a gateway is refused, and so is a release", async () => {
  harbor = await Harbor.open();
  const camera = await harbor.working();
  const gatewayKey = softSigner();
  const { fleetId } = harbor.service.trust;
  const head = { subject: camera.number, version: [1, 50], level: "isolate", issuedAt: 0 } as const;
  const directive = { ...head, reason: "forged", lowestGeneration: 1 };
  camera.device.receive(sealEnvelope(Directive, directive, gatewayKey, fleetId, nodeCrypto));
  // A role that exists, for a document that is not its own.
  camera.device.receive(sealEnvelope(Directive, directive, harbor.keys.lease, fleetId, nodeCrypto));
  camera.device.receive(
    sealEnvelope(Release, { ...head, level: "restrict" }, harbor.keys.hold, fleetId, nodeCrypto),
  );
  const refused = () => camera.events.flatMap((e) => (e.type === "refused" ? [e.code] : []));
  await until(() => refused().length === 3, "the device refused all three");
  expect(refused()).toEqual(["wrong-key", "wrong-key", "wrong-key"]);
  expect(camera.device.standing).toBe("none");
});

test("P1: a gateway that repeats an old sync of a dark device makes no news of it", async () => {
  const syncs: Uint8Array[] = [];
  harbor = await Harbor.open({
    tamper: (link) => ({
      ...link,
      handle: (number, message) => {
        if (looksSigned(message) && parseEnvelope(message).type === SyncRequest.type) syncs.push(message);
        return link.handle(number, message);
      },
    }),
  });
  const camera = await harbor.working();
  harbor.clock.advance(5_000);
  await harbor.hold([camera.number], "restrict");
  await until(() => camera.device.standing === "restrict", "the device knows");
  await harbor.release([camera.number]); // and syncs once more, for the lease
  const known = () => harbor.service.view.devices.get(camera.number);
  await until(() => known()?.held?.level === "none" && camera.device.standing === "none", "it is free again");
  camera.radio.switch(false);
  await harbor.passDays(10);
  const { held, lastContactAt } = known() ?? {};
  expect(syncs.length).toBeGreaterThanOrEqual(2);
  for (const sync of syncs) await frontDoor(harbor.service).handle(camera.number, sync);
  expect(known()).toMatchObject({ held, lastContactAt });
});
