/** P3: a thousand epochs of one fleet; from any of them a device reaches any later one, to the byte. */
import { beforeAll, expect, test } from "vitest";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { equalBytes } from "../../../protocol/bytes.js";
import { applyChange, changeBetween, composeChanges } from "../../../protocol/ledger/change.js";
import { contentDigest, EMPTY_CONTENT, encodeContent } from "../../../protocol/ledger/content.js";
import { ascending, chance } from "./sets.js";
import { ledgerDigest } from "./ledgers.js";

const EPOCHS = 1_000;
const FLEET = 8_000;
const SAMPLED_PAIRS = 150;

/** Content and digest of each epoch by the model, from the empty ledger on. */
const contents: Uint8Array[] = [];
const digests: Uint8Array[] = [];
/** `changes[level][i]` leads from epoch i · 2^level to the end of that stretch. */
const changes: Uint8Array[][] = [];

/** Denials, releases, batches recalled and given back, renewed keys whose old certificates run out. */
beforeAll(() => {
  const random = chance(1_000);
  const denied = new Set<number>();
  const generations = new Map<number, number>();
  const flip = (number: number) => denied.delete(number) || denied.add(number);
  const record = () => {
    const content = encodeContent({ denied: ascending(denied), generations });
    contents.push(content);
    digests.push(ledgerDigest(denied, generations, nodeCrypto));
  };
  record();
  while (contents.length <= EPOCHS) {
    for (let times = random(6); times > 0; times--) flip(1 + random(FLEET));
    const [first, size] = [1 + random(FLEET - 100), random(100)];
    if (random(30) === 0) for (let i = 0; i < size; i++) flip(first + i);
    const number = 1 + random(40);
    if (random(3) === 0) generations.set(number, 1 + (generations.get(number) ?? 1));
    if (random(9) === 0) generations.delete(1 + random(40));
    record();
  }
  changes.push(contents.slice(1).map((content, i) => changeBetween(contents[i]!, content)));
  while (changes.at(-1)!.length > 1) {
    const finer = changes.at(-1)!;
    const pairs = Array.from(
      { length: finer.length >> 1 },
      (_, i) => [finer[2 * i]!, finer[2 * i + 1]!] as const,
    );
    changes.push(pairs.map(([first, second]) => composeChanges(first, second)));
  }
});

/** The change from one epoch to a later one, put together from those of the stretches between. */
function composed(from: number, to: number): Uint8Array {
  let change = EMPTY_CONTENT;
  for (let at = from; at < to;) {
    let level = changes.length - 1;
    while (at % 2 ** level !== 0 || at + 2 ** level > to) level -= 1;
    change = composeChanges(change, changes[level]![at / 2 ** level]!);
    at += 2 ** level;
  }
  return change;
}

const leads = (from: number, to: number, change: Uint8Array) =>
  equalBytes(applyChange(contents[from]!, change), contents[to]!);

test("a device that follows every epoch holds the bytes and the digest of each", () => {
  let held = EMPTY_CONTENT;
  for (const [i, change] of changes[0]!.entries()) {
    held = applyChange(held, change);
    expect(equalBytes(held, contents[i + 1]!), `bytes of epoch ${i + 1}`).toBe(true);
    expect(equalBytes(contentDigest(held, nodeCrypto), digests[i + 1]!), `digest of epoch ${i + 1}`).toBe(
      true,
    );
  }
});

test("from each of 1,000 epochs one change leads to the last one", () => {
  let change = EMPTY_CONTENT;
  for (let from = EPOCHS - 1; from >= 0; from--) {
    change = composeChanges(changes[0]![from]!, change);
    expect(leads(from, EPOCHS, change), `from ${from}`).toBe(true);
  }
});

test("between epochs by chance, composed changes and those of both ends lead to the same bytes", () => {
  const random = chance(2_000);
  for (let i = 0; i < SAMPLED_PAIRS; i++) {
    const [from, to] = ascending([random(EPOCHS + 1), random(EPOCHS + 1)]) as [number, number];
    const [there, back] = [
      changeBetween(contents[from]!, contents[to]!),
      changeBetween(contents[to]!, contents[from]!),
    ];
    const reached = [leads(from, to, composed(from, to)), leads(from, to, there), leads(to, from, back)];
    expect(reached, `${from} to ${to}`).toEqual([true, true, true]);
  }
});

test("what both ends give is never larger than what is composed; one epoch is a fraction of the snapshot", () => {
  const random = chance(3_000);
  for (let i = 0; i < SAMPLED_PAIRS; i++) {
    const [from, to] = ascending([random(EPOCHS + 1), random(EPOCHS + 1)]) as [number, number];
    const ends = changeBetween(contents[from]!, contents[to]!);
    expect(ends.length, `${from} to ${to}`).toBeLessThanOrEqual(composed(from, to).length);
  }
  const [last, snapshot] = [changes[0]!.at(-1)!, contents[EPOCHS]!];
  expect(last.length).toBeLessThan(snapshot.length / 20);
});
