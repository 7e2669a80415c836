/** When checkpoints are signed, by one worker or by several, and what happens where one does not fit. */
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { openCheckpoint } from "../../fleet/audit/checkpoint.js";
import {
  CHECKPOINT_MS,
  CHECKPOINT_RECORDS,
  checkpointDueMs,
  CheckpointKeeper,
} from "../../fleet/audit/checkpoints.js";
import { EMPTY_TREE, grown, rootOf } from "../../fleet/audit/merkle.js";
import { FleetError } from "../../fleet/errors.js";
import { type FactOf, type FleetEvent, toBase64Url } from "../../fleet/events.js";
import type { EventLog } from "../../fleet/ports.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { fromHex } from "../../protocol/bytes.js";
import { testSigner } from "../x509/helpers.js";
import { FOUNDED, must, recordsOf } from "./fixtures.js";

const signer = { name: "daymark/audited", key: testSigner("Ed25519", "audit") };
const keys = [{ name: signer.name, publicKey: signer.key.publicKey }];

/** One log, and a worker on it. Its clock begins when the fleet was founded. */
class Worker {
  readonly clock = new JumpClock(FOUNDED * 1000 - systemClock.nowMs());
  readonly log: EventLog;
  readonly keeper: CheckpointKeeper;
  readonly reported: unknown[] = [];
  /** Before a checkpoint is recorded. */
  before: () => void = () => undefined;

  static async on(log: EventLog): Promise<Worker> {
    return new Worker(log, await CheckpointKeeper.of(log, crypto));
  }

  private constructor(log: EventLog, keeper: CheckpointKeeper) {
    this.log = log;
    this.keeper = keeper;
    keeper.start({
      signer,
      clock: this.clock,
      record: async (factFrom) => {
        this.before();
        await append(log, { ...factFrom(), at: this.#now(), actor: "fleet" });
      },
      report: (error) => this.reported.push(error),
    });
  }

  #now(): number {
    return Math.floor(this.clock.nowMs() / 1000);
  }

  /** Something is decided, `count` times. */
  async decide(count: number): Promise<void> {
    for (let i = 0; i < count; i++)
      await append(this.log, { type: "beacon-issued", at: this.#now(), actor: "x" } as unknown as FleetEvent);
  }

  /** Time passes, and what is due is done. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await setImmediate();
  }
}

async function append(log: EventLog, event: FleetEvent): Promise<void> {
  const records = await recordsOf(log);
  await log.append("fleet", [event], records.at(-1)?.position ?? 0);
}

const checkpointsIn = async (log: EventLog) =>
  (await recordsOf(log)).flatMap(({ position, events }) =>
    events.flatMap((event) => (event.type === "checkpoint-signed" ? [{ position, ...event }] : [])),
  );

describe("a checkpoint is due", () => {
  const since = { sinceMs: 5 };
  test.each([
    ["not while the log is empty", { size: 0, covered: 0, news: 0 }, undefined],
    ["an hour after something new", { size: 1, covered: 0, news: 1 }, 5 + CHECKPOINT_MS],
    ["at once after many records", { size: CHECKPOINT_RECORDS, covered: 0, news: 1 }, 0],
    ["not for less", { size: CHECKPOINT_RECORDS + 6, covered: 7, news: 8 }, 5 + CHECKPOINT_MS],
    ["not for checkpoints alone", { size: CHECKPOINT_RECORDS + 9, covered: 7, news: 7 }, undefined],
  ])("%s", (_, covering, dueMs) => {
    expect(checkpointDueMs({ ...covering, ...since })).toBe(dueMs);
  });
});

describe("the log holds a checkpoint", () => {
  test("an hour after the first news, of all that came before it; of a quiet log no other", async () => {
    const worker = await Worker.on(new MemoryEventLog());
    await worker.decide(2);
    await worker.pass(CHECKPOINT_MS - 2000);
    expect(await checkpointsIn(worker.log)).toEqual([]);
    await worker.decide(1);
    await worker.pass(2000);
    const [first] = await checkpointsIn(worker.log);
    expect(first).toMatchObject({ position: 4, size: 3, note: worker.keeper.newest });
    const hashes = (await recordsOf(worker.log)).map(({ hash }) => fromHex(hash));
    const tree = hashes.slice(0, 3).reduce((grew, hash) => grown(grew, hash, crypto), EMPTY_TREE);
    const root = rootOf(tree, crypto);
    expect(openCheckpoint(must(first).note, keys, crypto)).toMatchObject({ size: 3, root });
    expect(must(first).root).toBe(toBase64Url(root));
    for (let hour = 0; hour < 5; hour++) await worker.pass(CHECKPOINT_MS);
    expect(await checkpointsIn(worker.log)).toHaveLength(1);
    expect(worker.reported).toEqual([]);
  });

  test("after 1,000 records, without waiting", async () => {
    const worker = await Worker.on(new MemoryEventLog());
    await worker.decide(CHECKPOINT_RECORDS - 1);
    await worker.pass(0);
    expect(await checkpointsIn(worker.log)).toEqual([]);
    await worker.decide(1);
    await worker.pass(0);
    expect(await checkpointsIn(worker.log)).toMatchObject([{ size: CHECKPOINT_RECORDS }]);
  });

  test("also when the worker began again within the hour", async () => {
    const log = new MemoryEventLog();
    const first = await Worker.on(log);
    await first.decide(1);
    first.keeper.close();
    const second = await Worker.on(log);
    await second.pass(CHECKPOINT_MS + 1000);
    expect(await checkpointsIn(log)).toMatchObject([{ size: 1 }]);
    const third = await Worker.on(log);
    expect(third.keeper.newest).toBe(second.keeper.newest);
    await third.pass(2 * CHECKPOINT_MS);
    expect(await checkpointsIn(log)).toHaveLength(1);
  });

  test("of each of two workers, when both are at it at once; and then there is quiet", async () => {
    const log = new MemoryEventLog();
    const [one, two] = [await Worker.on(log), await Worker.on(log)];
    await one.decide(3);
    one.before = () => two.clock.advance(CHECKPOINT_MS); // the second one begins while the first one is at it
    await one.pass(CHECKPOINT_MS);
    await setImmediate();
    const both = await checkpointsIn(log);
    expect(both.length).toBeGreaterThanOrEqual(1);
    for (let hour = 0; hour < 5; hour++) {
      await one.pass(CHECKPOINT_MS);
      await two.pass(CHECKPOINT_MS);
    }
    expect(await checkpointsIn(log)).toHaveLength(both.length);
    expect([...one.reported, ...two.reported]).toEqual([]);
    await CheckpointKeeper.of(log, crypto); // all of them fit
  });

  test("a minute later, when it could not be recorded at first", async () => {
    const worker = await Worker.on(new MemoryEventLog());
    await worker.decide(1);
    worker.before = () => {
      throw new FleetError("overloaded", "not now");
    };
    await worker.pass(CHECKPOINT_MS + 1000);
    expect(await checkpointsIn(worker.log)).toEqual([]);
    worker.before = () => undefined;
    await worker.pass(30_000);
    expect(await checkpointsIn(worker.log)).toEqual([]);
    await worker.pass(31_000);
    expect(await checkpointsIn(worker.log)).toHaveLength(1);
    expect(worker.reported).toEqual([]);
  });

  test("not any more once the keeper is closed", async () => {
    const worker = await Worker.on(new MemoryEventLog());
    await worker.decide(1);
    worker.keeper.close();
    await worker.pass(2 * CHECKPOINT_MS);
    expect(await checkpointsIn(worker.log)).toEqual([]);
  });
});

describe("a checkpoint that the records before it do not fit", () => {
  const wrong: [what: string, change: (fact: FactOf<"checkpoint-signed">) => FactOf<"checkpoint-signed">][] =
    [
      ["with another root", (fact) => ({ ...fact, root: toBase64Url(crypto.sha256(fromHex("00"))) })],
      ["of another size", (fact) => ({ ...fact, size: fact.size - 1 })],
      ["of more than was there", (fact) => ({ ...fact, size: fact.size + 5 })],
    ];

  test.each(wrong)(
    "%s: it is told, nothing is signed after it, and the next start refuses",
    async (_, change) => {
      const log = new MemoryEventLog();
      const worker = await Worker.on(log);
      await worker.decide(3);
      await worker.pass(CHECKPOINT_MS);
      const [fact] = await checkpointsIn(log);
      await worker.decide(2);
      const { position: _position, ...event } = must(fact);
      await append(log, { ...event, ...change(event) });
      expect(worker.reported).toMatchObject([
        { code: "storage-failed", message: expect.stringContaining("record 7") },
      ]);
      await worker.pass(2 * CHECKPOINT_MS);
      expect(await checkpointsIn(log)).toHaveLength(2);
      await expect(CheckpointKeeper.of(log, crypto)).rejects.toMatchObject({ code: "storage-failed" });
    },
  );

  test("read before the keeper has begun: it does not begin", async () => {
    const log = new MemoryEventLog();
    const keeper = await CheckpointKeeper.of(log, crypto);
    const root = toBase64Url(crypto.sha256(fromHex("00")));
    await append(log, { type: "checkpoint-signed", size: 0, root, note: "", at: FOUNDED, actor: "fleet" });
    const [reported, asked]: [unknown[], unknown[]] = [[], []];
    const clock = new JumpClock();
    const record = async (factFrom: () => unknown) => asked.push(factFrom());
    keeper.start({ signer, clock, record, report: (error) => reported.push(error) });
    await append(log, { type: "beacon-issued", at: FOUNDED, actor: "x" } as unknown as FleetEvent);
    clock.advance(2 * CHECKPOINT_MS);
    expect([reported, asked]).toMatchObject([[{ code: "storage-failed" }], []]);
  });

  test("the same one again, later, fits: another worker was slow", async () => {
    const log = new MemoryEventLog();
    const worker = await Worker.on(log);
    await worker.decide(3);
    await worker.pass(CHECKPOINT_MS);
    const { position: _position, ...event } = must((await checkpointsIn(log))[0]);
    await worker.decide(2);
    await append(log, event);
    expect(worker.reported).toEqual([]);
  });
});
