/**
 * Advisories on a device: what it takes, what latches, what lowers. Lists and removals come here as the edge
 * hands them on, their signatures checked.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AdvisoryHolding,
  advisedLevel,
  evaluate,
  NO_ADVISORIES,
  putInForce,
  takeList,
  takeRemoval,
} from "../../device/advisories.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { type Advisory, AdvisoryList, AdvisoryRemoval } from "../../protocol/advisory.js";
import type { Opened } from "../../protocol/envelope.js";
import { atLeast, higherLevel, type HoldLevel, type Level } from "../../protocol/level.js";
import type { Facts, Predicate } from "../../protocol/predicate.js";
import type { Message } from "../../protocol/schema.js";
import { compareVersions, type Version } from "../../protocol/version.js";

const SEED = 20270101;
const TERM = 1;
const HOLD_LEVELS: readonly HoldLevel[] = ["none", "observe", "restrict", "isolate"];

const opened = <T>(message: Message<T>, value: T): Opened<T> => {
  const bytes = message.encode(value);
  return { value, bytes, hash: nodeCrypto.sha256(bytes).slice(0, 8), signers: [] };
};
const firmwareIs = (...values: string[]): Predicate => ({ op: "in", fact: "firmware", values });
const entry = (
  id: number,
  level: HoldLevel = "isolate",
  match: Predicate = { op: "everything" },
): Advisory => ({
  id,
  match,
  level,
  reason: "",
});
const listOf = (version: Version, entries: readonly Advisory[]) =>
  opened(AdvisoryList, { version, entries, issuedAt: 1_800_000_000 });
const removalOf = (version: Version, ...ids: number[]) =>
  opened(AdvisoryRemoval, { version, ids, issuedAt: 1_800_000_000 });

const FACTS: Facts = { number: 4711, model: "camera", firmware: "1.0" };
const list = (holding: AdvisoryHolding, found: Opened<AdvisoryList>, term = TERM) =>
  evaluate(takeList(holding, found, term).holding, FACTS);
const removal = (holding: AdvisoryHolding, found: Opened<AdvisoryRemoval>, term = TERM) =>
  takeRemoval(holding, found, term).holding;
const idsIn = ({ latched }: AdvisoryHolding) => latched.map(({ term, id }) => [term, id]);

const two = listOf([TERM, 5], [entry(3, "restrict"), entry(7, "observe")]);
const held = list(NO_ADVISORIES, two);

describe("P3: lists", () => {
  test.each([
    ["newer, with an entry more", listOf([TERM, 6], [...two.value.entries, entry(9)]), "newer"],
    ["the same", two, "known"],
    ["the same version with other content", listOf([TERM, 5], [entry(3)]), "fork"],
    ["older", listOf([TERM, 4], [entry(3, "restrict")]), "older"],
    ["of an earlier term", listOf([TERM - 1, Number.MAX_SAFE_INTEGER], [entry(3)]), "older"],
    ["of a term that the Authority does not name yet", listOf([TERM + 1, 1], []), "older"],
    ["newer, an entry gone", listOf([TERM, 6], [entry(3, "restrict")]), "shrunk"],
    ["newer and empty", listOf([TERM, Number.MAX_SAFE_INTEGER], []), "shrunk"],
    ["newer, an entry milder", listOf([TERM, 6], [entry(3, "observe"), entry(7, "observe")]), "fork"],
    ["newer, an entry harder", listOf([TERM, 6], [entry(3, "isolate"), entry(7, "observe")]), "fork"],
    [
      "newer, an entry about others",
      listOf([TERM, 6], [entry(3, "restrict", firmwareIs("2.0")), entry(7, "observe")]),
      "fork",
    ],
    ["newer, out of order", listOf([TERM, 6], two.value.entries.toReversed()), "fork"],
    ["newer, an entry twice", listOf([TERM, 6], [...two.value.entries, entry(7, "observe")]), "fork"],
  ] as const)("%s", (_, found, outcome) => {
    const after = takeList(held, found, TERM);
    expect(after.outcome).toBe(outcome);
    expect(after.holding.list).toBe(outcome === "newer" ? found : two);
  });

  test("the first may be out of order no more than others", () => {
    const odd = listOf([TERM, 1], two.value.entries.toReversed());
    expect(takeList(NO_ADVISORIES, odd, TERM)).toEqual({ holding: NO_ADVISORIES, outcome: "fork" });
  });

  test("an entry goes with a removal that names it, also before that is in force", () => {
    const shorter = listOf([TERM, 6], [entry(7, "observe")]);
    expect(takeList(removal(held, removalOf([TERM, 1], 7)), shorter, TERM).outcome).toBe("shrunk");
    expect(takeList(removal(held, removalOf([TERM, 1], 3)), shorter, TERM).outcome).toBe("newer");
  });

  test("a removal of another term names nothing in this one", () => {
    const other = { ...held, removal: removalOf([TERM - 1, 9], 3) };
    expect(takeList(other, listOf([TERM, 6], [entry(7, "observe")]), TERM).outcome).toBe("shrunk");
  });
});

describe("P3: removals", () => {
  const known = removal(held, removalOf([TERM, 5], 3, 4));
  test.each([
    ["newer, with an id more", removalOf([TERM, 6], 3, 4, 5), "newer"],
    ["the same", removalOf([TERM, 5], 3, 4), "known"],
    ["the same version with other ids", removalOf([TERM, 5], 3, 5), "fork"],
    ["older", removalOf([TERM, 4], 3), "older"],
    ["of an earlier term", removalOf([TERM - 1, 9], 3, 4), "older"],
    ["newer, an id gone", removalOf([TERM, 6], 3, 5), "fork"],
  ] as const)("%s", (_, found, outcome) => {
    const after = takeRemoval(known, found, TERM);
    expect(after.outcome).toBe(outcome);
    expect(after.holding.removal).toBe(outcome === "newer" ? found : known.removal);
  });

  test("a new term begins with other ids", () => {
    expect(takeRemoval(known, removalOf([TERM + 1, 1], 1), TERM + 1).outcome).toBe("newer");
  });
});

describe("what matches", () => {
  test("the highest entry that matches sets the level", () => {
    expect(advisedLevel(NO_ADVISORIES)).toBe("none");
    expect(advisedLevel(held)).toBe("restrict");
    const about = listOf([TERM, 1], [entry(1, "isolate", firmwareIs("2.0")), entry(2, "observe")]);
    expect(advisedLevel(list(NO_ADVISORIES, about))).toBe("observe");
  });

  test("a device that cannot tell is meant", () => {
    const about = listOf([TERM, 1], [entry(1, "isolate", firmwareIs("2.0"))]);
    const unevaluated = takeList(NO_ADVISORIES, about, TERM).holding;
    expect(advisedLevel(unevaluated)).toBe("none");
    expect(advisedLevel(evaluate(unevaluated, { number: 4711 }))).toBe("isolate");
  });

  test("a match stays when the fact changes", () => {
    const about = listOf([TERM, 1], [entry(1, "isolate", firmwareIs("1.0"))]);
    const updated = evaluate(list(NO_ADVISORIES, about), { ...FACTS, firmware: "2.0" });
    expect(advisedLevel(updated)).toBe("isolate");
  });

  test("a fact that changes can match what did not", () => {
    const about = listOf([TERM, 1], [entry(1, "isolate", firmwareIs("2.0"))]);
    const before = list(NO_ADVISORIES, about);
    expect(advisedLevel(before)).toBe("none");
    expect(advisedLevel(evaluate(before, { ...FACTS, firmware: "2.0" }))).toBe("isolate");
  });

  test("nothing new leaves the holding as it is", () => {
    expect(evaluate(held, FACTS)).toBe(held);
    expect(evaluate(NO_ADVISORIES, FACTS)).toBe(NO_ADVISORIES);
  });
});

describe("P13: what lowers", () => {
  const named = removal(held, removalOf([TERM, 1], 3));

  test("a removal alone does not", () => {
    expect(advisedLevel(evaluate(named, FACTS))).toBe("restrict");
    const gone = list(named, listOf([TERM, 6], [entry(7, "observe")]));
    expect(advisedLevel(gone)).toBe("restrict");
  });

  test("a removal that a lease names does, for good, and for its entry only", () => {
    const free = putInForce(named);
    expect(idsIn(free)).toEqual([[TERM, 7]]);
    expect(advisedLevel(evaluate(free, {}))).toBe("observe"); // entry 3 is still in the list
  });

  test("a lease without a removal frees nobody", () => {
    expect(putInForce(held).latched).toEqual(held.latched);
  });

  test("a second removal waits for its own lease", () => {
    const both = removal(putInForce(named), removalOf([TERM, 2], 3, 7));
    expect(advisedLevel(evaluate(both, FACTS))).toBe("observe");
    expect(advisedLevel(evaluate(putInForce(both), FACTS))).toBe("none");
  });

  test("P13: no list of a new term, and no lease with it, ends what was latched before", () => {
    const cured = list(held, listOf([TERM + 1, 1], []), TERM + 1);
    expect(advisedLevel(putInForce(cured))).toBe("restrict");
  });

  test("a new term without a list yet frees nobody", () => {
    const waiting = removal(held, removalOf([TERM + 1, 1], 3), TERM + 1);
    expect(advisedLevel(putInForce(waiting))).toBe("restrict");
  });

  test("an id of the old term removed is none of the new one", () => {
    const free = putInForce(named);
    const again = list(free, listOf([TERM + 1, 1], [entry(3, "isolate")]), TERM + 1);
    expect(advisedLevel(again)).toBe("isolate");
    expect(advisedLevel(evaluate(putInForce(again), FACTS))).toBe("isolate");
  });

  test("a list at the highest version stops only its own term", () => {
    const top = listOf([TERM, Number.MAX_SAFE_INTEGER], [...two.value.entries, entry(9)]);
    const stuck = list(held, top);
    expect(takeList(stuck, listOf([TERM, 7], top.value.entries), TERM).outcome).toBe("older");
    expect(takeList(stuck, listOf([TERM + 1, 1], []), TERM + 1).outcome).toBe("newer");
  });
});

describe("any history of one term", () => {
  /** What the operators do: add an entry, remove one. Each act gives a list or a removal, and a list after it. */
  const act = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), level: fc.constantFrom(...HOLD_LEVELS) }),
    fc.record({ kind: fc.constant("remove" as const), which: fc.nat() }),
  );
  type Act = { kind: "add"; level: HoldLevel } | { kind: "remove"; which: number };

  function issue(acts: readonly Act[]) {
    const lists = [listOf([TERM, 1], [])];
    const removals: Opened<AdvisoryRemoval>[] = [];
    let entries: readonly Advisory[] = [];
    let ids: readonly number[] = [];
    for (const [i, made] of acts.entries()) {
      if (made.kind === "add") entries = [...entries, entry(i + 1, made.level)];
      else if (entries.length > 0) {
        const { id } = entries[made.which % entries.length]!;
        ids = [...ids, id].toSorted((a, b) => a - b);
        entries = entries.filter((other) => other.id !== id);
        removals.push(removalOf([TERM, removals.length + 1], ...ids));
      }
      lists.push(listOf([TERM, lists.length + 1], entries));
    }
    return { lists, removals };
  }

  test("P2, P13: shuffled, repeated and lost, the level falls with leases only, and syncs bring all to one end", () => {
    const history = fc.record({
      acts: fc.array(act, { minLength: 1, maxLength: 12 }),
      order: fc.array(fc.nat(), { maxLength: 40 }),
    });
    fc.assert(
      fc.property(history, ({ acts, order }) => {
        const { lists, removals } = issue(acts);
        const all = [...lists, ...removals];
        let holding = NO_ADVISORIES;
        let seen: Level = "none";
        for (const at of order) {
          const document = all[at % all.length]!;
          const before = holding;
          const step =
            "ids" in document.value
              ? takeRemoval(holding, document as Opened<AdvisoryRemoval>, TERM)
              : takeList(holding, document as Opened<AdvisoryList>, TERM);
          expect(step.outcome).not.toBe("fork"); // an honest fleet raises no alarm, in whatever order
          holding = evaluate(step.holding, FACTS);
          expect(atLeast(advisedLevel(holding), seen)).toBe(true);
          seen = advisedLevel(holding);
          for (const kind of ["list", "removal"] as const)
            expect(
              compareVersions(holding[kind]?.value.version ?? [0, 0], before[kind]?.value.version ?? [0, 0]),
            ).toBeGreaterThanOrEqual(0);
        }
        const newest = removals.at(-1);
        const synced = list(newest ? removal(holding, newest) : holding, lists.at(-1)!);
        expect(synced.list).toBe(lists.at(-1));
        const free = evaluate(putInForce(synced), FACTS);
        const want = lists
          .at(-1)!
          .value.entries.reduce<Level>((highest, { level }) => higherLevel(highest, level), "none");
        expect(advisedLevel(free)).toBe(want);
      }),
      { seed: SEED, numRuns: 3_000 },
    );
  });
});
