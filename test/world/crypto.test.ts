/** The stand-in for signatures does what its callers expect, and nobody but a simulation can choose it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keyedHashCrypto } from "../../simulators/world/crypto/keyed-hash-crypto.js";
import { World } from "../../simulators/world/world.js";
import { utf8 } from "../../protocol/bytes.js";

const ROOT = join(import.meta.dirname, "../..");
const SHIPPED = ["protocol", "device", "fleet", "broker", "simulators"];
const MINUTE_MS = 60_000;

test("nothing that is shipped names it", () => {
  const files = SHIPPED.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)),
  );
  const naming = files.filter(
    (file) => file.endsWith(".ts") && readFileSync(join(ROOT, file), "utf8").includes("keyedHashCrypto"),
  );
  expect(naming).toEqual(["simulators/world/crypto/keyed-hash-crypto.ts"]);
});

test("what one key signed holds for that key and that text only", () => {
  const keys = [1, 2].map((fill) =>
    keyedHashCrypto.generate("Ed25519", (size) => new Uint8Array(size).fill(fill)),
  );
  const [own, other] = keys.map((key) => keyedHashCrypto.publicKey(key));
  const signature = keyedHashCrypto.sign(keys[0]!, utf8("yes"));
  expect(signature).toHaveLength(64);
  expect(keyedHashCrypto.verify(own!, utf8("yes"), signature)).toBe(true);
  expect(keyedHashCrypto.verify(own!, utf8("no"), signature)).toBe(false);
  expect(keyedHashCrypto.verify(other!, utf8("yes"), signature)).toBe(false);
});

test("a fleet lives on it", async () => {
  const world = await World.create({ seed: 1, devices: 1, crypto: keyedHashCrypto });
  const [node] = world.devices;
  await world.perform("camera-1", "starts", () => node!.start());
  await world.runFor(MINUTE_MS);
  expect(node!.device?.lease).toBeDefined();
});
