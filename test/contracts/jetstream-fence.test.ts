/** P3: a stream that is behind a worker's copy, or has another history, is not followed, and every worker is told. */
import { cp, rm } from "node:fs/promises";
import { connect, headers, type NatsConnection } from "nats";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EventOf } from "../../fleet/events.js";
import { FleetError } from "../../fleet/errors.js";
import type { EventLog, LogRecord } from "../../fleet/ports.js";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { streamSettings } from "../../fleet/adapters/jetstream-stream.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { LogWorker, STREAM } from "../nats/log-worker.js";
import { NatsServer } from "../nats/server.js";
import { event, everything, outcome, Recorder } from "./event-log-reader.js";

let server: NatsServer;
let worker: LogWorker;
beforeEach(async () => {
  server = await NatsServer.start();
  worker = await LogWorker.start([server.url]);
  for (let n = 0; n < 5; n++) await worker.log.append("fleet", [event(`${n}`)], n);
});
afterEach(async () => {
  await worker.remove();
  await server.remove();
});

async function deleteStream(nats: NatsConnection): Promise<void> {
  await (await nats.jetstreamManager()).streams.delete(STREAM);
}
async function makeStream(nats: NatsConnection): Promise<void> {
  await (await nats.jetstreamManager()).streams.add(streamSettings(STREAM, 1));
}
const olderStore = () => `${server.store}-older`;
/** The store as it is now, for `takeBack`. */
async function keepStore(): Promise<void> {
  await server.stop();
  await cp(server.store, olderStore(), { recursive: true });
  await server.start();
}
async function takeBack(): Promise<void> {
  await server.stop();
  await rm(server.store, { recursive: true });
  await cp(olderStore(), server.store, { recursive: true });
  await server.start();
}

/** What the newest record of a log says about the fence. */
function proofIn(records: readonly LogRecord[]): unknown {
  const [newest] = records.at(-1)!.events;
  return (newest as EventOf<"fence-raised">).type === "fence-raised"
    ? (newest as EventOf<"fence-raised">).proof
    : undefined;
}
const proof = (position: number) => ({ kind: "copy", worker: "0123456789abcdef", position });

/** Of a worker that is fenced for good: it says so to each request, to followers once, and reads what it has. */
async function whyFenced(): Promise<string> {
  const error = await worker.follower.failure;
  expect(error).toMatchObject({ code: "fenced" });
  await expect(worker.log.append("fleet", [event("more")], 5)).rejects.toBe(error);
  await expect(worker.log.caughtUp()).rejects.toBe(error);
  expect(worker.follower.failures).toEqual([error]);
  expect(await everything(worker.log)).toEqual(worker.follower.records);
  return error.message;
}

/** Let in by a server that did not look where the subject ended. */
async function letIn(knew: string): Promise<void> {
  const set = headers();
  set.set("Nats-Msg-Id", "a");
  set.set("Daymark-Follows", "0");
  set.set("Daymark-Knew", knew);
  const text = JSON.stringify({ subject: "fleet", events: [event("late")] });
  await worker.nats.jetstream().publish(`${STREAM}.fleet`, text, { headers: set });
}

describe("while the worker follows", () => {
  test("a stream that is deleted", async () => {
    await deleteStream(worker.nats);
    expect(await whyFenced()).toContain("is gone");
  });

  test("a stream that is deleted and made anew, empty: the fence stands in the new one", async () => {
    await deleteStream(worker.nats);
    await makeStream(worker.nats);
    expect(await whyFenced()).toContain("ends at 0, and this worker's copy at 5");
    await worker.log.close();
    const newcomer = await LogWorker.start([server.url], { worker: "00000000000000aa" });
    expect(newcomer.follower.records).toHaveLength(1);
    expect(proofIn(newcomer.follower.records)).toEqual(proof(5));
    await newcomer.remove();
  });

  test("a server that comes back with an older store", async () => {
    await keepStore();
    await worker.log.append("fleet", [event("5")], 5);
    await takeBack();
    expect(await whyFenced()).toContain("ends at 5, and this worker's copy at 6");
  });

  test("a message that is no record", async () => {
    await worker.nats.jetstream().publish(`${STREAM}.fleet`, "not ours");
    expect(await whyFenced()).toContain("has a message 6 that is no record of this log");
  });

  test("a record whose writer had another history", async () => {
    await letIn(`5 ${"ab".repeat(32)}`);
    expect(await whyFenced()).toContain("record 6 whose writer had another record 5");
  });
});

describe("a record that a server let in too late", () => {
  test("holds its place, and nothing else; the next append follows the one that counts", async () => {
    await letIn(`0 ${"0".repeat(64)}`);
    await worker.follower.taken(6);
    expect(worker.follower.records.at(-1)).toMatchObject({
      subject: "overtaken",
      events: [{ type: "decision-overtaken" }],
    });
    await expect(worker.log.append("fleet", [event("wrong")], 6)).rejects.toMatchObject({ code: "conflict" });
    expect(await worker.log.append("fleet", [event("next")], 5)).toBe(8); // "wrong" too was let in
    expect(worker.follower.failures).toEqual([]);
    await worker.close();
    await worker.open();
    expect(await everything(worker.log)).toHaveLength(8);
    expect(await worker.log.append("fleet", [event("more")], 8)).toBe(9);
  });
});

describe("while the worker was away", () => {
  beforeEach(() => worker.close());

  async function viaAnother(work: (nats: NatsConnection) => Promise<void>): Promise<void> {
    const other = await LogWorker.start([server.url], { worker: "00000000000000aa" });
    await work(other.nats);
    await other.remove();
  }

  test("the stream was deleted: it is not made anew by who has records", async () => {
    await viaAnother(deleteStream);
    await worker.open();
    expect(await whyFenced()).toContain("is gone");
    expect(worker.follower.records).toHaveLength(5);
    expect((await (await worker.nats.jetstreamManager()).streams.list().next()).length).toBe(0);
  });

  test("the store is an older one", async () => {
    await keepStore();
    await worker.open();
    await worker.log.append("fleet", [event("5")], 5);
    await worker.close();
    await takeBack();
    await worker.open();
    expect(await whyFenced()).toContain("ends at 5, and this worker's copy at 6");
  });

  test("the store is an older one, and grew since by what others wrote", async () => {
    await keepStore();
    await worker.open();
    for (let n = 5; n < 8; n++) await worker.log.append("fleet", [event(`${n}`)], n);
    await worker.close();
    await takeBack();
    const other = await LogWorker.start([server.url], { worker: "00000000000000aa" });
    for (let n = 5; n < 12; n++) await other.log.append("fleet", [event(`other ${n}`)], n);
    await worker.open();
    expect(await whyFenced()).toContain("has another record at ");
    await other.follower.taken(13);
    expect(proofIn(other.follower.records), "the others are told").toMatchObject({ kind: "copy" });
    expect(other.follower.failures).toEqual([]);
    await other.remove();
  });

  test("a worker that starts again and again tells the others once", async () => {
    await keepStore();
    await worker.open();
    await worker.log.append("fleet", [event("5")], 5);
    await worker.close();
    await takeBack();
    const other = await LogWorker.start([server.url], { worker: "00000000000000aa" });
    for (let i = 0; i < 3; i++) {
      await worker.open();
      expect((await worker.follower.failure).code).toBe("fenced");
      await worker.close();
    }
    await other.log.caughtUp();
    expect(other.follower.records).toHaveLength(6);
    expect(proofIn(other.follower.records)).toEqual(proof(6));
    await other.remove();
  });

  test("an older record is another one, though the end is the same", async () => {
    // The same end, by a writer that knew nothing: only a look at the records before finds it.
    await viaAnother(async (nats) => {
      await deleteStream(nats);
      await makeStream(nats);
      for (let n = 0; n < 5; n++) {
        const set = headers();
        set.set("Nats-Msg-Id", `${n}`);
        set.set("Daymark-Follows", `${n}`);
        set.set("Daymark-Knew", `0 ${"0".repeat(64)}`);
        const text = JSON.stringify({ subject: "fleet", events: [event(n === 2 ? "other" : `${n}`)] });
        await nats.jetstream().publish(`${STREAM}.fleet`, text, { headers: set });
      }
    });
    await worker.open();
    expect(await whyFenced()).toContain("has another record at 3 than this worker's copy");
  });

  test("P9: the stream is another fleet's: that one is told nothing, and the worker says so", async () => {
    await viaAnother(deleteStream);
    const other = await LogWorker.start([server.url], { worker: "00000000000000aa" });
    const founded = { type: "fleet-created", name: "other", at: 1, actor: "fleet" } as const;
    await other.log.append("fleet", [founded], 0);
    await expect(worker.open()).rejects.toMatchObject({
      code: "bad-request",
      message: expect.stringContaining("another fleet's") as string,
    });
    await other.log.caughtUp();
    expect(other.follower.records).toHaveLength(1);
    expect(other.follower.failures).toEqual([]);
    await other.remove();
  });

  test("what it appended before is not taken back", async () => {
    await worker.open();
    expect(await outcome(worker.log.append("fleet", [event("5")], 5))).toBe("ok");
    expect(worker.follower.failures).toEqual([]);
  });
});

test("P9: a copy that cannot be read any more ends the log, and its followers are told", async () => {
  await worker.close();
  const folder = `${server.store}-copy`;
  const disk = LmdbEventLog.open(folder);
  let isBroken = false;
  const copy: EventLog = {
    append: (...record) => disk.append(...record),
    follow: (...from) => disk.follow(...from),
    caughtUp: () => disk.caughtUp(),
    close: () => disk.close(),
    async *read(from) {
      if (isBroken) throw new FleetError("storage-failed", "the disk is gone");
      yield* disk.read(from);
    },
  };
  const nats = await connect({ servers: [server.url], maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const parts = { nats, copy, worker: "00000000000000aa", clock: systemClock, stream: STREAM };
  const log = await JetStreamEventLog.open({ ...parts, replicas: 1, acceptLogLoss: true });
  const [follower, late] = [new Recorder(), new Recorder()];
  log.follow(0, follower);
  isBroken = true;
  await server.stop();
  await server.start();
  expect(await follower.failure).toMatchObject({ code: "storage-failed" });
  log.follow(5, late);
  expect(late.failures).toEqual(follower.failures);
  await log.close();
  await nats.close();
  await rm(folder, { recursive: true });
});

test("a record deleted from a stream with weak settings", async () => {
  await deleteStream(worker.nats);
  const manager = await worker.nats.jetstreamManager();
  await manager.streams.add({ ...streamSettings(STREAM, 1), deny_delete: false });
  const [writer, late] = [await LogWorker.start([server.url]), await LogWorker.start([server.url])];
  await late.close();
  for (let n = 0; n < 5; n++) await writer.log.append("fleet", [event(`${n}`)], n);
  await (await writer.nats.jetstreamManager()).streams.deleteMessage(STREAM, 3);
  await late.open();
  expect(await late.follower.failure).toMatchObject({
    code: "fenced",
    message: expect.stringContaining("has lost records before its end") as string,
  });
  for (const one of [writer, late]) await one.remove();
});
