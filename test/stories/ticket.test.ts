/** New keys by a ticket, and a return that a person has to agree to: the shipped device and the real fleet (P7, P9). */
import { afterEach, expect, test } from "vitest";
import type { DeviceEvent } from "../../device/main.js";
import { toBase64Url } from "../../fleet/events.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { toHex } from "../../protocol/bytes.js";
import type { Aboard } from "./aboard.js";
import { device, Harbor, type HarborOptions, until } from "./harbor.js";
import { entropy } from "./soft-keys.js";

let harbor: Harbor;
afterEach(() => harbor.close());

async function working(options: HarborOptions = {}) {
  harbor = await Harbor.open(options);
  const camera = await harbor.working();
  return { camera, told: listen(camera) };
}
function listen(aboard: Aboard): DeviceEvent[] {
  const told: DeviceEvent[] = [];
  device(aboard).onEvent((event) => told.push(event));
  return told;
}
const view = ({ number }: Aboard) => harbor.service.view.devices.get(number);
const codes = (told: readonly DeviceEvent[]) =>
  told.flatMap((event) => (event.type === "refused-request" ? [`${event.request} ${event.code}`] : []));
async function ticketFor({ number }: Aboard): Promise<Uint8Array> {
  const secret = entropy(32);
  const { bytes } = nodeCrypto.publicKey({ algorithm: "Ed25519", secret });
  await harbor.act({
    kind: "ticket",
    numbers: [number],
    key: toBase64Url(bytes),
    reason: "its keys were copied",
  });
  return secret;
}

test("a ticket gives a device new keys, ends the old ones, and is told to nobody", async () => {
  const { camera, told } = await working();
  const before = view(camera);
  const ticket = await ticketFor(camera);
  await device(camera).reenroll(ticket);
  await until(() => view(camera)?.key.bytes !== before?.key.bytes, "the fleet knows it by its new key");
  await until(() => device(camera).tlsIdentity.key.startsWith("base-"), "it has the fleet's answer");
  await harbor.speaking(camera);
  expect(view(camera)?.lowestGeneration).toBe((before?.lowestGeneration ?? 0) + 1);
  expect(device(camera).tlsIdentity.key).toMatch(/^base-/);
  const log = JSON.stringify([harbor.events, told]);
  expect([toHex(ticket), toBase64Url(ticket)].filter((secret) => log.includes(secret))).toEqual([]);
  await harbor.stop(camera); // and again from its disk
  await harbor.start(camera);
  await harbor.speaking(camera);
});

test("a ticket of another device is refused, and the device goes on with the keys that it has", async () => {
  const { camera, told } = await working();
  const lock = await harbor.working();
  await device(camera).reenroll(await ticketFor(lock));
  await until(() => codes(told).includes("reenroll bad-ticket"), "the firmware is told");
  await harbor.speaking(camera);
  expect(view(camera)?.key).toEqual(view(camera)?.birth.key);
});

test("P7: a device that is held keeps its ticket until it is released, and is held by its old keys meanwhile", async () => {
  const { camera, told } = await working();
  const ticket = await ticketFor(camera);
  await harbor.hold([camera.number], "isolate");
  await until(() => device(camera).level === "isolate", "it is held");
  await device(camera).reenroll(ticket);
  await until(() => codes(told).includes("reenroll held"), "it has to be released first");
  expect(device(camera).level).toBe("isolate");
  await harbor.release([camera.number]);
  await until(() => device(camera).level === "none", "it is released");
  harbor.clock.advance(3_600_000);
  await until(() => view(camera)?.key.bytes !== view(camera)?.birth.key.bytes, "its ticket counts");
  await harbor.speaking(camera);
});

test("P9: a device that was dark too long waits for a person, with one request, and then works", async () => {
  const { camera } = await working({ policy: { returns: "ask" } });
  await harbor.stop(camera);
  await harbor.passDays(40);
  await harbor.start(camera);
  const told = listen(camera);
  await until(() => codes(told).includes("return approval-pending"), "the firmware is told");
  expect(view(camera)?.comingBack).toBe("asked");
  await harbor.act({ kind: "readmit", numbers: [camera.number], reason: "back from the yard" });
  harbor.clock.advance(3_600_000);
  await harbor.speaking(camera);
});

test("each sync shows the token of the one before, also after days in the dark", async () => {
  const { camera } = await working();
  const { issued, shown } = view(camera)?.tokens ?? { issued: 0, shown: 0 };
  await harbor.stop(camera);
  await harbor.passDays(3);
  await harbor.start(camera);
  await harbor.speaking(camera);
  expect(view(camera)?.tokens).toMatchObject({ issued: issued + 1, shown: issued });
  expect(shown).toBeLessThan(issued);
  expect(view(camera)?.suspectedAt).toBeUndefined();
});
