/** Several workers on one stream: each has the whole log, the same to the byte, and one of two writers wins. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { LogWorker, STREAM } from "../nats/log-worker.js";
import { NatsServer } from "../nats/server.js";
import { event, everything, outcome } from "./event-log-reader.js";

const MIB = 1024 * 1024;

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ maxPayload: 2 * MIB });
});
afterAll(() => server.remove());

let workers: LogWorker[];
let clock: JumpClock;
beforeEach(async () => {
  clock = new JumpClock();
  workers = [await join(), await join()];
});
afterEach(async () => {
  const manager = await workers[0]!.nats.jetstreamManager();
  for (const { log } of workers) await log.close();
  await manager.streams.delete(STREAM);
  for (const worker of workers) await worker.remove();
});

const join = () => LogWorker.start([server.url], { clock });

test("what one appends the other's followers take, and both copies have the same hashes", async () => {
  const [first, second] = workers as [LogWorker, LogWorker];
  for (let round = 0; round < 5; round++) {
    await first.log.append("device/1", [event(`first ${round}`)], round === 0 ? 0 : 2 * round - 1);
    await second.log.append("device/2", [event(`second ${round}`)], 2 * round);
  }
  await Promise.all(workers.map(({ follower }) => follower.taken(10)));
  const records = await everything(first.log);
  expect(records.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(await everything(second.log)).toEqual(records);
  for (const { follower } of workers) expect(follower.records).toEqual(records);
});

test("of two that append where the subject ended, one wins; the other has taken that when it is told", async () => {
  for (let position = 0; position < 20; position++) {
    const codes = workers.map(async ({ log, follower }, i) => {
      const code = await outcome(log.append("fleet", [event(`${i}`)], position));
      return `${code} ${follower.records.length}`;
    });
    expect((await Promise.all(codes)).toSorted()).toEqual([`conflict ${position + 1}`, `ok ${position + 1}`]);
  }
});

test("subjects do not hold each other up: two workers append for 200 devices at once", async () => {
  const all = workers.flatMap(({ log }, i) =>
    Array.from({ length: 100 }, (_, n) => log.append(`device/${i}-${n}`, [event(`${i}-${n}`)], 0)),
  );
  const positions = await Promise.all(all);
  expect(positions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  await Promise.all(workers.map(({ log }) => log.caughtUp()));
  const [records, others] = await Promise.all(workers.map(({ log }) => everything(log)));
  expect(records).toHaveLength(200);
  expect(others).toEqual(records);
});

test("caught up: what any other worker was told is written has been taken here", async () => {
  const [first, second] = workers as [LogWorker, LogWorker];
  for (let position = 0; position < 20; position++) {
    await first.log.append("fleet", [event("a")], position);
    await second.log.caughtUp();
    expect(second.follower.records).toHaveLength(position + 1);
  }
});

test("a worker that was away has what it missed when it opens, and one that is new has everything", async () => {
  const [first, second] = workers as [LogWorker, LogWorker];
  await first.log.append("fleet", [event("a")], 0);
  await second.close();
  for (let n = 0; n < 300; n++) await first.log.append(`device/${n % 7}`, [event(`${n}`)], n < 7 ? 0 : n - 5);
  await second.open();
  workers.push(await join());
  const records = await everything(first.log);
  expect(records).toHaveLength(301);
  for (const { log } of workers) expect(await everything(log)).toEqual(records);
  expect(await second.log.append("fleet", [event("b")], 1)).toBe(302);
});

test("a record of almost 1 MiB, and a long history of large ones, reach every copy", async () => {
  const [first] = workers as [LogWorker];
  const large = event("x".repeat(MIB - 100));
  for (let n = 0; n < 24; n++) await first.log.append("fleet", [large], n);
  const late = await join();
  workers.push(late);
  expect(late.follower.records.map(({ hash }) => hash)).toEqual(
    (await everything(first.log)).map((r) => r.hash),
  );
});

test("P11: refuses what would wait beyond 4,096 appends, and what nobody answers is unreachable in the end", async () => {
  const [first, second] = workers as [LogWorker, LogWorker];
  server.pause();
  const appends = (count: number) =>
    Array.from({ length: count }, (_, n) => outcome(first.log.append(`device/${n}`, [event("a")], 0)));
  const all = appends(4_100);
  expect(await Promise.all(all.slice(4_096))).toEqual(Array<string>(4).fill("overloaded"));
  clock.advance(60_000);
  expect(new Set(await Promise.all(all.slice(0, 4_096)))).toEqual(new Set(["unreachable"]));
  const more = appends(4_096); // these wait for a server to follow
  clock.advance(60_000);
  expect(new Set(await Promise.all(more))).toEqual(new Set(["unreachable"]));
  expect(await Promise.all(appends(1)), "nobody waits for them, and they are there").toEqual(["overloaded"]);
  server.resume();
  await first.log.caughtUp();
  await first.log.append("fleet", [event("b")], 0);
  await second.log.caughtUp();
  const records = await everything(first.log);
  expect(await everything(second.log)).toEqual(records);
  expect(new Set(records.map(({ subject }) => subject)).size, "none twice").toBe(records.length);
});
