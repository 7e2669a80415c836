/** What one service decided and did not live to do, another does, whenever it hears of it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { FleetError } from "../../fleet/errors.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { Position, Subject } from "../../fleet/ports.js";
import { type SmallDevice, SmallFleet } from "./fixtures.js";
import { LaggingLog } from "./lagging-log.js";
import { until } from "../stories/harbor.js";
import { always } from "./several-services.js";

const ACT = "00000000000000aa";

/** One on which somebody else is first, once; or that does not answer for a while. */
class CrossedLog extends LaggingLog {
  /** What is not written meanwhile. */
  away: FleetEvent["type"] | undefined;
  refused = 0;
  #type: FleetEvent["type"] | undefined;
  #before: () => Promise<unknown> = () => Promise.resolve();

  /** @param before - done when this service is about to append an event of this type. */
  cross(type: FleetEvent["type"], before: () => Promise<unknown>): void {
    this.#type = type;
    this.#before = before;
  }

  override async append(
    subject: Subject,
    events: readonly FleetEvent[],
    expected: Position,
  ): Promise<Position> {
    if (events.some(({ type }) => type === this.away)) {
      this.refused++;
      throw new FleetError("unreachable", "it is away");
    }
    if (events.some(({ type }) => type === this.#type)) {
      this.#type = undefined;
      await this.#before();
    }
    return super.append(subject, events, expected);
  }
}

let shared: MemoryEventLog;
let log: CrossedLog;
let b: SmallFleet;
let [held, other]: SmallDevice[] = [];
beforeEach(async () => {
  shared = new MemoryEventLog();
  const a = await SmallFleet.open({ log: new LaggingLog(shared, always) });
  log = new CrossedLog(shared, always);
  b = await SmallFleet.open({ log });
  [held, other] = [await a.member("SN-1"), await a.member("SN-2")];
  await b.service.caughtUp();
  await a.service.close(); // from here on it does nothing any more
});
afterEach(() => b.service.close());

/** The last that came from a: a hold that it did not carry out. */
async function requestAtA(): Promise<void> {
  let end = 0;
  for await (const { subject, position } of shared.read(0)) if (subject === "fleet") end = position;
  const act = { kind: "hold", level: "isolate", numbers: [held!.number], reason: "stolen" } as const;
  const at = b.service.now();
  await shared.append("fleet", [{ type: "act-requested", id: ACT, act, at, actor: "operator" }], end);
}

test.each(["directive-issued", "beacon-issued"] as const)(
  "P1: a hold that came while this service was at its own %s is carried out",
  async (type) => {
    log.cross(type, requestAtA);
    await b.act("hold", [other!.number], "isolate");
    expect(b.device(held!.number).level).toBe("isolate");
    expect(b.service.view.acts.get(ACT)?.finished).toBe(true);
  },
);

test("P1: a hold that came while this service recorded a fact is carried out", async () => {
  log.cross("worker-joined", requestAtA);
  await b.service.record("worker/0000000000000001", () => ({
    type: "worker-joined",
    id: "0000000000000001",
    name: "b",
  }));
  expect(b.device(held!.number).level).toBe("isolate");
});

test("P10: a hold that could not be carried out is, once the log is back, though nobody asks for anything", async () => {
  log.away = "directive-issued";
  await expect(b.act("hold", [held!.number], "isolate")).rejects.toMatchObject({ code: "unreachable" });
  await until(() => log.refused === 2, "what was heard from others is looked at again, as ever");
  expect(b.device(held!.number).level).toBe("none");
  log.away = undefined;
  await until(() => b.device(held!.number).level === "isolate", "it is carried out");
});
