/**
 * Standing depends on the set of documents, not on which of them came, how often or in what order (P2).
 * The model below has seen everything; the device gets what the dice leave of it.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { atLeast, higherLevel, type HoldLevel, LEVELS, type Level } from "../../protocol/level.js";
import { addHold, type Freed, type Hold, liftHolds, standingOf } from "../../protocol/standing.js";
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";

const SEED = 20190601;
const RUNS = 5_000;
const HOLD_LEVELS: readonly HoldLevel[] = ["none", "observe", "restrict", "isolate"];

type Document = ({ readonly kind: "directive" } & Hold) | ({ readonly kind: "release" } & Freed);
/** What an operator does: hold at a level, or release to one. */
interface Act {
  readonly kind: Document["kind"];
  readonly level: HoldLevel;
  readonly newTerm: boolean;
}

/** As a fleet issues them: one seq for both kinds, a directive at the highest level since the last release. */
function issue(acts: readonly Act[]): readonly Document[] {
  let [term, seq] = [1, 0];
  let highest: HoldLevel = "none";
  return acts.map(({ kind, level, newTerm }) => {
    [term, seq] = newTerm ? [term + 1, 1] : [term, seq + 1];
    const version: Version = [term, seq];
    highest = kind === "release" ? "none" : higherLevel(highest, level);
    return { kind, version, level: kind === "release" ? level : highest };
  });
}

/** What it all adds up to: what the last release left, and the directives since. */
function truth(documents: readonly Document[]): Level {
  const lastRelease = documents.findLastIndex(({ kind }) => kind === "release");
  return documents
    .slice(Math.max(lastRelease, 0))
    .reduce<Level>((highest, { level }) => higherLevel(highest, level), "none");
}

/** A device that takes documents as protocol/standing.ts says. */
class Device {
  holds: readonly Hold[] = [];
  directive = NO_VERSION;
  pending: Freed | undefined;
  inForce: Freed | undefined;

  get level(): Level {
    return standingOf(this.holds, this.inForce);
  }

  take(document: Document): void {
    if (document.kind === "directive") {
      if (compareVersions(document.version, this.directive) <= 0) return;
      this.directive = document.version;
      if (compareVersions(document.version, this.inForce?.version ?? NO_VERSION) < 0) return;
      this.holds = addHold<Level>(this.holds, document);
    } else {
      const newest = this.pending ?? this.inForce;
      if (compareVersions(document.version, newest?.version ?? NO_VERSION) <= 0) return;
      this.pending = document;
      this.holds = addHold<Level>(this.holds, document); // until its lease comes it can only raise
    }
  }

  /** A lease that names the newest release. */
  lease(): void {
    if (!this.pending) return;
    this.holds = liftHolds(this.holds, this.pending.version);
    [this.inForce, this.pending] = [this.pending, undefined];
  }
}

const acts = fc.array(
  fc.record<Act>({
    kind: fc.constantFrom("directive", "directive", "release"),
    level: fc.constantFrom(...HOLD_LEVELS),
    newTerm: fc.nat(9).map((dice) => dice === 0),
  }),
  { maxLength: 24 },
);
/** Which documents arrive, in which order; a number past the end is a lease. */
const arrivals = fc.array(fc.nat(40), { maxLength: 60 });

/** Plays the arrivals, then the newest of each kind and the lease that every sync ends with. */
function play(documents: readonly Document[], arriving: readonly number[], seen?: (device: Device) => void) {
  const device = new Device();
  const newest = ["directive", "release"].map((kind) =>
    documents.findLast((document) => document.kind === kind),
  );
  const all = [
    ...arriving.map((at) => (documents.length > 0 ? documents[at % (documents.length + 3)] : undefined)),
    ...newest,
  ];
  for (const document of all) {
    if (document) device.take(document);
    else device.lease();
    seen?.(device);
  }
  device.lease();
  return device;
}

test("P2: whatever came in whatever order, the newest of each kind gives the level of one that saw all", () => {
  const property = fc.property(acts, arrivals, (history, arriving) => {
    const documents = issue(history);
    expect(play(documents, arriving).level).toBe(truth(documents));
  });
  fc.assert(property, { seed: SEED, numRuns: RUNS });
});

test("P2: one that saw all, in order and leased each time, has the true level at every moment", () => {
  const property = fc.property(acts, (history) => {
    const documents = issue(history);
    const device = new Device();
    documents.forEach((document, i) => {
      device.take(document);
      device.lease();
      expect(device.level).toBe(truth(documents.slice(0, i + 1)));
    });
  });
  fc.assert(property, { seed: SEED, numRuns: RUNS });
});

test("P13: without a lease nothing lowers: no directive, no release, and no second release over a first", () => {
  const property = fc.property(acts, arrivals, (history, arriving) => {
    let before = new Device();
    const lowered: string[] = [];
    play(issue(history), arriving, (device) => {
      const leased = device.inForce !== before.inForce;
      if (!leased && !atLeast(device.level, before.level)) lowered.push(`${before.level} → ${device.level}`);
      before = Object.assign(new Device(), device);
    });
    expect(lowered).toEqual([]);
  });
  fc.assert(property, { seed: SEED, numRuns: RUNS });
});

test("P11: at most one hold is kept for each level, falling in level, newest last", () => {
  const levels = fc.array(fc.constantFrom(...HOLD_LEVELS), { maxLength: 40 });
  const property = fc.property(levels, (sequence) => {
    const holds = sequence.reduce<readonly Hold[]>(
      (kept, level, i) => addHold(kept, { level, version: [1, i + 1] }),
      [],
    );
    const ranks = holds.map(({ level }) => LEVELS[level]);
    expect(holds.length).toBeLessThanOrEqual(HOLD_LEVELS.length);
    expect(ranks).toEqual([...new Set(ranks)].toSorted((a, b) => b - a));
    expect(holds.map(({ version: [, n] }) => n)).toEqual(
      holds.map(({ version: [, n] }) => n).toSorted((a, b) => a - b),
    );
    const highest = sequence.reduce<Level>((top, level) => higherLevel(top, level), "none");
    expect(standingOf(holds)).toBe(highest);
  });
  fc.assert(property, { seed: SEED, numRuns: RUNS });
});

const hold = (n: number, level: HoldLevel): Hold => ({ version: [1, n], level });
const freed = (n: number, level: Level): Freed => ({ version: [1, n], level });

describe("standing", () => {
  test.each<[string, Level, Level]>([
    ["nothing", standingOf([]), "none"],
    ["a hold", standingOf([hold(1, "restrict")]), "restrict"],
    ["two holds", standingOf([hold(1, "isolate"), hold(3, "observe")]), "isolate"],
    ["a release in force", standingOf([], freed(2, "observe")), "observe"],
    ["a release that waits raises", standingOf(addHold<Level>([], freed(2, "revoked"))), "revoked"],
    [
      "a release that waits does not lower",
      standingOf(addHold<Level>([hold(1, "isolate")], freed(2, "none"))),
      "isolate",
    ],
    ["nothing lowers a revoked one", standingOf([hold(3, "none")], freed(2, "revoked")), "revoked"],
  ])("%s", (_name, level, want) => {
    expect(level).toBe(want);
  });

  test("a lower directive tells of a release that did not arrive: the higher hold stays until it does", () => {
    const holds = addHold([hold(1, "isolate")], hold(3, "observe"));
    expect(standingOf(holds)).toBe("isolate");
    expect(standingOf(liftHolds(holds, [1, 2]), freed(2, "none"))).toBe("observe");
  });

  test("a release lifts holds up to its version, its own included, and none above", () => {
    const holds = [hold(1, "isolate"), hold(2, "restrict"), hold(3, "observe")];
    expect(liftHolds(holds, [1, 2])).toEqual([hold(3, "observe")]);
    expect(liftHolds(holds, [2, 0])).toEqual([]);
    expect(liftHolds(holds, [0, 9])).toEqual(holds);
  });
});
