/**
 * Cut-off: some devices are revoked for good while all are connected. A revoked device comes back again and
 * again, is told that it is revoked, and may be cut again; so "cut" is the first end of its connection after
 * the approval was sent, and what counts from then on is that it gets nothing but that answer.
 */
import { type Claim, count, never } from "../../voyage/claims.js";
import type { ListedDevice } from "../fleet-port.js";
import type { Scenario } from "../scenario.js";
import type { Sighting } from "../sighting.js";
import { machineMs } from "../time.js";
import { percentilesOf } from "../timings.js";

export const cutOff: Scenario = {
  name: "cut-off",
  brief: "some are revoked for good while connected: exactly those are cut, and get nothing afterwards",
  devices: 2_000,
  picked: 100,
  apart: true,
  async play(swarm) {
    const { numbers, picked, fleet } = swarm;
    const others = without(numbers, picked);
    await swarm.mark();
    swarm.say(`two operators revoke ${picked.length} of ${numbers.length}`);
    let sentAtMs = 0;
    await fleet.hold(picked, "revoked", "swarm: cut-off", () => (sentAtMs = machineMs()));
    await swarm.until(({ closed }) => closed >= picked.length);
    swarm.say("everyone sends a message");
    await swarm.publish(numbers, "after the cut");
    await swarm.until(({ acknowledged }) => acknowledged >= others.length);
    swarm.say("those that were cut come back");
    await swarm.until(({ answered, held }) => answered >= picked.length && held >= picked.length);
    const sightings = await swarm.sightings();
    const cutAfter = timesOf(sightings, picked).map((closedAtMs) => closedAtMs - sentAtMs);
    return {
      claims: cutOffClaims({ numbers, picked, sightings, listed: await fleet.devices() }),
      timings: [
        { what: "approval sent to connection closed", times: percentilesOf(cutAfter, picked.length) },
      ],
    };
  },
};

interface Observed {
  readonly numbers: readonly number[];
  readonly picked: readonly number[];
  /** Since before the approval. */
  readonly sightings: readonly Sighting[];
  readonly listed: readonly ListedDevice[];
}

export function cutOffClaims({ numbers, picked, sightings, listed }: Observed): readonly Claim[] {
  const [revoked, all] = [new Set(picked), new Set(numbers)];
  const cut = sightings.filter(({ number }) => revoked.has(number));
  const others = sightings.filter(({ number }) => !revoked.has(number));
  const mine = listed.filter(({ number, level }) => all.has(number) && level === "revoked");
  const strangers = mine.filter(({ number }) => !revoked.has(number)).length;
  const gotMore = cut.filter(
    (s) => s.leasedAgainAtMs !== undefined || s.spokeAgain || s.acknowledged > 0,
  ).length;
  const [some, rest] = [picked.length, numbers.length - picked.length];
  return [
    count("the fleet lists those as revoked", mine.length - strangers, some, "listed"),
    never("and nobody else of the swarm", strangers, "listed"),
    count("each of them was cut", cut.filter(({ closes }) => closes > 0).length, some, "cut"),
    never("nobody else was disconnected", others.filter(({ closes }) => closes > 0).length, "disconnected"),
    count(
      "everybody else's next message was acknowledged",
      others.filter(({ acknowledged }) => acknowledged > 0).length,
      rest,
      "acknowledged",
    ),
    count(
      "those cut came back by themselves and were answered",
      cut.filter(({ answered }) => answered).length,
      some,
      "answered",
    ),
    count(
      "each of them knows that it is revoked",
      cut.filter(({ level }) => level === "revoked").length,
      some,
      "at revoked",
    ),
    never("none of them was leased, or heard, or may speak", gotMore, "got more"),
  ];
}

function timesOf(sightings: readonly Sighting[], picked: readonly number[]): readonly number[] {
  const revoked = new Set(picked);
  return sightings.flatMap(({ number, closedAtMs }) =>
    closedAtMs !== undefined && revoked.has(number) ? [closedAtMs] : [],
  );
}

function without(numbers: readonly number[], picked: readonly number[]): readonly number[] {
  const gone = new Set(picked);
  return numbers.filter((number) => !gone.has(number));
}
