/** A gateway that begins, where services are there that do not take it: another one may. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { OPENING_MS } from "../../broker/adapters/replica-link.js";
import {
  encodeAnswers,
  linkSubjects,
  readFeedRequest,
  SERVICES,
  WHOLE_PACK,
} from "../../fleet/link-bus-wire.js";
import { encodeNews } from "../../fleet/link-wire.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { MemoryBus, MemoryCarrier } from "../../protocol/adapters/memory-bus.js";
import type { BusMessage } from "../../protocol/bus.js";
import type { Ground } from "../contracts/bus-grounds.js";
import { SmallFleet } from "../fleet/fixtures.js";
import { until } from "../stories/harbor.js";
import { BusRig } from "./bus-linked.js";

const TEXT = "this service feeds 64 gateways already";
const fleet = await SmallFleet.open();

let clock: JumpClock;
let rig: BusRig;
let other: MemoryBus;
/** How often the service that takes nobody was asked. */
let asked: number;
beforeEach(async () => {
  clock = new JumpClock();
  const carrier = new MemoryCarrier({ clock });
  const ground = { bus: async () => new MemoryBus(carrier) } as Partial<Ground> as Ground;
  rig = new BusRig(ground, fleet, clock);
  other = new MemoryBus(carrier);
  asked = 0;
});
afterEach(async () => {
  await rig.close();
  await other.close();
});

/** A service that says this to whoever wants its news. @returns a call that ends it. */
function unwilling(answer: (message: BusMessage) => void): () => void {
  const { open } = linkSubjects(rig.fleetId);
  const take = (message: BusMessage) => {
    asked += 1;
    answer(message);
  };
  return other.subscribe(open, take, SERVICES);
}

const refusal = ({ respond }: BusMessage) =>
  respond?.(encodeAnswers(0, [encodeNews({ type: "failure", id: WHOLE_PACK, code: "failed", text: TEXT })]));

const goodbye = ({ payload, respond }: BusMessage) => {
  respond?.(encodeAnswers(0, []));
  const { feed } = readFeedRequest(payload);
  other.publish(linkSubjects(rig.fleetId).down(feed), new Uint8Array());
};

test.each([
  ["refuses", refusal],
  ["says goodbye", goodbye],
])("one that %s: it asks again, is taken by the next, and says nothing of it", async (_, answer) => {
  const end = unwilling(answer);
  const opening = rig.gateway();
  await until(() => asked > 1, "it asks again");
  await rig.service(); // before the other goes: where none is, nothing is tried again
  end();
  const { link, states } = await opening;
  expect(link.beacon()).toEqual(fleet.door.beacon());
  expect(states).toEqual([]);
});

test("P11: where nobody takes it in time, it ends with what it was told", async () => {
  unwilling(refusal);
  const opening = rig.gateway();
  await until(() => asked > 1, "it asks again");
  clock.advance(OPENING_MS);
  await expect(opening).rejects.toMatchObject({ code: "link-down", message: TEXT });
  const before = asked;
  clock.advance(OPENING_MS);
  expect(asked).toBe(before);
});

test("where no service is, it is told at once", async () => {
  const begunMs = clock.nowMs();
  await expect(rig.gateway()).rejects.toMatchObject({ cause: { code: "no-responder" } });
  expect(clock.nowMs() - begunMs).toBeLessThan(OPENING_MS / 2);
});
