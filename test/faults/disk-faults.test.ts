/** Disks that refuse a write or a sync, once or from then on: refused, and nothing acknowledged is lost (P4). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NatsServer } from "../nats/server.js";
import { SOURCE } from "../stories/device-process.js";
import { faultedLog, inWords } from "./disk-faults.js";
import { faultedFleet } from "./disk-faults-fleet.js";
import type { Fault } from "./strace.js";

// All kinds, each n: npm run soak:faults.
const once = { lasting: false } as const;
const lasting = { lasting: true } as const;
const named = (...faults: readonly Fault[]) => faults.map((fault) => [inWords(fault), fault] as const);

let nats: NatsServer;
beforeAll(async () => {
  nats = await NatsServer.start();
});
afterAll(() => nats.remove());

describe("P4: the event log by itself refuses at", () => {
  test.each(
    named(
      { call: "fdatasync", error: "EIO", nth: 1, ...once },
      { call: "fdatasync", error: "EIO", nth: 5, ...once },
      { call: "pwrite64", error: "EIO", nth: 8, ...once },
      { call: "pwrite64", error: "ENOSPC", nth: 3, ...lasting },
      { call: "writev", error: "ENOSPC", nth: 2, ...once },
    ),
  )("%s", async (_, fault) => {
    expect(await faultedLog(fault, "lmdb")).toMatchObject({ complaints: [] });
  });
});

describe("P4: a worker on JetStream whose copy fails refuses at", () => {
  test.each(
    named(
      { call: "fdatasync", error: "EIO", nth: 7, ...once },
      { call: "pwrite64", error: "ENOSPC", nth: 5, ...lasting },
    ),
  )("%s", async (_, fault) => {
    expect(await faultedLog(fault, "jetstream", nats.url)).toMatchObject({ complaints: [] });
  });
});

describe("P4: a server refuses, and ends, at", () => {
  test.each(
    named(
      { call: "fdatasync", error: "EIO", nth: 9, ...once },
      { call: "pwrite64", error: "ENOSPC", nth: 12, ...lasting },
    ),
  )("%s", async (_, fault) => {
    expect(await faultedFleet(SOURCE, fault)).toMatchObject({ complaints: [] });
  });
});
