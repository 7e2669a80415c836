/** Changes against a model of plain sets and maps, and what holds between them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_LEDGER_NUMBERS } from "../../../protocol/ledger/bounds.js";
import { applyChange, changeBetween, checkChange, composeChanges } from "../../../protocol/ledger/change.js";
import { checkContent, EMPTY_CONTENT, encodeContent } from "../../../protocol/ledger/content.js";
import { anyLedger } from "./ledgers.js";
import { ascending, type Ledger, ledgerIn, toggled } from "./sets.js";

const anyContent = anyLedger.map(encodeContent);

/** What a change from `a` to `b` says, by the model. */
function modelChange(a: Ledger, b: Ledger): Ledger {
  const numbers = ascending(new Set([...a.generations.keys(), ...b.generations.keys()]));
  const differing = numbers.filter((number) => a.generations.get(number) !== b.generations.get(number));
  const generations = new Map(differing.map((number) => [number, b.generations.get(number) ?? 1]));
  return { denied: toggled(a.denied, b.denied), generations };
}

test("a change says what differs, and leads there: to the bytes of the ledger encoded anew", () => {
  fc.assert(
    fc.property(anyLedger, anyLedger, (a, b) => {
      const [from, to] = [encodeContent(a), encodeContent(b)];
      const change = changeBetween(from, to);
      checkChange(change);
      expect(ledgerIn(change, 1)).toEqual(modelChange(a, b));
      expect(applyChange(from, change)).toEqual(to);
    }),
  );
});

test("a content is the change from the empty ledger to it", () => {
  fc.assert(
    fc.property(anyContent, (content) => {
      expect(changeBetween(EMPTY_CONTENT, content)).toEqual(content);
      expect(applyChange(EMPTY_CONTENT, content)).toEqual(content);
    }),
  );
});

test("nothing changed is the empty content, and changes nothing", () => {
  fc.assert(
    fc.property(anyContent, (content) => {
      expect(changeBetween(content, content)).toEqual(EMPTY_CONTENT);
      expect(applyChange(content, EMPTY_CONTENT)).toEqual(content);
    }),
  );
});

test("two changes made one lead where both lead, however three are put together", () => {
  fc.assert(
    fc.property(anyContent, anyContent, anyContent, anyContent, (a, b, c, d) => {
      const [ab, bc, cd] = [changeBetween(a, b), changeBetween(b, c), changeBetween(c, d)];
      const ac = composeChanges(ab, bc);
      checkChange(ac);
      expect(applyChange(a, ac)).toEqual(c);
      expect(composeChanges(ac, cd)).toEqual(composeChanges(ab, composeChanges(bc, cd)));
    }),
  );
});

test("there and back leads to the same bytes, by the same numbers", () => {
  fc.assert(
    fc.property(anyContent, anyContent, (a, b) => {
      const [there, back] = [changeBetween(a, b), changeBetween(b, a)];
      expect(ledgerIn(back, 1).denied).toEqual(ledgerIn(there, 1).denied);
      expect(applyChange(applyChange(a, there), back)).toEqual(a);
    }),
  );
});

test("a change made for another ledger toggles its numbers all the same: only the digest tells", () => {
  fc.assert(
    fc.property(anyLedger, anyContent, anyContent, (other, a, b) => {
      const change = changeBetween(a, b);
      const elsewhere = applyChange(encodeContent(other), change);
      checkContent(elsewhere);
      expect(ledgerIn(elsewhere).denied).toEqual(toggled(other.denied, ledgerIn(change, 1).denied));
    }),
  );
});

test("P11: where a change would be too large, that is said, and a snapshot does it", () => {
  const half = MAX_LEDGER_NUMBERS / 2 + 1;
  const run = (first: number) => ({
    *[Symbol.iterator]() {
      for (let number = first; number < first + half; number++) yield number;
    },
  });
  const [low, high] = [1, 1 + half].map((first) =>
    encodeContent({ denied: run(first), generations: new Map() }),
  );
  const tooLarge = expect.objectContaining({ code: "too-large" }) as Error;
  expect(() => changeBetween(low!, high!)).toThrow(tooLarge);
  expect(() => composeChanges(low!, high!)).toThrow(tooLarge);
});
