import { afterEach, beforeEach, expect, test } from "vitest";
import { Harbor, until } from "./harbor.js";

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open();
});
afterEach(async () => {
  await harbor.close();
});

test("P9: a device is born, enrolls by itself and works", async () => {
  const aboard = await harbor.working();
  await aboard.device.publish("temperature", new TextEncoder().encode("21"));
  await until(() => harbor.messagesFrom(aboard).includes("21"), "the observer sees the reading");
  expect(aboard.device.level).toBe("none");
});
