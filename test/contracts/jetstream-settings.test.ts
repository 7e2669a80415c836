/** A stream that can lose what it acknowledged is refused, naming what can be lost, unless that is accepted. */
import { connect, type NatsConnection, RetentionPolicy, StorageType, type StreamConfig } from "nats";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { streamSettings, streamWeaknesses } from "../../fleet/adapters/jetstream-stream.js";
import { LogWorker, STREAM } from "../nats/log-worker.js";
import { NatsServer } from "../nats/server.js";
import { event, outcome } from "./event-log-reader.js";

describe("the judge", () => {
  const safe = streamSettings("log", 3);

  test("finds nothing in the settings that we make, on a server that can sync", () => {
    expect(streamWeaknesses(safe, "2.10.0")).toEqual([]);
    expect(streamWeaknesses(safe, "3.0.1")).toEqual([]);
  });

  test.each<[what: string, change: Partial<StreamConfig>, words: string]>([
    ["two replicas", { num_replicas: 2 }, "replicas 2"],
    ["memory storage", { storage: StorageType.Memory }, "memory storage"],
    ["records that go when read", { retention: RetentionPolicy.Workqueue }, "retention workqueue"],
    ["a greatest age", { max_age: 1 }, "max_age"],
    ["a greatest number", { max_msgs: 10 }, "max_msgs"],
    ["a greatest size", { max_bytes: 10 }, "max_bytes"],
    ["a greatest number for each subject", { max_msgs_per_subject: 1 }, "max_msgs_per_subject"],
    ["deletes", { deny_delete: false }, "deny_delete"],
    ["purges", { deny_purge: false }, "deny_purge"],
    ["roll-ups", { allow_rollup_hdrs: true }, "allow_rollup_hdrs"],
    ["no answers", { no_ack: true }, "no_ack"],
    ["a short memory for repeats", { duplicate_window: 1_000_000_000 }, "duplicate_window"],
    ["a mirror", { mirror: { name: "other" } }, "mirror or sources"],
    ["sources", { sources: [{ name: "other" }] }, "mirror or sources"],
  ])("finds %s", (_, change, words) => {
    const found = streamWeaknesses({ ...safe, ...change }, "2.10.0");
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(words);
  });

  test.each(["2.9.10", "2.9.25", "1.4.1", ""])("finds that server %s cannot sync first", (version) => {
    expect(streamWeaknesses(safe, version)).toEqual([expect.stringContaining("sync_interval")]);
  });
});

describe("opening a log", () => {
  let server: NatsServer;
  let nats: NatsConnection;
  beforeAll(async () => {
    server = await NatsServer.start();
    nats = await connect({ servers: server.url });
  });
  afterAll(async () => {
    await nats.close();
    await server.remove();
  });
  afterEach(async () => {
    await (await nats.jetstreamManager()).streams.delete(STREAM).catch(() => undefined);
  });

  test("does not make a stream that can lose records", async () => {
    await expect(LogWorker.start([server.url], { acceptLogLoss: false })).rejects.toMatchObject({
      code: "bad-request",
      message: expect.stringMatching(/replicas 1.*sync_interval.*--accept-log-loss/) as string,
    });
    expect(await (await nats.jetstreamManager()).streams.list().next()).toEqual([]);
  });

  test("refuses one that is there, naming all that can be lost, and takes it when that is accepted", async () => {
    const weak = { ...streamSettings(STREAM, 1), max_age: 3_600_000_000_000, deny_delete: false };
    await (await nats.jetstreamManager()).streams.add(weak);
    const refused = LogWorker.start([server.url], { acceptLogLoss: false });
    await expect(refused).rejects.toMatchObject({
      code: "bad-request",
      message: expect.stringMatching(/replicas 1.*max_age.*deny_delete.*--accept-log-loss/) as string,
    });
    const worker = await LogWorker.start([server.url], { acceptLogLoss: true });
    expect(await outcome(worker.log.append("fleet", [event("a")], 0))).toBe("ok");
    await worker.remove();
  });

  test("refuses a stream that takes other subjects, accepted or not", async () => {
    const other = { ...streamSettings(STREAM, 1), subjects: [`${STREAM}.>`, "orders.>"] };
    await (await nats.jetstreamManager()).streams.add(other);
    await expect(LogWorker.start([server.url])).rejects.toMatchObject({ code: "bad-request" });
  });

  test("refuses more replicas than there are servers", async () => {
    await expect(LogWorker.start([server.url], { replicas: 3 })).rejects.toMatchObject({
      code: "bad-request",
    });
  });

  test("refuses a decision that the server's messages are too small for", async () => {
    const worker = await LogWorker.start([server.url]);
    await expect(worker.log.append("fleet", [event("x".repeat(1024 * 1024 - 100))], 0)).rejects.toMatchObject(
      {
        code: "bad-request",
        message: expect.stringContaining("max_payload") as string,
      },
    );
    await worker.remove();
  });
});
