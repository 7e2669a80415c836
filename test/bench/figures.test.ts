/** What the benches make of their figures: ratios, missed targets, tables. */
import { describe, expect, test } from "vitest";
import {
  connectTable,
  type Figures,
  goalLine,
  median,
  missedConnects,
  type Round,
} from "./connect-figures.js";
import { floodTable, herdTable, missedClaims, timesTable } from "./swarm-figures.js";

const rounds = (...cpuMs: readonly number[]): readonly Round[] =>
  cpuMs.map((ms) => ({ cpuMs: ms, perSecond: 100 * ms }));
const bare: Figures = { server: "node", full: rounds(1, 1, 1), resumed: rounds(0.5) };

function ours(full: number, ...resumed: readonly number[]): readonly Figures[] {
  return [bare, { server: "gateway", full: rounds(full), resumed: rounds(...resumed) }];
}

describe("connect", () => {
  test("the median is the middle one, or the mean of the two in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });
  test.each([
    ["at the target", 1.7, [0.9], []],
    ["full above it", 1.8, [0.9], ["a full connect costs 1.80 × bare Node, 0.10 above 1.7"]],
    ["resumed below it", 1.5, [1], ["1.50 resumed connects for the CPU of a full one, 0.30 below 1.8"]],
    ["not resumed at all", 1.5, [], ["0.00 resumed connects for the CPU of a full one, 1.80 below 1.8"]],
  ])("%s", (_what, full, resumed, missed) => {
    expect(missedConnects(ours(full, ...resumed))).toEqual(missed);
  });
  test("without bare Node there is nothing to compare with", () => {
    expect(() => missedConnects(ours(1, 1).slice(1))).toThrow(RangeError);
  });
  test("the table has ratios first, and a dash where nothing was resumed", () => {
    expect(connectTable(ours(1.5)).split("\n").at(-1)).toMatch(
      /^\| Daymark's gateway \| +1\.50 \| +– \| +– \| 1\.50 \(1\.50–1\.50\) \| +– \| +150 \| +– \|$/,
    );
    expect(goalLine(ours(1.5))).toContain("now 1.50 ×");
  });
});

describe("swarm", () => {
  const times = { count: 10, p50: 1_000, p90: 2_000, p99: 4_000 };
  test("back, in bare handshakes of the same run", () => {
    const report = { timings: [{ what: "gateways killed to leased again", times }] };
    const rows = herdTable(report, { fullSeconds: 2, resumedSeconds: 1 }).split("\n").slice(2);
    expect(rows.map((row) => row.split("|").map((cell) => cell.trim()))).toEqual([
      ["", "50 %", "1.00", "0.50", "1.0", ""],
      ["", "90 %", "2.00", "1.00", "2.0", ""],
      ["", "99 %", "4.00", "2.00", "4.0", ""],
      ["", "all", "–", "–", "–", ""],
    ]);
  });
  test("the flood beside peace", () => {
    const names = [
      "connection begun to lease",
      "connection lost to lease",
      "message handed over to acknowledged",
    ];
    const timings = names.flatMap((name) => [
      { what: `${name}, in peace`, times },
      { what: `${name}, in the flood`, times: { ...times, p99: 6_000 } },
    ]);
    expect(floodTable({ timings })).toMatch(/begun to lease +\| +1\.50 \| +6000\.0 \| +4000\.0 \|/);
    expect(() => floodTable({ timings: timings.slice(1) })).toThrow(RangeError);
  });
  test("a percentile that was not reached is a dash", () => {
    expect(
      timesTable({ timings: [{ what: "x", times }] })
        .split("\n")
        .at(-1),
    ).toMatch(/4000\.0 \| +– \|$/);
  });
  test("claims that did not hold are named", () => {
    const claim = { claim: "nobody", observed: "1 cut", held: false };
    expect(missedClaims({ claims: [claim, { ...claim, held: true }] })).toEqual(["nobody: 1 cut"]);
  });
});
