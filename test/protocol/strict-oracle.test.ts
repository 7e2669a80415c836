/**
 * A million inputs before two judges: our decoder accepts what the profile allows, no more and no less;
 * cborg reads the same value in it, and we write that value as the same bytes. The classes are in
 * test/fuzz/inputs.ts; here each must be accepted and refused often enough to have been compared at all.
 */
import { expect, onTestFinished, test } from "vitest";
import { toHex } from "../../protocol/bytes.js";
import { drawFrom } from "../fuzz/draw.js";
import { INPUT_CLASSES } from "../fuzz/inputs.js";
import { judge } from "../fuzz/oracle.js";

const SEED = 8949;
const INPUTS = 1_000_000;
const CLASSES = Object.entries(INPUT_CLASSES);
const INPUTS_PER_CLASS = Math.ceil(INPUTS / CLASSES.length);
/** Fewer on one side than this share would compare nothing there. */
const LEAST_SHARE = 1 / 50;
const PROBLEMS_SHOWN = 5;

test.each(CLASSES)("P1: %s is read as cborg reads it within the profile, or refused", (name, next) => {
  const { stackTraceLimit } = Error;
  onTestFinished(() => void (Error.stackTraceLimit = stackTraceLimit));
  Error.stackTraceLimit = 0; // half are refused: most of the time would go into stacks that nobody reads
  const draw = drawFrom(SEED);
  const problems: string[] = [];
  let accepted = 0;
  for (let i = 0; i < INPUTS_PER_CLASS; i++) {
    const bytes = next(draw);
    const verdict = judge(bytes);
    if (verdict.accepted) accepted++;
    if (verdict.problem && problems.length < PROBLEMS_SHOWN)
      problems.push(`${verdict.problem}: ${toHex(bytes)} (input ${i} of seed ${SEED})`);
  }
  process.stdout.write(`${name}: ${accepted} accepted, ${INPUTS_PER_CLASS - accepted} refused\n`);
  expect(problems).toEqual([]);
  expect(accepted / INPUTS_PER_CLASS).toBeGreaterThan(LEAST_SHARE);
  expect(accepted / INPUTS_PER_CLASS).toBeLessThan(1 - LEAST_SHARE);
});
