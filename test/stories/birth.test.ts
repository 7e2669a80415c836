/** Births while the chain of Authorities goes on: the papers bring the links that they need (P9). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { beBorn } from "../../device/birth.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import { Harbor } from "./harbor.js";

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open();
});
afterEach(() => harbor.close());

test("P9: a device is born, enrolls and works after the factory's key and its CA were replaced", async () => {
  await harbor.rotate({ keys: ["factory", "factory-ca"], keep: "none" });
  await harbor.rotate({ keys: ["root", "lease"] });
  const { device } = await harbor.working();
  expect(device.level).toBe("none");
});

test("P9: a birth that was cut off goes on with the papers it had, though the factory's key was replaced", async () => {
  const { number, keys } = await harbor.bear("SN-0001");
  await harbor.rotate({ keys: ["factory"] });
  const store = new MemoryDeviceStore(); // the papers came, and were not stored
  const again = { hardwareId: utf8("SN-0001"), model: "camera", store, keys, crypto: nodeCrypto };
  expect((await beBorn(again, (message) => harbor.station.receive(message))).number).toBe(number);
});
