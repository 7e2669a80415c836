/** Births for a swarm, and the file that keeps them for the next run. */
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { type Fleet, openFleet, serveApi } from "../../fleet/main.js";
import { embeddedStation } from "../../fleet/station/embedded.js";
import { loadBatch, saveBatch } from "../../simulators/swarm/batch.js";
import { giveBirth } from "../../simulators/swarm/births.js";
import { readIdentity, writeIdentity, type Written } from "../../simulators/swarm/identity.js";
import { entropy, temporaryFolder } from "../fleet/served-fleet.js";

const DEVICES = 40; // more than are born at one time
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let fleet: Fleet;
let api: Awaited<ReturnType<typeof serveApi>>;
let station: { readonly url: string; readonly tokenFile: string };
let fleetId: string;
let devices: readonly Written[];
const births: number[] = [];
beforeAll(async () => {
  folder = await temporaryFolder();
  const data = join(folder.path, "fleet");
  fleet = await openFleet({ folder: data, name: "harbour", clock: systemClock, crypto: nodeCrypto, entropy });
  const factory = await embeddedStation(fleet.service);
  api = await serveApi(fleet, { port: 0, station: (message) => factory.receive(message) });
  station = { url: api.url, tokenFile: join(data, "tokens", "admin") };
  fleetId = toHex(fleet.service.trust.fleetId);
  devices = await giveBirth(DEVICES, { station }, (born) => births.push(born));
});
afterAll(async () => {
  await api.close();
  await fleet.close();
  await folder.remove();
});

const file = (name: string) => join(folder.path, name);

test("as many as asked for are born, each known to the fleet under a number of its own", async () => {
  const numbers = devices.map(({ number }) => number);
  expect(new Set(numbers)).toEqual(new Set(fleet.service.view.devices.keys()));
  expect(numbers).toHaveLength(DEVICES);
  expect(births).toEqual(Array.from({ length: DEVICES }, (_, i) => i + 1));
});

test("a birth that is refused ends the rest, with the words of the station", async () => {
  const tokenFile = file("no-token");
  await writeFile(tokenFile, "x".repeat(43), { mode: 0o600 });
  const strange = { ...station, tokenFile };
  await expect(giveBirth(50, { station: strange }, () => undefined)).rejects.toMatchObject({
    code: "no-births",
  });
});

test("a batch comes back as it was written, and only its owner may read it", async () => {
  await saveBatch(file("batch"), devices);
  expect((await stat(file("batch"))).mode & 0o777).toBe(0o600);
  expect(await loadBatch(file("batch"), fleetId)).toEqual(devices);
  const identity = await readIdentity(devices[0]!.line);
  expect(await writeIdentity(identity)).toEqual(devices[0]);
  const message = utf8("whose key is it?");
  const key = await identity.keys.publicKey("idevid");
  expect(key && nodeCrypto.verify(key, message, await identity.keys.sign("idevid", message))).toBe(true);
});

test("a batch that is saved over another one replaces it whole", async () => {
  await saveBatch(file("replaced"), devices);
  await saveBatch(file("replaced"), devices.slice(0, 2));
  expect(await loadBatch(file("replaced"), fleetId)).toHaveLength(2);
});

test("a file that others may read is refused", async () => {
  await saveBatch(file("open"), devices.slice(0, 1));
  await chmod(file("open"), 0o640);
  await expect(loadBatch(file("open"), fleetId)).rejects.toMatchObject({
    code: "bad-batch",
    message: expect.stringContaining("chmod 600"),
  });
});

test("devices of another fleet are refused, and one that is there twice", async () => {
  await saveBatch(file("strange"), devices.slice(0, 1));
  const other = "00".repeat(16);
  await expect(loadBatch(file("strange"), other)).rejects.toMatchObject({
    message: expect.stringContaining(other),
  });
  await saveBatch(file("twice"), [devices[0]!, devices[1]!, devices[0]!]);
  await expect(loadBatch(file("twice"), fleetId)).rejects.toMatchObject({
    message: expect.stringMatching(/line 3: .*twice/),
  });
});

test("a file that is not there is refused with what to do", async () => {
  await expect(loadBatch(file("missing"), fleetId)).rejects.toMatchObject({
    message: expect.stringContaining("--save"),
  });
});

test.each<[what: string, spoil: (line: string) => string]>([
  ["no JSON", () => "device 7"],
  ["an empty line", () => ""],
  ["a record of other content than its hash", (line) => line.replace("swarm", "swirl")],
  ["no keys", (line) => JSON.stringify({ state: JSON.parse(line).state })],
  ["something that is no key", (line) => JSON.stringify({ ...JSON.parse(line), keys: { idevid: "secret" } })],
  ["a key with a name that is none", (line) => line.replace('"idevid":"-', '"../idevid":"-')],
  ["more than there should be", (line) => JSON.stringify({ ...JSON.parse(line), more: true })],
])("%s is refused, without a word of what it holds", async (_what, spoil) => {
  const [good, { line, number }] = [devices[1]!, devices[0]!];
  const spoilt = spoil(line);
  expect(spoilt).not.toBe(line);
  await saveBatch(file("spoilt"), [good, { number, line: spoilt }]);
  const refusal = await loadBatch(file("spoilt"), fleetId).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "bad-batch", message: expect.stringContaining("line 2") });
  expect(String(refusal)).not.toMatch(/secret|PRIVATE KEY|device 7/);
  expect(await readFile(file("spoilt"), "utf8")).toContain(spoilt); // nothing was repaired
});
