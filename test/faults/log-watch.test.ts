/** What the watch over a killed fleet must notice: a watch that sees nothing would find every fleet well. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import type { DeviceResource } from "../../fleet/api/devices.js";
import { type EventOf, type FleetEvent, toBase64Url } from "../../fleet/events.js";
import { utf8 } from "../../protocol/bytes.js";
import { NO_VERSION } from "../../protocol/version.js";
import { born } from "./facts.js";
import { LogWatch } from "./log-watch.js";

const AT = 1_700_000_000;
const hardwareId = utf8("SN-1");
const key = { algorithm: "ES256", bytes: "AA" } as const;
const imported: EventOf<"device-imported"> = {
  type: "device-imported",
  number: 1,
  hardwareId: toBase64Url(hardwareId),
  model: "camera",
  key,
  record: "",
  voucher: "",
  idevid: "",
  index: 0,
  at: AT,
  actor: "station/1",
};
const certified: EventOf<"certificate-issued"> = {
  type: "certificate-issued",
  number: 1,
  generation: 1,
  via: "enroll",
  key,
  nonce: "AA",
  notBefore: AT,
  notAfter: AT + 1,
  at: AT,
  actor: "device/1",
};
const release: EventOf<"release-issued"> = {
  type: "release-issued",
  number: 1,
  version: [1, 1],
  level: "none",
  reason: "found",
  clearedAlarms: [],
  wipe: 0,
  act: "a1",
  at: AT,
  actor: "act/a1",
};
const listed: DeviceResource = {
  number: 1,
  hardwareId: Buffer.from(hardwareId).toString("hex"),
  model: "camera",
  importedAt: "2023-11-14T22:13:20Z",
  level: "none",
  knows: "not-yet",
  wanted: { directive: NO_VERSION, release: NO_VERSION },
  alarms: [],
};

let folder: string;
let watch: LogWatch;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "daymark-log-watch-"));
  watch = new LogWatch(join(folder, "log"));
});
afterEach(() => rm(folder, { recursive: true }));

/** One record for each event. */
async function append(log: string, ...events: readonly FleetEvent[]): Promise<void> {
  const opened = LmdbEventLog.open(join(folder, log));
  let end = 0;
  for await (const { position } of opened.read(0)) end = position;
  for (const event of events) end = await opened.append("fleet", [event], end);
  await opened.close();
}

test("a log that goes on as it should: the facts in it, and what an API may list", async () => {
  await append("log", imported);
  await watch.read();
  await append("log", certified);
  await watch.read();
  expect(watch.complaints).toEqual([]);
  expect([...watch.facts]).toEqual([born(1, hardwareId), "certificate 1 1 AA"]);
  expect(watch.differences([listed], watch.position)).toEqual([]); // a moment ago
  expect(watch.differences([{ ...listed, level: "isolate" }], watch.position)).toHaveLength(1);
  expect(watch.differences([listed, { ...listed, number: 2 }], watch.position)).toHaveLength(2);
});

test.each<[what: string, event: FleetEvent, complaint: RegExp]>([
  ["hardware with two numbers", { ...imported, number: 2 }, /^two numbers/],
  ["an LDevID of another key", { ...certified, key: { ...key, bytes: "BB" } }, /^two keys/],
  ["a release that nobody approved", release, /nobody approved/],
  [
    "a device that is taken for two",
    { type: "clone-suspected", number: 1, shown: 1, newest: 2, at: AT, actor: "fleet" },
    /for two/,
  ],
])("%s", async (_, event, complaint) => {
  await append("log", imported, certified, event);
  await watch.read();
  expect(watch.complaints).toEqual([expect.stringMatching(complaint)]);
});

test("a log that has lost its end, and one that goes on differently", async () => {
  await append("log", imported);
  await cp(join(folder, "log"), join(folder, "older"), { recursive: true });
  await append("log", certified);
  await watch.read();
  await restore("older");
  await watch.read();
  expect(watch.complaints.splice(0)).toEqual(["the log ended at 2, and ends at 1"]);
  await append("log", { ...certified, nonce: "BB" });
  await watch.read();
  expect(watch.complaints).toEqual(["record 2 is another than it was"]);
});

async function restore(from: string): Promise<void> {
  await rm(join(folder, "log"), { recursive: true });
  await cp(join(folder, from), join(folder, "log"), { recursive: true });
}
