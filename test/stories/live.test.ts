/** A change of level reaches a session that is open (P10). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { Harbor, until } from "./harbor.js";

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open();
});
afterEach(async () => {
  await harbor.close();
});
const text = (words: string) => new TextEncoder().encode(words);

test("P10: a hold lowers a live session at once, a release raises it again", async () => {
  const camera = await harbor.working();
  await harbor.hold([camera.number], "restrict");
  const session = () => harbor.sessions().find(({ number }) => number === camera.number);
  await until(() => session()?.role === "held", "its role is lowered");
  expect(session()).toMatchObject({ role: "held", reason: "quarantined" });
  await until(() => camera.device.standing === "restrict", "the device knows");
  const waiting = camera.device.publish("temperature", text("21"));
  expect(harbor.messagesFrom(camera)).toEqual([]);
  await harbor.release([camera.number]);
  await waiting;
  expect(session()).toMatchObject({ role: "device", reason: "ok" });
  await until(() => harbor.messagesFrom(camera).length === 1, "the observer sees what was held back");
  // It was one connection all along.
  expect(camera.events.filter(({ type }) => type === "connected")).toHaveLength(3); // lobby, pledge, device
});

test("P10: revocation cuts a live session, and the device knows why", async () => {
  const camera = await harbor.working();
  await harbor.hold([camera.number], "revoked", "scrapped");
  await until(
    () => harbor.gatewayEvents.some((e) => e.type === "closed" && e.why === "dismissed"),
    "it was cut",
  );
  await until(() => camera.device.standing === "revoked", "the device knows");
  expect(harbor.service.view.denied.has(camera.number)).toBe(true);
});

test("P10: observe flags a device and takes nothing from it", async () => {
  const camera = await harbor.working();
  await harbor.hold([camera.number], "observe");
  await until(() => camera.device.standing === "observe", "the device knows");
  await harbor.speaking(camera);
  expect(camera.device.level).toBe("observe");
});

test("P11: a new Beacon is stored by everyone and confirmed by nobody: a fleet must not answer all at once", async () => {
  const camera = await harbor.working();
  const other = await harbor.bear();
  const receipts = () =>
    harbor.events.filter((e) => e.type === "receipt-received" && e.number === camera.number).length;
  const before = (await camera.store.load())?.record.beacon;
  await harbor.hold([other.number], "isolate");
  await until(async () => {
    const stored = (await camera.store.load())?.record.beacon;
    return Buffer.compare(Buffer.from(stored ?? []), Buffer.from(before ?? [])) !== 0;
  }, "it stored the new Beacon");
  await harbor.speaking(camera); // behind anything it may have sent about it
  expect(receipts()).toBe(0);
});
