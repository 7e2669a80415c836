/** P11: whatever becomes of the bytes on their way, a reader refuses them or reads a ledger that is sound. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes } from "../../../protocol/bytes.js";
import { ProtocolError } from "../../../protocol/errors.js";
import { MAX_NUMBER } from "../../../protocol/ledger/bounds.js";
import { applyChange, changeBetween, checkChange, composeChanges } from "../../../protocol/ledger/change.js";
import {
  checkContent,
  contentCount,
  deniedIn,
  EMPTY_CONTENT,
  encodeContent,
  generationsIn,
  holdsNumber,
  lowestGeneration,
} from "../../../protocol/ledger/content.js";
import { anyLedger } from "./ledgers.js";

const RUNS = 3_000;
const anyContent = anyLedger.map(encodeContent);

type Mutation = (bytes: Uint8Array) => Uint8Array;
const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const at = (bytes: Uint8Array, where: number) => Math.floor(where * bytes.length);
const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(share, fc.nat(7)).map(([where, bit]): Mutation => (bytes) => {
    return bytes.map((byte, i) => (i === at(bytes, where) ? byte ^ (1 << bit) : byte));
  }),
  share.map(
    (where): Mutation =>
      (bytes) =>
        bytes.slice(0, at(bytes, where)),
  ),
  share.map(
    (where): Mutation =>
      (bytes) =>
        bytes.slice(at(bytes, where)),
  ),
  fc.tuple(share, fc.uint8Array({ maxLength: 9 })).map(([where, more]): Mutation => (bytes) => {
    return concatBytes(bytes.slice(0, at(bytes, where)), more, bytes.slice(at(bytes, where)));
  }),
  fc.tuple(share, share).map(([from, to]): Mutation => (bytes) => {
    return concatBytes(bytes.slice(0, at(bytes, to)), bytes.slice(at(bytes, from)));
  }),
);
const anyBroken = fc
  .tuple(anyContent, fc.array(anyMutation, { minLength: 1, maxLength: 3 }))
  .map(([content, mutations]) => mutations.reduce((bytes, mutate) => mutate(bytes), content));
const anyBytes = fc.oneof(
  { weight: 9, arbitrary: anyBroken },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
);

/** False when it was refused. @throws whatever is no ProtocolError. */
function passes(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

test("a content is refused, or holds as many numbers as it counts, ascending, and is the same when written anew", () => {
  let accepted = 0;
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      if (!passes(() => checkContent(bytes))) return;
      accepted += 1;
      const runs = [...deniedIn(bytes)];
      expect(runs.reduce((sum, { first, last }) => sum + last - first + 1, 0)).toBe(contentCount(bytes));
      expect(runs.every(({ first, last }) => first >= 1 && first <= last && last <= MAX_NUMBER)).toBe(true);
      expect(runs.every(({ first }, i) => i === 0 || first > runs[i - 1]!.last + 1)).toBe(true);
      const anew = applyChange(EMPTY_CONTENT, bytes);
      expect([...deniedIn(anew)]).toEqual(runs);
      expect([...generationsIn(anew)]).toEqual([...generationsIn(bytes)]);
    }),
    { numRuns: RUNS },
  );
  expect(accepted).toBeGreaterThan(RUNS / 20);
});

test("a lookup answers or refuses", () => {
  fc.assert(
    fc.property(anyBytes, fc.integer({ min: 1, max: 100 }), (bytes, number) => {
      const sound = passes(() => checkContent(bytes));
      const answered = [
        passes(() => holdsNumber(bytes, number)),
        passes(() => lowestGeneration(bytes, number)),
        passes(() => contentCount(bytes)),
      ];
      expect(!sound || answered.every((answer) => answer)).toBe(true);
    }),
    { numRuns: RUNS },
  );
});

test("a change is refused, or leads to a content that is sound; put together, to a change that is", () => {
  fc.assert(
    fc.property(anyContent, anyBytes, (content, bytes) => {
      const sound = passes(() => checkChange(bytes));
      expect(passes(() => checkContent(applyChange(content, bytes)))).toBe(sound);
      expect(passes(() => checkChange(composeChanges(content, bytes)))).toBe(sound);
      expect(passes(() => checkChange(composeChanges(bytes, content)))).toBe(sound);
    }),
    { numRuns: RUNS },
  );
});

test("a content that is not sound is changed into none", () => {
  fc.assert(
    fc.property(anyBytes, anyContent, (bytes, change) => {
      const sound = passes(() => checkContent(bytes));
      expect(passes(() => checkContent(applyChange(bytes, change)))).toBe(sound);
      expect(passes(() => checkChange(changeBetween(bytes, change)))).toBe(sound);
      expect(passes(() => checkChange(changeBetween(change, bytes)))).toBe(sound);
    }),
    { numRuns: RUNS },
  );
});
