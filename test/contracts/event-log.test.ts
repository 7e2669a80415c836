/** What every `EventLog` promises, and what only the one on disk has to survive. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { draft, openRecord, sealRecord } from "../../fleet/adapters/record-chain.js";
import { FleetError } from "../../fleet/errors.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { EventLog, LogRecord } from "../../fleet/ports.js";

const MIB = 1024 * 1024;
const WRITER = join(import.meta.dirname, "event-log-writer.ts");

/** The log takes any JSON; what the events mean is not its business. */
const event = (text: string): FleetEvent => ({ type: "test", text }) as unknown as FleetEvent;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "daymark-event-log-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function everything(log: EventLog, from = 0): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of log.read(from)) records.push(record);
  return records;
}

/** "ok" or the error's code, so that many outcomes can be counted. */
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: { code: string }) => error.code,
  );

const adapters: [name: string, create: () => EventLog][] = [
  ["MemoryEventLog", () => new MemoryEventLog()],
  ["LmdbEventLog", () => LmdbEventLog.open(directory)],
];

describe.each(adapters)("%s", (_name, create) => {
  let log: EventLog;
  beforeEach(() => {
    log = create();
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
    expect(await everything(log)).toEqual(records);
    expect(await everything(log, 1)).toEqual(records.slice(1));
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

  test("close answers what was accepted and refuses the rest", async () => {
    const accepted = log.append("fleet", [event("a")], 0);
    await log.close();
    expect(await outcome(accepted)).toBe("ok");
    expect(await outcome(log.append("fleet", [event("b")], 1))).toBe("storage-failed");
    expect(await outcome(everything(log))).toBe("storage-failed");
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
