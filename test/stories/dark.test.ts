/** The main story: away for 400 days, and quarantine comes before the first word. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Aboard } from "./aboard.js";
import { DAY_MS, device, Harbor, until } from "./harbor.js";

const text = (words: string) => new TextEncoder().encode(words);

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open();
});
afterEach(async () => {
  await harbor.close();
});

/** What the device did on the wire after coming back, in order. */
function since(aboard: Aboard, from: number): readonly string[] {
  return aboard.events.slice(from).map((event) => event.type);
}

/** Days pass for a connected device, which syncs on each of them. */
async function inTouch(aboard: Aboard, days: number): Promise<void> {
  const leases = () => aboard.events.filter(({ type }) => type === "leased").length;
  for (let day = 0; day < days; day++) {
    const before = leases();
    harbor.clock.advance(DAY_MS);
    await until(() => leases() > before, "the device syncs every day");
  }
}

test("P9: a device is born, enrolls by itself and works", async () => {
  const camera = await harbor.working();
  await camera.device.publish("temperature", text("21"));
  await until(() => harbor.messagesFrom(camera).includes("21"), "the observer sees the reading");
  expect(camera.device.level).toBe("none");
});

test("P9: 400 days dark, LDevID and lease long out, a device comes back by itself and works", async () => {
  const camera = await harbor.working();
  camera.radio.switch(false);
  await harbor.passDays(400);
  expect(camera.device.standing).toBe("none");
  expect(camera.device.level).toBe("restrict"); // its lease ran out: freshness, not standing
  const reading = camera.device.publish("temperature", text("21"));
  camera.radio.switch(true);
  await reading;
  await until(() => harbor.messagesFrom(camera).includes("21"), "the observer sees the reading");
  expect(camera.device.level).toBe("none");
  expect(harbor.events.filter(({ type }) => type === "certificate-issued")).toHaveLength(2);
});

test("P5: a device dark for 400 days applies its quarantine before it speaks", async () => {
  const camera = await harbor.working();
  camera.radio.switch(false);
  await harbor.hold([camera.number], "isolate");
  await harbor.passDays(400);
  void camera.device.publish("temperature", text("from a stolen camera")).catch(() => undefined);
  const returned = camera.events.length;
  camera.radio.switch(true);
  await until(() => camera.device.standing === "isolate", "the device knows that it is isolated");
  const receipt = () =>
    harbor.events.some((e) => e.type === "receipt-received" && e.held.level === "isolate");
  await until(receipt, "the fleet has its receipt");
  expect(since(camera, returned)).not.toContain("speak");
  expect(harbor.messagesFrom(camera)).toEqual([]);
  // Nothing was issued to it but the documents of its quarantine.
  expect(harbor.events.filter(({ type }) => type === "certificate-issued")).toHaveLength(1);

  await harbor.release([camera.number]);
  await until(() => harbor.messagesFrom(camera).length > 0, "it works again after its release");
  expect(camera.device.level).toBe("none");
});

test("P5: the same for a device that was switched off for 400 days and does not know the date", async () => {
  const camera = await harbor.working();
  await harbor.stop(camera);
  await harbor.hold([camera.number], "restrict");
  await harbor.passDays(400);
  await harbor.start(camera);
  void device(camera)
    .publish("temperature", text("from a held camera"))
    .catch(() => undefined);
  await until(() => device(camera).standing === "restrict", "the device knows that it is held");
  const receipt = () =>
    harbor.events.some((e) => e.type === "receipt-received" && e.held.level === "restrict");
  await until(receipt, "the fleet has its receipt");
  expect(harbor.messagesFrom(camera)).toEqual([]);
  await harbor.release([camera.number]);
  await until(() => harbor.messagesFrom(camera).length > 0, "it works again after its release");
});

test("P6: a lease that ran out holds the device back; only contact restores it, and only that", async () => {
  const camera = await harbor.working();
  camera.radio.switch(false);
  await harbor.passDays(38); // 7 days of lease, 30 of grace
  expect(camera.device.level).toBe("restrict");
  await until(() => camera.events.some(({ type }) => type === "level"), "the application is told");
  camera.radio.switch(true);
  await harbor.speaking(camera);
  expect(camera.device.level).toBe("none");
});

test("P9: renewal at two thirds of its life a device gets a new LDevID without being asked", async () => {
  const camera = await harbor.working();
  await inTouch(camera, 19);
  expect(harbor.events.filter(({ type }) => type === "certificate-issued")).toHaveLength(1);
  await inTouch(camera, 2);
  const renewals = () => harbor.events.filter((e) => e.type === "certificate-issued" && e.via === "renew");
  await until(() => renewals().length === 1, "the device renewed");
  await harbor.speaking(camera);
});
