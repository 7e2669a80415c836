/** What the scenarios claim: each claim holds on what should be seen, and fails on what should not. */
import { describe, expect, test } from "vitest";
import type { ListedDevice } from "../../simulators/swarm/fleet-port.js";
import { type Report, reportText } from "../../simulators/swarm/report.js";
import { cutOffClaims } from "../../simulators/swarm/scenarios/cut-off.js";
import { herdClaims } from "../../simulators/swarm/scenarios/herd.js";
import { smokeClaims } from "../../simulators/swarm/scenarios/smoke.js";
import { firstSight, type Sighting } from "../../simulators/swarm/sighting.js";
import type { Level } from "../../protocol/level.js";

const MB = 1024 * 1024;
const NUMBERS = [1, 2, 3, 4];
const listed = (levels: Partial<Record<number, Level>> = {}): ListedDevice[] =>
  NUMBERS.map((number) => ({ number, level: levels[number] ?? "none", enrolled: true }));
const at = (number: number, seen: Partial<Sighting>): Sighting => ({
  ...firstSight(number, "none"),
  connected: true,
  leased: true,
  ...seen,
});
const broken = (claims: readonly { readonly claim: string; readonly held: boolean }[]) =>
  claims.filter(({ held }) => !held).map(({ claim }) => claim);

describe("smoke", () => {
  const good = NUMBERS.map((number) => at(number, { closes: 1, leasedAgainAtMs: 9, acknowledged: 1 }));
  const claims = (sightings: readonly Sighting[], devices = listed()) =>
    broken(smokeClaims(NUMBERS, sightings, devices));

  test("holds", () => expect(claims(good)).toEqual([]));
  test.each<[Partial<Sighting>, RegExp]>([
    [{ acknowledged: 0 }, /acknowledged/],
    [{ acknowledged: 2 }, /acknowledged, once/],
  ])("fails on %j", (seen, claim) => {
    expect(claims([...good.slice(1), { ...good[0]!, ...seen }])).toEqual([expect.stringMatching(claim)]);
  });
  test("fails on a device that did not come back", () => {
    expect(claims([...good.slice(1), at(1, { acknowledged: 1 })])).toEqual([
      expect.stringMatching(/came back/),
    ]);
  });
  test("fails on one that the fleet does not list as enrolled", () => {
    const devices = [...listed().slice(1), { number: 1, level: "none", enrolled: false } as const];
    expect(claims(good, devices)).toEqual([expect.stringMatching(/lists every device/)]);
  });
});

describe("cut-off of device 2", () => {
  const cut = at(2, { closes: 1, answered: true, level: "revoked" });
  const others = [1, 3, 4].map((number) => at(number, { acknowledged: 1 }));
  const claims = (sightings: readonly Sighting[], devices = listed({ 2: "revoked" })) =>
    broken(cutOffClaims({ numbers: NUMBERS, picked: [2], sightings, listed: devices }));

  test("holds", () => expect(claims([cut, ...others])).toEqual([]));
  test.each<[Partial<Sighting>, RegExp]>([
    [{ closes: 0 }, /was cut/],
    [{ answered: false }, /were answered/],
    [{ level: "isolate" }, /knows that it is revoked/],
    [{ leasedAgainAtMs: 5 }, /none of them was leased/],
    [{ spokeAgain: true }, /none of them was leased/],
    [{ acknowledged: 1 }, /none of them was leased/],
  ])("fails when the revoked one shows %j", (seen, claim) => {
    expect(claims([{ ...cut, ...seen }, ...others])).toEqual([expect.stringMatching(claim)]);
  });
  test("fails when another one is disconnected", () => {
    expect(claims([cut, ...others.slice(1), { ...others[0]!, closes: 1 }])).toEqual([
      expect.stringMatching(/nobody else was/),
    ]);
  });
  test("fails when another one is not heard any more", () => {
    expect(claims([cut, ...others.slice(1), at(1, {})])).toEqual([expect.stringMatching(/everybody else's/)]);
  });
  test("fails when the fleet lists another one, or not this one", () => {
    expect(claims([cut, ...others], listed({ 2: "revoked", 3: "revoked" }))).toEqual([
      expect.stringMatching(/nobody else of/),
    ]);
    expect(claims([cut, ...others], listed())).toEqual([expect.stringMatching(/lists those/)]);
  });
});

describe("herd with device 2 held", () => {
  const back = (number: number, seen: Partial<Sighting> = {}) =>
    at(number, { closes: 1, leasedAgainAtMs: 9, ...seen });
  const good = [back(1), back(2, { level: "restrict" }), back(3), back(4)];
  const observed = {
    numbers: NUMBERS,
    picked: [2],
    sightings: good,
    listed: listed({ 2: "restrict" }),
    before: [10, 11],
    after: [12, 13],
    peaks: new Map([[12, 90 * MB]]),
  };
  const claims = (other: Partial<typeof observed> = {}) => broken(herdClaims({ ...observed, ...other }));

  test("holds", () => expect(claims()).toEqual([]));
  test("fails when a gateway lived on, or was not replaced", () => {
    expect(claims({ after: [10, 12] })).toEqual([expect.stringMatching(/killed and replaced/)]);
    expect(claims({ after: [12] })).toEqual([expect.stringMatching(/killed and replaced/)]);
  });
  test("fails when somebody did not come back, held or not", () => {
    expect(claims({ sightings: [at(1, { closes: 1 }), ...good.slice(1)] })).toEqual([
      expect.stringMatching(/everyone came back/),
    ]);
    const heldAway = [good[0]!, at(2, { closes: 1, level: "restrict" }), ...good.slice(2)];
    expect(claims({ sightings: heldAway })).toEqual([expect.stringMatching(/held devices came back/)]);
  });
  test("fails when somebody never noticed", () => {
    expect(claims({ sightings: [back(1, { closes: 0 }), ...good.slice(1)] })).toEqual([
      expect.stringMatching(/disconnected/),
    ]);
  });
  test.each<Partial<Sighting>>([{ speaking: true }, { spokeAgain: true }])(
    "fails when a held one shows %j",
    (seen) => {
      expect(claims({ sightings: [good[0]!, back(2, seen), ...good.slice(2)] })).toEqual([
        expect.stringMatching(/may not speak/),
      ]);
    },
  );
  test("fails when the fleet freed it", () => {
    expect(claims({ listed: listed() })).toEqual([expect.stringMatching(/still holds/)]);
  });
  test("fails when a gateway grew beyond its bound", () => {
    expect(
      claims({
        peaks: new Map([
          [12, 90 * MB],
          [13, 900 * MB],
        ]),
      }),
    ).toEqual([expect.stringMatching(/took more|no gateway/)]);
  });
});

test("the report shows what was not reached as such, and says when a claim failed", () => {
  const report: Report = {
    type: "result",
    scenario: "herd",
    held: false,
    claims: [{ claim: "everyone came back", observed: "98 of 100 leased", held: false }],
    timings: [{ what: "time to be back", times: { count: 98, p50: 1.25, p90: 12 } }],
    devices: 100,
    picked: 0,
    workers: 2,
    gateways: 2,
    addresses: 4,
    backoff: { firstMs: 500, longestMs: 20_000 },
    seconds: { births: 1, arrival: 2, scenario: 3 },
    memory: [{ what: "gateway", pid: 12, peakBytes: 90 * MB }],
    lateMs: 3,
  };
  const text = reportText(report);
  expect(text).toMatch(/time to be back +98 +1\.3 +12\.0 +- +-/);
  expect(text).toMatch(/gateway 12: at most 90 MB/);
  expect(text).toMatch(/98 of 100 leased +NO/);
  expect(text).toMatch(/Not every claim held/);
});
