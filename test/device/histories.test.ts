/**
 * Ten thousand histories: what a fleet ever said, reordered, repeated, left out, mixed with what another fleet
 * says and with flipped bits. After each item the device knows what a model knows, and never less than
 * before; and after one sync it is where the fleet is, whatever it missed (P1, P2, P3).
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { heldVector, standing } from "../../device/state.js";
import { ledgerDigest } from "../protocol/ledger/ledgers.js";
import { equalBytes } from "../../protocol/bytes.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { contentDigest } from "../../protocol/ledger/content.js";
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";
import { Bench } from "./bench.js";
import { type Item, knownBy, learn, NOTHING, Said } from "./histories.js";

const HISTORIES = 10_000;
const SEED = 20_270_101;

const said = new Said();
const born = new Bench(said.fleet).state;
const links = said.items.filter(({ kind }) => kind === "link");
/** Items by their places, so that a history that goes wrong can be read. */
const places = said.items.map((_, place) => place);
const item = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...places) },
  { weight: 1, arbitrary: fc.constantFrom(...places.filter((place) => said.items[place]?.kind === "link")) },
);
/** Some in the order in which they were said, with gaps; most in none. */
const history = fc.oneof(
  { weight: 3, arbitrary: fc.array(item, { minLength: 5, maxLength: 40 }) },
  { weight: 1, arbitrary: fc.subarray(places, { minLength: 20 }) },
  { weight: 1, arbitrary: fc.shuffledSubarray(places, { minLength: 20 }) },
);

/** The set is one that a Beacon of the fleet proves, and its epoch never falls. */
function ledgerFault(state: typeof born, before: Version): string | undefined {
  const { set } = state.held.ledger;
  const version = set?.beacon.value.version ?? NO_VERSION;
  if (compareVersions(version, before) < 0) return `the ledger fell to ${String(version)}`;
  const denied = set && said.ledgers.get(String(version));
  if (!set) return undefined;
  const digest = ledgerDigest(denied ?? [], new Map(), nodeCrypto);
  return denied && equalBytes(contentDigest(set.content, nodeCrypto), digest)
    ? undefined
    : "it holds another ledger";
}

/** The sync that ends every absence: all that is newest; what was wrong with the ledger is asked for again. */
const newest = said.items.filter(({ kind, version }) =>
  said.items.every((other) => other.kind !== kind || compareVersions(other.version, version) <= 0),
);
const sync = [...links, ...newest, ...newest.filter(({ kind }) => kind === "part")];
const carryAll = (items: readonly Item[], state = born) =>
  items.reduce((before, next) => said.carry(before, next), state);
const atTheEnd = heldVector(carryAll(sync));

test("10,000 shuffled histories equal the model, and one sync later the fleet", () => {
  const reached = new Map<string, number>();
  const digests = new Set<unknown>();
  fc.assert(
    fc.property(history, (taken) => {
      let [state, known] = [born, NOTHING];
      for (const place of taken) {
        const next = said.items[place]!;
        const before = state;
        state = said.carry(before, next);
        known = learn(known, next);
        const [is, should] = [knownBy(state), known].map((all) => JSON.stringify(all));
        if (is !== should) throw new Error(`after item ${place} it knows ${is}, not ${should}`);
        if (state.held.ledger.set === before.held.ledger.set) continue;
        const fault = ledgerFault(state, before.held.ledger.set?.beacon.value.version ?? NO_VERSION);
        if (fault) throw new Error(fault);
        digests.add(state.held.ledger.set?.content);
      }
      const name = `authority ${known.authority}, ${standing(state)}`;
      reached.set(name, (reached.get(name) ?? 0) + 1);
      const { level: _level, ...synced } = heldVector(carryAll(sync, state));
      const { level: _atTheEnd, ...fleet } = atTheEnd;
      expect(synced).toEqual(fleet);
    }),
    { seed: SEED, numRuns: HISTORIES, endOnFailure: true },
  );
  // They went everywhere, and not only to the end.
  const ends = [1, 2, 3, 4].flatMap((n) =>
    ["none", "observe", "restrict", "isolate"].map((l) => `authority ${n}, ${l}`),
  );
  expect([...reached.keys()].sort()).toEqual(
    expect.arrayContaining(ends.filter((end) => end !== "authority 1, isolate")),
  );
  expect(digests.size).toBeGreaterThan(20);
});
