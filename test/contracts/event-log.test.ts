/** What every `EventLog` promises, and what only the one on disk has to survive. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { open } from "lmdb";
import { connect, type NatsConnection } from "nats";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { draft, openRecord, sealRecord } from "../../fleet/adapters/record-chain.js";
import { FleetError } from "../../fleet/errors.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { EventLog } from "../../fleet/ports.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { NatsServer } from "../nats/server.js";
import { event, everything, outcome, Recorder } from "./event-log-reader.js";

const MIB = 1024 * 1024;
const WRITER = join(import.meta.dirname, "event-log-writer.ts");

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "daymark-event-log-"));
});
afterEach(() => rm(directory, { recursive: true }));

let server: NatsServer;
let nats: NatsConnection;
let streams = 0;
beforeAll(async () => {
  server = await NatsServer.start();
  nats = await connect({ servers: server.url });
});
afterAll(async () => {
  await nats.close();
  await server.remove();
});

/** On a stream of its own. */
function openJetStream(): Promise<EventLog> {
  return JetStreamEventLog.open({
    nats,
    stream: `log-${++streams}`,
    copy: LmdbEventLog.open(directory),
    worker: "0123456789abcdef",
    clock: systemClock,
    acceptLogLoss: true,
    replicas: 1,
  });
}

const adapters: [name: string, create: () => EventLog | Promise<EventLog>][] = [
  ["MemoryEventLog", () => new MemoryEventLog()],
  ["LmdbEventLog", () => LmdbEventLog.open(directory)],
  ["JetStreamEventLog", openJetStream],
];

describe.each(adapters)("%s", (_name, create) => {
  let log: EventLog;
  beforeEach(async () => {
    log = await create();
  });
  afterEach(() => log.close());

  test("an append is one record with all its events, in order, after the position asked for", async () => {
    expect(await log.append("device/7", [event("a"), event("b")], 0)).toBe(1);
    expect(await log.append("fleet", [event("c")], 0)).toBe(2);
    expect(await log.append("device/7", [event("d")], 1)).toBe(3);
    const records = [
      { position: 1, subject: "device/7", events: [event("a"), event("b")] },
      { position: 2, subject: "fleet", events: [event("c")] },
      { position: 3, subject: "device/7", events: [event("d")] },
    ];
    expect(await everything(log)).toMatchObject(records);
    expect(await everything(log, 1)).toMatchObject(records.slice(1));
    expect(await everything(log, 3)).toEqual([]);
    expect(await everything(log, 99)).toEqual([]);
  });

  test.each([1, 2, 99])(
    "an append after %i, where the subject does not end, is a conflict",
    async (expected) => {
      await log.append("fleet", [event("a")], 0);
      await log.append("device/7", [event("b")], 0);
      await log.append("device/7", [event("c")], 2);
      expect(await outcome(log.append("device/7", [event("d")], expected))).toBe("conflict");
      expect(await outcome(log.append("device/7", [event("d")], 0))).toBe("conflict");
      expect(await everything(log)).toHaveLength(3);
    },
  );

  test("of 64 writers of one subject exactly one wins", async () => {
    const all = Array.from({ length: 64 }, (_, i) => outcome(log.append("fleet", [event(`${i}`)], 0)));
    expect((await Promise.all(all)).toSorted()).toEqual([...Array<string>(63).fill("conflict"), "ok"]);
    expect(await everything(log)).toHaveLength(1);
  });

  test("64 writers of 64 subjects all win, at positions without gaps", async () => {
    const all = Array.from({ length: 64 }, (_, i) => log.append(`device/${i}`, [event("a")], 0));
    const positions = Array.from({ length: 64 }, (_, i) => i + 1);
    expect((await Promise.all(all)).toSorted((a, b) => a - b)).toEqual(positions);
    expect((await everything(log)).map(({ position }) => position)).toEqual(positions);
  });

  test("a read ends where the log ended when it began", async () => {
    await log.append("fleet", [event("a")], 0);
    await log.append("fleet", [event("b")], 1);
    let seen = 0;
    for await (const { position } of log.read(0)) {
      await log.append("device/1", [event("while reading")], seen === 0 ? 0 : position + 1);
      seen += 1;
    }
    expect(seen).toBe(2);
  });

  test("what a caller does to its events later does not change the log", async () => {
    const mine = { type: "test", text: "before" };
    await log.append("fleet", [mine as unknown as FleetEvent], 0);
    mine.text = "after";
    expect((await everything(log))[0]?.events).toEqual([event("before")]);
  });

  test.each([
    ["no event", "fleet", []],
    ["more than 1 MiB of events", "fleet", [event("x".repeat(MIB))]],
    ["an empty subject", "", [event("a")]],
    ["a subject of 65 characters", "x".repeat(65), [event("a")]],
    ["a subject with a space", "device 7", [event("a")]],
  ])("%s is a bad request and leaves nothing behind", async (_, subject, events) => {
    expect(await outcome(log.append(subject, events, 0))).toBe("bad-request");
    expect(await everything(log)).toEqual([]);
  });

  test("the hash of a record stands for all before it", async () => {
    await log.append("fleet", [event("a")], 0);
    await log.append("fleet", [event("b")], 1);
    const all = await everything(log);
    const other = new MemoryEventLog();
    await other.append("fleet", [event("a")], 0);
    await other.append("fleet", [event("b")], 1);
    expect(await everything(other), "the same in every log").toEqual(all);
    const changed = new MemoryEventLog();
    await changed.append("fleet", [event("A")], 0);
    await changed.append("fleet", [event("b")], 1);
    expect((await everything(changed))[1]?.hash).not.toBe(all[1]?.hash);
  });

  test("followers take every record in order, what was missed first, from where they ask", async () => {
    await log.append("fleet", [event("a")], 0);
    await log.append("device/1", [event("b")], 0);
    const [all, later] = [new Recorder(), new Recorder()];
    log.follow(0, all);
    log.follow(1, later);
    expect(all.texts).toEqual(["a", "b"]);
    await Promise.all(["c", "d", "e"].map((text) => log.append(`device/${text}`, [event(text)], 0)));
    expect(all.records).toEqual(await everything(log));
    expect(later.records).toEqual(all.records.slice(1));
  });

  test("an append resolves once every follower has taken the record", async () => {
    const followers = [new Recorder(), new Recorder()];
    for (const follower of followers) log.follow(0, follower);
    const position = await log.append("fleet", [event("a")], 0);
    for (const { records } of followers) expect(records.map((record) => record.position)).toEqual([position]);
  });

  test("a conflict comes once every follower has taken what the winner wrote", async () => {
    const follower = new Recorder();
    log.follow(0, follower);
    const attempts = Array.from({ length: 8 }, async (_, i) => {
      const code = await outcome(log.append("fleet", [event(`${i}`)], 0));
      return `${code} ${follower.records.length}`;
    });
    expect((await Promise.all(attempts)).toSorted()).toEqual([
      ...Array<string>(7).fill("conflict 1"),
      "ok 1",
    ]);
  });

  test("a follower that has ended takes nothing more", async () => {
    const [gone, kept] = [new Recorder(), new Recorder()];
    const end = log.follow(0, gone);
    log.follow(0, kept);
    await log.append("fleet", [event("a")], 0);
    end();
    await log.append("fleet", [event("b")], 1);
    expect(gone.texts).toEqual(["a"]);
    expect(kept.texts).toEqual(["a", "b"]);
    expect(gone.failures).toEqual([]);
  });

  test("a follower may append and leave while it takes a record", async () => {
    const answers: Promise<string>[] = [];
    const follower = new Recorder(({ position }) => {
      if (position > 2) return end();
      answers.push(outcome(log.append("fleet", [event("more")], position)));
    });
    const end = log.follow(0, follower);
    await log.append("fleet", [event("first")], 0);
    expect(await answers[0]).toBe("ok");
    expect(await answers[1]).toBe("ok");
    expect(await outcome(log.append("fleet", [event("last")], 3))).toBe("ok");
    expect(follower.texts).toEqual(["first", "more", "more"]);
  });

  test("caught up: followers have taken all that was there", async () => {
    const follower = new Recorder();
    log.follow(0, follower);
    const appended = Promise.all(["a", "b"].map((text) => log.append(`device/${text}`, [event(text)], 0)));
    await log.caughtUp();
    await appended;
    await log.caughtUp();
    expect(follower.records).toEqual(await everything(log));
  });

  test("close answers what was accepted and refuses the rest", async () => {
    const accepted = log.append("fleet", [event("a")], 0);
    await log.close();
    expect(await outcome(accepted)).toBe("ok");
    expect(await outcome(log.append("fleet", [event("b")], 1))).toBe("storage-failed");
    expect(await outcome(everything(log))).toBe("storage-failed");
    expect(await outcome(log.caughtUp())).toBe("storage-failed");
    expect(await outcome(log.close())).toBe("ok");
  });
});

test("no byte of a stored record can change unseen", () => {
  const stored = sealRecord(7, draft("device/7", [event("a")]), "f".repeat(64));
  expect(openRecord(7, stored, "f".repeat(64)).events).toEqual([event("a")]);
  for (let at = 0; at < stored.length; at++) {
    const flipped =
      stored.slice(0, at) + String.fromCharCode(stored.charCodeAt(at) ^ 1) + stored.slice(at + 1);
    expect(() => openRecord(7, flipped, "f".repeat(64)), `byte ${at}`).toThrow(FleetError);
  }
});

describe("LmdbEventLog on its disk", () => {
  test("is the same after a restart, and goes on from there", async () => {
    const first = LmdbEventLog.open(directory);
    await first.append("device/7", [event("a"), event("Grüße \u{1f6f0}")], 0);
    await first.append("fleet", [event("b")], 0);
    const before = await everything(first);
    await first.close();

    const second = LmdbEventLog.open(directory);
    expect(await everything(second)).toEqual(before);
    expect(await outcome(second.append("device/7", [event("c")], 0))).toBe("conflict");
    expect(await second.append("device/7", [event("c")], 1)).toBe(3);
    await second.close();
  });

  test("P11: refuses what would wait beyond 64 MiB, and serves again when the disk has caught up", async () => {
    const log = LmdbEventLog.open(directory);
    const large = "x".repeat(MIB - 100);
    const all = Array.from({ length: 70 }, (_, i) => outcome(log.append(`device/${i}`, [event(large)], 0)));
    const refused = (await Promise.all(all)).filter((code) => code !== "ok");
    expect(new Set(refused)).toEqual(new Set(["overloaded"]));
    expect(await everything(log)).toHaveLength(70 - refused.length);
    expect(await outcome(log.append("fleet", [event(large)], 0))).toBe("ok");
    await log.close();
  });

  test("P4: killed at any moment, it holds all that it acknowledged", async () => {
    let acknowledged: string[] = [];
    for (const kills of [1, 2, 3]) {
      acknowledged = [...acknowledged, ...(await writeUntil(directory, 100 * kills))];
      const log = LmdbEventLog.open(directory);
      const stored = (await everything(log)).map(({ position, subject }) => `${subject} ${position}`);
      await log.close();
      expect(stored).toEqual(expect.arrayContaining(acknowledged));
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(600);
  });

  test("P4: when the disk is full, every waiting and later request fails, and nothing acknowledged is lost", async () => {
    const full = await run("bash", ["-c", 'ulimit -f 4096; exec "$0" "$@"', ...writerCommand(directory)]);
    const acknowledged = full.lines.filter((line) => line.startsWith("device/"));
    expect(full.lines.slice(acknowledged.length)).toEqual([
      "waiting: storage-failed storage-failed",
      "append: storage-failed",
      "read: storage-failed",
      "closed",
    ]);
    expect(full.exitCode, "as when nothing was left unhandled").toBe(0);
    expect(acknowledged.length).toBeGreaterThan(8);
    const log = LmdbEventLog.open(directory);
    const stored = (await everything(log)).map(({ position, subject }) => `${subject} ${position}`);
    await log.close();
    expect(stored).toEqual(expect.arrayContaining(acknowledged));
  });

  /** Changes stored bytes behind the log's back. */
  async function tamper(change: (stored: string[]) => (string | undefined)[]): Promise<void> {
    const root = open(directory, { noSubdir: false, encoding: "string" });
    const records = root.openDB<string, number>({
      name: "records",
      encoding: "string",
      keyEncoding: "uint32",
    });
    const stored = [...records.getRange()].map(({ value }) => value);
    change(stored).forEach((value, i) =>
      value === undefined ? records.removeSync(i + 1) : records.putSync(i + 1, value),
    );
    await root.close();
  }

  const swapped = (text: string, at: number): string =>
    text.slice(0, at) + (text[at] === "0" ? "1" : "0") + text.slice(at + 1);

  test.each<[string, number, (stored: string[]) => (string | undefined)[]]>([
    ["one character of a body", 2, ([a, b, c]) => [a, swapped(b!, 150), c]],
    ["one character of a hash", 2, ([a, b, c]) => [a, swapped(b!, 10), c]],
    ["one character of the newest record", 3, ([a, b, c]) => [a, b, swapped(c!, c!.length - 6)]],
    ["a record left out", 2, ([a, , c]) => [a, undefined, c]],
    ["two records exchanged", 1, ([a, b, c]) => [b, a, c]],
    ["the end of the log cut off inside a record", 3, ([a, b, c]) => [a, b, c!.slice(0, -3)]],
  ])("finds %s changed, and names the record", async (_, position, change) => {
    const log = LmdbEventLog.open(directory);
    for (const text of ["a", "b", "c"]) await log.append(`device/${text}`, [event(text)], 0);
    await log.close();
    await tamper(change);
    const damaged = LmdbEventLog.open(directory);
    await expect(everything(damaged)).rejects.toMatchObject({
      code: "storage-failed",
      message: expect.stringContaining(`record ${position} `) as string,
    });
    await damaged.close();
  });

  test("finds a record that was replaced whole, by the one after it", async () => {
    const other = await mkdtemp(join(tmpdir(), "daymark-event-log-"));
    const genuine = LmdbEventLog.open(directory);
    const forged = LmdbEventLog.open(other);
    for (const [log, text] of [
      [genuine, "isolate"],
      [forged, "release"],
    ] as const) {
      await log.append("device/7", [event(text)], 0);
      await log.append("device/7", [event("next")], 1);
      await log.close();
    }
    const root = open(other, { noSubdir: false, encoding: "string" });
    const swappedIn = root.openDB<string, number>({
      name: "records",
      encoding: "string",
      keyEncoding: "uint32",
    });
    const first = swappedIn.get(1);
    await root.close();
    await rm(other, { recursive: true });
    await tamper(([, second]) => [first, second]);
    const log = LmdbEventLog.open(directory);
    await expect(everything(log)).rejects.toMatchObject({
      code: "storage-failed",
      message: expect.stringContaining("record 2 ") as string,
    });
    await log.close();
  });

  test("a folder that cannot be used is a storage error", async () => {
    await expect(async () => LmdbEventLog.open(WRITER)).rejects.toMatchObject({ code: "storage-failed" });
  });
});

function writerCommand(target: string): string[] {
  return [process.execPath, "--import", "tsx", WRITER, target];
}

/** Runs a writer, kills it with SIGKILL once it has printed `lines` lines, and returns all it printed. */
async function writeUntil(target: string, lines: number): Promise<string[]> {
  const [command, ...args] = writerCommand(target);
  return (await run(command!, args, lines)).lines;
}

interface Ended {
  lines: string[];
  /** Null after a signal. */
  exitCode: number | null;
}

function run(command: string, args: string[], killAfter = Infinity): Promise<Ended> {
  const child = spawn(command, args, { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "ignore"] });
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    if (lines.length === killAfter) child.kill("SIGKILL");
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ lines, exitCode }));
  });
}
