/** What the flood claims: each claim fails when what it says does not hold. */
import { describe, expect, test } from "vitest";
import { tallied, type Ended, type Tally } from "../../simulators/swarm/hostile/tally.js";
import { floodClaims } from "../../simulators/swarm/scenarios/flood.js";
import { firstSight, type Sighting } from "../../simulators/swarm/sighting.js";

const MEGABYTE = 1024 * 1024;
const PLAN = { count: 4, maxOpen: 10 };

/** A round of one device, as it should be. */
const good: Sighting = {
  ...firstSight(1, "none"),
  connected: true,
  closes: 1,
  acknowledged: 1,
  closedAtMs: 1,
  leasedAgainAtMs: 2,
};
const cut = (kind: string): Ended => {
  return { kind, how: "cut", accepted: false, acknowledged: false, resumed: false };
};
const TALLY = ended(cut("a"), cut("a"), cut("b"), cut("b"));

function ended(...all: readonly Ended[]): Tally {
  return all.reduce(tallied, {});
}

/** The claims that do not hold, by what was observed. */
function failing(change: {
  seen?: Partial<Sighting>;
  tally?: Tally;
  peaks?: readonly number[];
}): readonly string[] {
  const { leasedAgainAtMs, ...rest } = { ...good, ...change.seen };
  const seen = { ...rest, ...(leasedAgainAtMs !== undefined && { leasedAgainAtMs }) };
  const claims = floodClaims({
    devices: 1,
    rounds: [[good], [seen]],
    plan: PLAN,
    tally: change.tally ?? TALLY,
    peaks: change.peaks ?? [100 * MEGABYTE],
  });
  return claims.filter(({ held }) => !held).map(({ observed }) => observed);
}

test("all hold where nothing happened to anybody", () => {
  expect(failing({})).toEqual([]);
});

describe("one does not where", () => {
  test.each([
    ["a device failed", { seen: { failed: "no memory" } }, "1 failed"],
    ["one did not come back", { seen: { leasedAgainAtMs: undefined as never } }, "1 of 2 leased again"],
    ["a message was not acknowledged", { seen: { acknowledged: 0 } }, "1 of 2 acknowledged"],
    ["a message was acknowledged twice", { seen: { acknowledged: 2 } }, "1 of 2 acknowledged"],
    ["the gateway cut a device", { seen: { closes: 2 } }, "1 cut"],
    ["a process took too much memory", { peaks: [100 * MEGABYTE, 500 * MEGABYTE] }, "1 took more"],
  ])("%s", (_what, change, observed) => {
    expect(failing(change)).toEqual([observed]);
  });
  test.each([
    ["a hostile connection was not made", ended(cut("a"), cut("a"), cut("b")), ["3 of 4 made"]],
    [
      "one never reached the gateway",
      ended(cut("a"), cut("a"), cut("b"), { ...cut("b"), how: "unreached" }),
      ["3 of 4 made"],
    ],
    [
      "one outlasted the gateway",
      ended(cut("a"), cut("a"), cut("b"), { ...cut("b"), how: "outlasted" }),
      ["1 of 2 ended"],
    ],
    [
      "one was heard",
      ended(cut("a"), cut("a"), cut("b"), { ...cut("b"), acknowledged: true }),
      ["1 acknowledged"],
    ],
  ])("%s", (_what, tally, observed) => {
    expect(failing({ tally })).toEqual(observed);
  });
});
