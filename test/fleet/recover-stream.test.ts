/** `daymark recover --nats`: a stream that was lost, cut or put back, made whole from the copies of its workers. */
import { cp, rename, rm, writeFile } from "node:fs/promises";
import { AckPolicy, headers } from "nats";
import { describe, expect, test } from "vitest";
import { ClosedStream } from "../../fleet/adapters/jetstream-closed.js";
import { raiseFence } from "../../fleet/adapters/jetstream-fence.js";
import { streamSettings } from "../../fleet/adapters/jetstream-stream.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { readWorkerId } from "../../fleet/adapters/worker-file.js";
import { recover } from "../../fleet/cli/commands/recover.js";
import { EXIT } from "../../fleet/cli/exit.js";
import { type ClosedLog, stateOf } from "../../fleet/recovery/closed-log.js";
import { refill } from "../../fleet/recovery/refill.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { must } from "./fixtures.js";
import { inProcess } from "./in-process.js";
import {
  at,
  copyOf,
  cutTo,
  eventsOf,
  hashesOf,
  hold,
  idOf,
  kept,
  loseStream,
  mend,
  mendAt,
  nats,
  putBack,
  server,
  STREAM,
  stop,
  stopAfter,
  stream,
  wanted,
  withTwoWorkers,
  work,
} from "./stream-to-mend.js";

withTwoWorkers();

test("P4: a stream that is gone is made anew from the longest copy, and every worker goes on", async () => {
  const whole = await copyOf("b");
  await loseStream();
  const done = await mend("--from", at("b"), "--yes", "-j");
  expect([done.exitCode, done.stderr]).toEqual([EXIT.ok, expect.stringContaining("mended")]);
  expect(JSON.parse(done.stdout)).toMatchObject({ refill: "append", missing: whole.length });
  expect((await hashesOf(stream())).slice(0, -1)).toEqual(whole);
  for (const name of ["a", "b"]) {
    const fleet = await work(name);
    expect(fleet.service.stopped).toBeUndefined();
    expect([...fleet.service.view.denied]).toEqual([1, 2]);
  }
});

test("P3: a stream that was put back fences its workers, and is kept in a file before it is made anew", async () => {
  const whole = await copyOf("b");
  await cutTo(6);
  expect((await work("a")).service.stopped).toMatchObject({ code: "fenced" });
  await stop();
  const done = await mend("--from", at("b"), "--yes", "-j");
  expect([done.exitCode, done.stderr]).toEqual([EXIT.ok, expect.stringContaining("mended")]);
  expect(JSON.parse(done.stdout)).toMatchObject({ refill: "replace", missing: whole.length - 6, aside: 1 });
  expect((await hashesOf(stream())).slice(0, -1)).toEqual(whole);
  expect(await kept()).toEqual(["stream.before-6-7.jsonl"]);
  const proof = { kind: "copy", worker: await idOf("a") };
  expect((await eventsOf(stream())).at(-1)).toMatchObject({ type: "fence-lifted", fence: proof });
  const again = await work("a");
  expect(again.service.stopped).toBeUndefined();
  await hold(again, 1);
});

test("P4: a stream that JetStream would not make anew is not deleted", async () => {
  await cutTo(6);
  await work("a"); // which fences: the stream is replaced then
  await stop();
  const before = await hashesOf(stream());
  const args = ["--nats", server.url, "--accept-log-loss", "--reason", "x", "--from", at("b"), "--yes"];
  const refused = await inProcess({ recover }, at("a"), ["recover", ...args]); // three replicas, and one server
  expect([refused.exitCode, refused.stderr]).toEqual([EXIT.usage, expect.stringContaining("--replicas 1")]);
  expect(await hashesOf(stream())).toEqual(before);
  expect((await mend("--from", at("b"), "--yes")).exitCode).toBe(EXIT.ok);
  const manager = await nats.jetstreamManager();
  expect(await manager.streams.names().next()).toEqual([STREAM]);
});

test("a worker whose copy is not there is named, and only its owner can say that it is lost", async () => {
  await cutTo(6);
  const id = must(await readWorkerId(at("b", "fleet")));
  await cp(at("b", "fleet", "log"), at("found"), { recursive: true }); // a copy of nobody knows whom
  await rm(at("b"), { recursive: true });
  const refused = await mend("--from", at("found"), "--yes");
  expect([refused.exitCode, refused.stderr]).toEqual([EXIT.conflict, expect.stringContaining(`${id} (b)`)]);
  expect(await hashesOf(stream())).toHaveLength(6);
  const left = await mend("--from", at("found"), "--without", id, "--yes");
  expect([left.exitCode, left.stderr]).toEqual([
    EXIT.conflict,
    expect.stringContaining("how far the copies"),
  ]);
  expect((await mend("--from", at("found"), "--without", id, "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
});

test("P3: what only a lost worker had acknowledged is not dropped without new terms", async () => {
  const id = must(await readWorkerId(at("b", "fleet")));
  await cutTo(6);
  expect((await work("b")).service.stopped).toMatchObject({ code: "fenced" });
  await stop();
  await rm(at("b"), { recursive: true });
  const alone = await mend("--yes");
  expect([alone.exitCode, alone.stderr]).toEqual([EXIT.conflict, expect.stringContaining(`${id} (known`)]);
  const without = await mend("--without", id, "--yes");
  expect([without.exitCode, without.stderr]).toEqual([
    EXIT.conflict,
    expect.stringContaining("ends too early"),
  ]);
  expect((await mend("--without", id, "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
  expect((await work("a")).service.view.era).toBe(1);
});

test("P3: stopped while the stream is made anew, it has not forgotten what stood in the old one", async () => {
  await putBack();
  await stopAfter(8);
  const again = await mend("--from", at("b"), "--yes");
  expect([again.exitCode, again.stderr]).toEqual([
    EXIT.conflict,
    expect.stringContaining("checkpoint-signed"),
  ]);
  expect((await mend("--from", at("b"), "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
  expect(await kept()).toEqual(["stream.before-6-7.jsonl"]);
});

test("stopped before its last record it ends the fence, and stopped after it there is nothing to do", async () => {
  const whole = await copyOf("b");
  await cutTo(6);
  await work("a"); // which fences
  await stop();
  await stopAfter(whole.length);
  const done = await mend("--from", at("b"), "--yes", "-j");
  expect([done.exitCode, done.stderr]).toEqual([EXIT.ok, expect.stringContaining("mended")]);
  expect(JSON.parse(done.stdout)).toMatchObject({ refill: "nothing", lift: "refilled" });
  expect(await hashesOf(stream())).toHaveLength(whole.length + 1);
  const file = at("a", "fleet", "stream.before-6-7.jsonl");
  await rename(file, `${file}.unsettled`);
  await stream().make(whole.length + 1); // marked again
  const planned = await mend("--from", at("b"));
  expect([planned.exitCode, planned.stderr]).toEqual([EXIT.conflict, expect.stringContaining("say --yes")]);
  expect((await mend("--from", at("b"), "--yes")).exitCode).toBe(EXIT.ok);
  expect(await kept()).toEqual(["stream.before-6-7.jsonl"]);
  expect(await hashesOf(stream())).toHaveLength(whole.length + 1);
  expect((await work("a")).service.stopped).toBeUndefined();
  await stop();
  const third = await mend("--from", at("b"), "--yes");
  expect([third.exitCode, third.stderr]).toEqual([EXIT.conflict, expect.stringContaining("no fence")]);
});

test("P3: no worker takes the half of a stream for the whole: it waits until recover has ended", async () => {
  await cutTo(6);
  await stopAfter(3);
  const message = expect.stringContaining("run daymark recover again");
  for (const name of ["a", "b"])
    await expect(work(name)).rejects.toMatchObject({ code: "conflict", message });
  expect((await mend("--from", at("b"), "--yes")).exitCode).toBe(EXIT.ok);
  for (const name of ["a", "b"]) expect((await work(name)).service.stopped).toBeUndefined();
});

test("a stream that was lost, filled and not lifted is not left shut", async () => {
  const whole = await copyOf("b");
  await loseStream();
  await stopAfter(whole.length);
  const done = await mend("--from", at("b"), "--yes", "-j");
  expect([done.exitCode, done.stderr]).toEqual([EXIT.ok, expect.stringContaining("mended")]);
  expect(JSON.parse(done.stdout)).toMatchObject({ refill: "nothing", lift: "refilled", done: true });
  expect((await work("b")).service.stopped).toBeUndefined();
});

test("a fence that a moment has raised is lifted when every copy shows that nothing is lost", async () => {
  const id = await idOf("b");
  const before = await hashesOf(stream());
  expect(await raiseFence(nats, STREAM, systemClock, id, before.length)).toBe("told");
  expect((await work("a")).service.stopped).toMatchObject({ code: "fenced" });
  await stop();
  const without = await mend("--without", id, "--yes");
  expect([without.exitCode, without.stderr]).toEqual([
    EXIT.conflict,
    expect.stringContaining(`bring the copy of worker ${id}`),
  ]);
  const planned = await mend("--from", at("b"));
  expect(planned.stdout).toContain("every worker's copy is a beginning of the log");
  const done = await mend("--from", at("b"), "--yes", "-j");
  expect([done.exitCode, done.stderr]).toEqual([EXIT.ok, expect.stringContaining("mended")]);
  expect(JSON.parse(done.stdout)).toMatchObject({ missing: 0, aside: 0, lift: "refilled" });
  expect((await hashesOf(stream())).slice(0, before.length)).toEqual(before);
  for (const name of ["a", "b"]) await hold(await work(name), name === "a" ? 1 : 2);
});

const NOTHING_KNOWN = `0 ${"0".repeat(64)}`;
/** As the first record of its subject, on a server that does not look whether it is. */
async function letIn(subject: "fleet" | "device/9", knew: string): Promise<void> {
  const set = headers();
  set.set("Nats-Msg-Id", subject);
  set.set("Daymark-Follows", "0");
  set.set("Daymark-Knew", knew);
  const events = [{ type: "receipt-received", number: 9, at: 0, actor: "device/9" }];
  const text = JSON.stringify({ subject, events });
  await nats.jetstream().publish(`${STREAM}.${subject.replace("/", ".")}`, text, { headers: set });
}

/** What no worker takes: its writer had another history. */
async function breakStream(): Promise<void> {
  const { end } = await stateOf(stream(), nodeCrypto);
  await letIn("device/9", `${end} ${"ab".repeat(32)}`);
}

test("P4: what no worker takes is put aside, since nobody was told of it", async () => {
  const whole = await hashesOf(stream());
  await breakStream();
  expect((await work("a")).service.stopped).toMatchObject({ code: "fenced" });
  await stop();
  const done = await mend("--from", at("b"), "--yes", "-j");
  expect([done.exitCode, done.stderr]).toEqual([EXIT.ok, expect.stringContaining("mended")]);
  expect(JSON.parse(done.stdout)).toMatchObject({
    refill: "replace",
    missing: 0,
    aside: 2,
    lift: "refilled",
  });
  expect((await hashesOf(stream())).slice(0, -1)).toEqual(whole);
  for (const name of ["a", "b"]) await hold(await work(name), name === "a" ? 1 : 2);
});

test("P4: new terms go into a stream whose newest decision came too late", async () => {
  await letIn("fleet", NOTHING_KNOWN);
  expect((await mend("--from", at("b"), "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
  const { service } = await work("a");
  expect([service.stopped, service.view.era]).toEqual([undefined, 1]);
  expect((await eventsOf(stream())).filter(({ type }) => type === "decision-overtaken")).toHaveLength(1);
});

test("P3: whoever still writes meanwhile is found, and the stream is mended when it is done again", async () => {
  const log = stream();
  const { ends } = await stateOf(log, nodeCrypto);
  await letIn("device/9", NOTHING_KNOWN);
  const said = { type: "checkpoint-signed", size: 1, root: "AA", note: "", at: 1, actor: "fleet" } as const;
  const append = log.append("fleet", [said], ends.get("fleet") ?? 0);
  await expect(append).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("stop every worker") as string,
  });
});

describe("P3: a worker that was left out", () => {
  test("with a copy of another history is told so, and fences nobody", async () => {
    const id = await idOf("b");
    await cutTo(6);
    await rename(at("b"), at("old"));
    expect((await mend("--without", id, "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
    const a = await work("a");
    await hold(a, 1);
    await rename(at("old"), at("b"));
    const message = expect.stringContaining(`(${id}) was left out`);
    await expect(work("b")).rejects.toMatchObject({ code: "conflict", message });
    await a.service.caughtUp();
    expect(a.service.stopped).toBeUndefined();
    expect((await eventsOf(stream())).filter(({ type }) => type === "fence-raised")).toEqual([]);
    await stop();
    const later = await mend("--yes");
    expect([later.exitCode, later.stderr]).toEqual([EXIT.conflict, expect.stringContaining("no fence")]); // nor is it missed
    const theirs = await mendAt("b", "--new-terms", "--yes");
    expect([theirs.exitCode, theirs.stderr]).toEqual([EXIT.conflict, expect.stringContaining("left out")]);
  });

  test("which cannot find that out speaks up all the same", async () => {
    const name = "full-log";
    const manager = await nats.jetstreamManager();
    await manager.streams.add({ ...streamSettings(name, 1), max_consumers: 1 });
    const full = () => new ClosedStream({ nats, clock: systemClock, ...wanted, stream: name });
    const created = { type: "fleet-created", name: "other", at: 1, actor: "fleet" } as const;
    await full().append("fleet", [created], 0);
    await manager.consumers.add(name, { deliver_subject: "nobody", ack_policy: AckPolicy.None });
    expect(await raiseFence(nats, name, systemClock, "00000000000000aa", 5)).toBe("told");
    expect((await eventsOf(full())).at(-1)).toMatchObject({ type: "fence-raised" });
  });

  test("with a copy that is a beginning of the stream does not start either", async () => {
    const id = await idOf("a");
    expect((await mendAt("b", "--without", id, "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
    await hold(await work("b"), 1);
    const message = expect.stringContaining("make it anew from a backup");
    await expect(work("a")).rejects.toMatchObject({ code: "conflict", message });
  });
});

describe("the name of the stream", () => {
  const names = async () => {
    const manager = await nats.jetstreamManager();
    return (await manager.streams.names().next()).toSorted();
  };

  test("which is wrong is not made anew beside the log of the fleet", async () => {
    const done = await mend("--from", at("b"), "--stream", "daymark-lag", "--yes");
    const right = expect.stringContaining("say --stream daymark-log");
    expect([done.exitCode, done.stderr]).toEqual([EXIT.conflict, right]);
    expect(await names()).toEqual([STREAM]);
  });

  test("is told where there is none, with the logs of others", async () => {
    const manager = await nats.jetstreamManager();
    await manager.streams.add({ name: "a-mirror", mirror: { name: STREAM } }); // takes no subjects
    const other = new ClosedStream({ nats, clock: systemClock, ...wanted, stream: "other-log" });
    await other.make(1);
    const created = { type: "fleet-created", name: "other", at: 1, actor: "fleet" } as const;
    await other.append("fleet", [created], 0);
    await loseStream();
    const planned = await mend("--from", at("b"));
    expect(planned.stdout).toMatch(/there is no stream daymark-log.*--stream names another.*other-log/);
    expect(await names()).toEqual(["a-mirror", "other-log"]);
  });
});

test("a worker whose own log is lost mends from the copies of the others, and says that it has none", async () => {
  const id = await idOf("a");
  await loseStream();
  await rm(at("a", "fleet", "log"), { recursive: true });
  const asked = await mend("--from", at("b"), "--new-terms", "--yes");
  expect([asked.exitCode, asked.stderr]).toEqual([EXIT.conflict, expect.stringContaining(id)]);
  expect((await mend("--from", at("b"), "--without", id, "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
  const { view } = (await work("b")).service;
  expect([view.era, [...view.leftOut]]).toEqual([1, [id]]);
});

test("a worker that no copy names, and whose own log is lost, is asked for too", async () => {
  await rm(at("a", "fleet", "log"), { recursive: true });
  const text = `${JSON.stringify({ id: "00000000000000aa" })}\n`;
  await writeFile(at("a", "fleet", "worker.json"), text);
  const asked = await mend("--from", at("b"), "--without", "00000000000000bb", "--new-terms", "--yes");
  const message = expect.stringContaining("00000000000000aa (this one)");
  expect([asked.exitCode, asked.stderr]).toEqual([EXIT.conflict, message]);
});

test("P9: new terms do not go behind what no worker takes, where there is no copy to put in its place", async () => {
  const ids = [await idOf("a"), await idOf("b")];
  await breakStream();
  await rm(at("a", "fleet", "log"), { recursive: true });
  const done = await mend(...ids.flatMap((id) => ["--without", id]), "--new-terms", "--yes");
  expect([done.exitCode, done.stderr]).toEqual([EXIT.conflict, expect.stringContaining("find a copy")]);
});

test("a worker's folder without --nats is refused: its log is a copy", async () => {
  const told = await inProcess({ recover }, at("a"), [
    "recover",
    "--from",
    at("b"),
    "--reason",
    "x",
    "--yes",
  ]);
  expect([told.exitCode, told.stderr]).toEqual([EXIT.usage, expect.stringContaining("say --nats")]);
});

test("P4: stopped at any record, it is run again, and nothing is there twice", async () => {
  const whole = await copyOf("b");
  const copy = LmdbEventLog.open(at("b", "fleet", "log"));
  for (const stop of [1, 3, whole.length - 7]) {
    await cutTo(6);
    const target = stream();
    let left = stop;
    const stopping: ClosedLog = {
      read: (from) => target.read(from),
      append: (subject, events, expected) =>
        left-- > 0 ? target.append(subject, events, expected) : Promise.reject(new Error("stopped")),
    };
    await expect(refill(stopping, copy)).rejects.toThrow("stopped");
    expect(await refill(stream(), copy)).toBe(whole.length - 6 - stop);
    expect(await hashesOf(stream())).toEqual(whole);
  }
  await copy.close();
});

test("new terms go into the stream too, in one record", async () => {
  const whole = await copyOf("b");
  expect((await mend("--from", at("b"), "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
  expect(await hashesOf(stream())).toHaveLength(whole.length + 1);
  const fleet = await work("b");
  expect(fleet.service.view.era).toBe(1);
  expect(fleet.service.trust.authority.value).toMatchObject({ version: 2 });
});
