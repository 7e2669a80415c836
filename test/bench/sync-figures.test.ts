/** What the sync bench makes of its figures: ratios, missed goals, the table. */
import { describe, expect, test } from "vitest";
import { goalsLine, missedSyncs, type SyncFigures, type SyncRound, syncTable } from "./sync-figures.js";

const rounds = (...perSecond: readonly number[]): readonly SyncRound[] =>
  perSecond.map((each) => ({ perSecond: each, p50Ms: 1, p99Ms: 2, serverMicros: 1_000_000 / each }));
const other = rounds(1_000);

type PerSecond = readonly [bare: number, inProcess: number, packed: number, oneByOne: number];

function figures([bare, inProcess, packed, oneByOne]: PerSecond): SyncFigures {
  const alone = { hopPacked: other, hopOneByOne: other, echo: other };
  const overNats = rounds(packed).map((round) => ({ ...round, natsMicros: 40, askerMicros: 30 }));
  const inTurn = { bare: rounds(1, bare, 10_000_000), inProcess: rounds(inProcess), packed: overNats };
  return { ...inTurn, oneByOne: rounds(oneByOne), ...alone };
}

describe("sync", () => {
  test.each<[string, PerSecond, readonly string[]]>([
    ["both goals met", [1_000, 850, 500, 250], []],
    ["in process below it", [1_000, 840, 500, 250], ["in process: 0.84 of verify + sign, not 0.85"]],
    ["packed below it", [1_000, 850, 490, 250], ["packed: 1.96 × one request per message, not 2 ×"]],
  ])("%s", (_what, perSecond, missed) => {
    expect(missedSyncs(figures(perSecond))).toEqual(missed);
  });
  test("what came of the goals is said", () => {
    expect(goalsLine(figures([1_000, 400, 300, 250]))).toMatch(/now 0\.40; .* now 1\.20 ×\.$/);
  });
  test("the table has medians, ratios to verify + sign, and a dash where nobody took part", () => {
    const rows = syncTable(figures([1_000, 400, 300, 250]))
      .split("\n")
      .slice(2);
    expect(rows[0]).toMatch(
      /^\| bare verify \+ sign +\| +1000 \| +1\.00 \| +1\.00 \| +2\.00 \| +1000 \| +– \| +– \|$/,
    );
    expect(rows[2]).toMatch(/packed +\| +300 \| +0\.30 \| .* 40 \| +30 \|$/);
  });
});
