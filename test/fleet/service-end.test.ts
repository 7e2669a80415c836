/** A service is closed while requests wait: they are finished where the log answers, and told so where it does not. */
import { beforeEach, describe, expect, test } from "vitest";
import { FleetError } from "../../fleet/errors.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { HandClock, SmallFleet, WatchedLog } from "./fixtures.js";

/** Longer than a service waits for a log from which nothing comes. */
const STILL_MS = 6_000;
const SLOW_MS = 4_000;

/** Its time is the fleet's; its timers can be brought forward. */
class EndClock extends HandClock {
  readonly jump = new JumpClock();
  override after(...call: Parameters<HandClock["after"]>) {
    return this.jump.after(...call);
  }
}

/** One that does not answer while it is silent. It ends when what is on its way is given up, as the one on NATS. */
class SilentLog extends WatchedLog {
  isSilent = false;
  isClosed = false;
  /** Appends that have no answer. */
  readonly waiting: { readonly answer: () => void; readonly giveUp: () => void }[] = [];
  override before = (): Promise<void> | undefined => {
    if (this.isClosed) throw new FleetError("storage-failed", "the event log is closed");
    if (!this.isSilent) return undefined;
    const unreachable = new FleetError("unreachable", "the record may or may not come");
    return new Promise((answer, reject) => this.waiting.push({ answer, giveUp: () => reject(unreachable) }));
  };
  giveUp(): void {
    for (const { giveUp } of this.waiting) giveUp();
  }
  override async close(): Promise<void> {
    this.isClosed = true;
  }
}

let clock: EndClock;
let log: SilentLog;
let fleet: SmallFleet;
beforeEach(async () => {
  clock = new EndClock();
  log = new SilentLog();
  fleet = await SmallFleet.open({ log, clock });
  for (let number = 1; number <= 4; number++) await fleet.bear(`SN-${number}`);
});

const turnOfEvents = () => new Promise((resolve) => setImmediate(resolve));

/** "ok", or what was said. */
function hold(number: number): Promise<string> {
  const act = { kind: "hold", numbers: [number], level: "isolate", reason: "story" } as const;
  return fleet.service.act(act, "operator").then(
    () => "ok",
    (error: FleetError) => `${error.code}: ${error.message}`,
  );
}

describe("a log that does not answer", () => {
  test("P11: what waits is refused at once, and what has begun is given up as the log closes", async () => {
    log.isSilent = true;
    const told: string[] = [];
    const asked = [1, 2, 3, 4].map((number) => hold(number).then((words) => told.push(words)));
    await turnOfEvents();
    const closed = fleet.service.close();
    clock.jump.advance(STILL_MS);
    await turnOfEvents();
    expect([told.length, log.isClosed]).toEqual([3, true]);
    for (const words of told) expect(words).toMatch(/^unreachable: this server is stopping/);
    log.giveUp();
    await Promise.all(asked);
    await closed;
    expect(told[3]).toBe("unreachable: the record may or may not come");
    expect(log.waiting).toHaveLength(1); // nothing more was tried
  });

  test("P4: an act that is in the log already is not told to have failed", async () => {
    const before = (await fleet.events()).length;
    log.isSilent = true;
    const asked = hold(1);
    await turnOfEvents();
    const closed = fleet.service.close();
    clock.jump.advance(STILL_MS);
    await turnOfEvents();
    for (const { answer } of log.waiting) answer(); // just then it does
    expect(await asked).toMatch(/^unreachable: this server is stopping/);
    await closed;
    const written = (await fleet.events()).slice(before);
    expect(written.map(({ type }) => type)).toEqual(["act-requested"]);
  });
});

test("P4: where the log answers, all that waits is finished, however long it takes", async () => {
  log.isSilent = true;
  const asked = [1, 2, 3, 4].map(hold);
  let isClosed = false;
  const closed = fleet.service.close().then(() => (isClosed = true));
  while (!isClosed) {
    await turnOfEvents();
    const next = log.waiting.shift();
    if (!next) continue;
    clock.jump.advance(SLOW_MS);
    next.answer();
  }
  await closed;
  expect(await Promise.all(asked)).toEqual(["ok", "ok", "ok", "ok"]);
  expect([1, 2, 3, 4].map((number) => fleet.device(number).level)).toEqual(Array(4).fill("isolate"));
});

test("what is asked after the end is told that the server is stopping", async () => {
  await fleet.service.close();
  expect(await hold(1)).toMatch(/^unreachable: this server is stopping/);
});
