/** The targets of the design for lists of denied numbers hold in a fleet of 1,000,000. */
import { expect, test } from "vitest";
import { ledgerSizes, ledgerTable, missedLedger } from "../../bench/ledger.js";

const SIZES = ledgerSizes();

test("P11: random sets are within 3 % and 16 bytes of the entropy bound", () => {
  const random = SIZES.filter(({ entropy }) => entropy !== undefined);
  expect(random).toHaveLength(6);
  for (const { what, entropy, chosen } of random)
    expect(chosen, what).toBeLessThanOrEqual(entropy! * 1.03 + 16);
});

test("P11: recalled batches take at most a fifth of what gaps take", () => {
  const recalled = SIZES.filter(({ entropy }) => entropy === undefined);
  expect(recalled).toHaveLength(2);
  for (const { what, gaps, chosen } of recalled) expect(chosen, what).toBeLessThanOrEqual(gaps / 5);
});

test("a target that is missed is named", () => {
  expect(missedLedger(SIZES)).toEqual([]);
  const [size] = SIZES;
  expect(missedLedger([{ ...size!, target: size!.chosen - 1 }])).toHaveLength(1);
});

test("the table has a row for each", () => {
  expect(ledgerTable(SIZES).split("\n")).toHaveLength(2 + SIZES.length);
});
