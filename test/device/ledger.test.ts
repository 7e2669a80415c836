/**
 * What a device makes of Beacons and of ledger data that nobody signed. Beacons come here as the edge hands
 * them on, their signatures checked; what must prove itself here is everything else.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type LedgerHolding, nextPart, takeBeacon, takePart } from "../../device/ledger.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Beacon } from "../../protocol/beacon.js";
import { equalBytes } from "../../protocol/bytes.js";
import type { Opened } from "../../protocol/envelope.js";
import { changeBetween } from "../../protocol/ledger/change.js";
import {
  contentCount,
  contentDigest,
  EMPTY_CONTENT,
  encodeContent,
  holdsNumber,
} from "../../protocol/ledger/content.js";
import type { LedgerPart, LedgerRequest } from "../../protocol/ledger-part.js";
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";

const SEED = 20270101;
const TERM = 1;
const PART_BYTES = 64;
const NOTHING: LedgerHolding = {};

/** Of a change and then the whole, of the ledgers that the histories below are made of. */
const MOST_PARTS = 10;

/** One epoch: a ledger and the Beacon that speaks of it. */
interface Epoch {
  readonly beacon: Opened<Beacon>;
  readonly content: Uint8Array;
}

const content = (denied: readonly number[], generations: readonly (readonly [number, number])[] = []) =>
  encodeContent({ denied, generations: new Map(generations) });

function epoch(version: Version, of: Uint8Array, change: Partial<Beacon> = {}): Epoch {
  const value: Beacon = {
    version,
    denied: contentCount(of),
    digest: contentDigest(of, nodeCrypto),
    authority: 1,
    advisories: NO_VERSION,
    removals: NO_VERSION,
    issuedAt: 1_800_000_000,
    ...change,
  };
  const bytes = Beacon.encode(value);
  return { beacon: { value, bytes, hash: nodeCrypto.sha256(bytes).slice(0, 8), signers: [] }, content: of };
}

/** Numbers that code to a few hundred bytes, so that they come in several parts. */
const scattered = (count: number, step: number): number[] =>
  Array.from({ length: count }, (_, i) => 7 + i * step + ((i * i) % step));

const first = epoch([TERM, 1], content(scattered(200, 5_001), [[41, 3]]));
const second = epoch([TERM, 2], content([...scattered(200, 5_001), 2_000_000], [[41, 4]]));
const third = epoch([TERM, 3], content(scattered(230, 4_999)));

const hear = (holding: LedgerHolding, { beacon }: Epoch, term = TERM) =>
  takeBeacon(holding, beacon, term, nodeCrypto);
const take = (holding: LedgerHolding, part: LedgerPart, term = TERM) =>
  takePart(holding, part, term, nodeCrypto);

function parts(change: Uint8Array, to: Version, from?: Version, size = PART_BYTES): LedgerPart[] {
  return Array.from({ length: Math.ceil(change.length / size) }, (_, i) => ({
    ...(from && { from }),
    to,
    size: change.length,
    offset: i * size,
    bytes: change.slice(i * size, (i + 1) * size),
  }));
}

/** Answers as an honest holder of `epochs` does. */
function answer({ from, to, offset, maxPartBytes }: LedgerRequest, epochs: readonly Epoch[]): LedgerPart {
  const at = (version: Version) =>
    epochs.find(({ beacon }) => compareVersions(beacon.value.version, version) === 0)!.content;
  const change = from ? changeBetween(at(from), at(to)) : at(to);
  const bytes = change.slice(offset, offset + maxPartBytes);
  return { ...(from && { from }), to, size: change.length, offset, bytes };
}

/** Asks and is answered until nothing is missing; says how many parts that took. */
function settle(start: LedgerHolding, epochs: readonly Epoch[], term = TERM) {
  let holding = start;
  let asked = 0;
  for (
    let request = nextPart(holding, term, PART_BYTES);
    request;
    request = nextPart(holding, term, PART_BYTES)
  ) {
    expect(asked++).toBeLessThan(1_000);
    holding = take(holding, answer(request, epochs), term).holding;
  }
  return { holding, asked };
}

const holdingOf = (of: Epoch): LedgerHolding => settle(hear(NOTHING, of).holding, [of]).holding;
const isProven = ({ set }: LedgerHolding): boolean =>
  !set || equalBytes(contentDigest(set.content, nodeCrypto), set.beacon.value.digest);
/** Takes them one after the other; says what became of the last. */
const takeAll = (holding: LedgerHolding, all: readonly LedgerPart[]) =>
  all.slice(1).reduce((step, part) => take(step.holding, part), take(holding, all[0]!));

describe("from Beacon to set", () => {
  test("the whole comes in parts, and is held byte by byte as its fleet has it", () => {
    const { holding, asked } = settle(hear(NOTHING, first).holding, [first]);
    expect(asked).toBe(Math.ceil(first.content.length / PART_BYTES));
    expect(asked).toBeGreaterThan(3);
    expect(holding).toEqual({ head: first.beacon, set: first });
  });

  test("a change leads from the set held to the newest Beacon", () => {
    const { holding, asked } = settle(hear(holdingOf(first), second).holding, [first, second]);
    expect(asked).toBe(1);
    expect(holding.set).toEqual(second);
  });

  test("a whole that is coded in another way is held in canonical form", () => {
    const longer = changeBetween(content([], [[99, 2]]), first.content); // takes away what is not there
    expect(longer).not.toEqual(first.content);
    const { holding } = takeAll(hear(NOTHING, first).holding, parts(longer, [TERM, 1]));
    expect(holding.set).toEqual(first);
  });

  test("an empty ledger needs no data", () => {
    const empty = epoch([TERM, 1], EMPTY_CONTENT);
    const { holding } = hear(NOTHING, empty);
    expect(holding).toEqual({ head: empty.beacon, set: empty });
    expect(nextPart(holding, TERM, PART_BYTES)).toBeUndefined();
  });

  test("nor does a ledger that has become empty", () => {
    const empty = epoch([TERM, 2], EMPTY_CONTENT);
    expect(hear(holdingOf(first), empty).holding.set).toEqual(empty);
  });

  test("nor a Beacon with the digest of the set held", () => {
    const again = epoch([TERM, 9], first.content);
    expect(hear(holdingOf(first), again).holding).toEqual({ head: again.beacon, set: again });
  });

  test("a Beacon whose count is not that of its digest proves nothing", () => {
    const odd = epoch([TERM, 9], first.content, { denied: 3 });
    expect(hear(holdingOf(first), odd).holding.set?.beacon).toBe(first.beacon);
    const oddEmpty = epoch([TERM, 9], EMPTY_CONTENT, { denied: 1 });
    expect(hear(NOTHING, oddEmpty).holding.set).toBeUndefined();
  });

  test("nothing is asked for before the first Beacon", () => {
    expect(nextPart(NOTHING, TERM, PART_BYTES)).toBeUndefined();
    expect(take(NOTHING, parts(first.content, [TERM, 1])[0]!).outcome).toBe("ignored");
  });
});

describe("P3: Beacons", () => {
  const held = hear(NOTHING, second).holding;
  test.each([
    ["newer", third, "newer"],
    ["the same", second, "known"],
    ["the same version with other content", epoch([TERM, 2], third.content), "fork"],
    ["older", first, "older"],
    ["of an earlier term", epoch([TERM - 1, Number.MAX_SAFE_INTEGER], third.content), "older"],
    ["of a term that the Authority does not name yet", epoch([TERM + 1, 1], third.content), "older"],
  ] as const)("%s", (_, heard, outcome) => {
    const after = hear(held, heard);
    expect(after.outcome).toBe(outcome);
    expect(after.holding.head).toBe(outcome === "newer" ? heard.beacon : held.head);
  });

  test("a newer one ends what was on its way to an older one", () => {
    const [part] = parts(first.content, [TERM, 1]);
    const begun = take(hear(NOTHING, first).holding, part!).holding;
    expect(begun.partial?.received).toHaveLength(PART_BYTES);
    expect(nextPart(hear(begun, third).holding, TERM, PART_BYTES)).toMatchObject({
      to: [TERM, 3],
      offset: 0,
    });
  });
});

describe("parts", () => {
  const to = first.beacon.value.version;
  const all = parts(first.content, to);
  const begun = take(hear(NOTHING, first).holding, all[0]!).holding;

  test.each([
    ["the first once more", all[0]!],
    ["one too far", all[2]!],
    ["of another Beacon", { ...all[1]!, to: [TERM, 2] as const }],
    ["of a change of a ledger that is not held", { ...all[0]!, from: [TERM, 5] as const }],
    ["with more bytes than the change has", { ...all[0]!, size: 10 }],
    ["of a change above the bound", { ...all[0]!, size: 2 ** 20 + 1 }],
  ])("%s changes nothing", (_, part) => {
    const after = take(begun, part);
    expect(after.outcome).toBe("ignored");
    expect(after.holding).toBe(begun);
  });

  test("they come in order, whatever else comes between", () => {
    const shuffled = all.flatMap((part, i) => [all.at(i - 3)!, part, part, all[0]!]);
    const holding = shuffled.reduce((held, part) => take(held, part).holding, hear(NOTHING, first).holding);
    expect(holding.set).toEqual(first);
  });

  test("a first part of another coding of the same begins anew", () => {
    const lie = { ...all[0]!, size: first.content.length + 1, bytes: Uint8Array.of(1) };
    const astray = take(begun, lie);
    expect(astray.outcome).toBe("more");
    expect(nextPart(astray.holding, TERM, PART_BYTES)?.offset).toBe(1);
    expect(takeAll(astray.holding, all).holding.set).toEqual(first);
  });

  test("a later part of another coding cannot go on, and the one begun is given up", () => {
    const lie = { ...all[0]!, size: first.content.length + 1, bytes: Uint8Array.of(1) };
    const astray = take(hear(NOTHING, first).holding, lie).holding;
    const { holding, outcome } = take(astray, answer(nextPart(astray, TERM, PART_BYTES)!, [first]));
    expect(outcome).toBe("ignored");
    expect(settle(holding, [first]).holding.set).toEqual(first);
  });

  test("once nothing is missing they change nothing", () => {
    const settled = holdingOf(first);
    expect(take(settled, all[0]!).holding).toBe(settled);
  });
});

describe("P1: what the Beacon does not prove", () => {
  const flipped = (bytes: Uint8Array) => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
  const behind = hear(holdingOf(first), third).holding;
  const change = changeBetween(first.content, third.content);

  test("a wrong change leaves the set as it was, and the whole is asked for", () => {
    const lies = parts(changeBetween(first.content, second.content), [TERM, 3], [TERM, 1]);
    const after = takeAll(behind, lies);
    expect(after.outcome).toBe("wrong");
    expect(after.holding.set?.content).toEqual(first.content);
    expect(nextPart(after.holding, TERM, PART_BYTES)).toEqual({
      to: [TERM, 3],
      offset: 0,
      maxPartBytes: PART_BYTES,
    });
    const again = take(after.holding, parts(change, [TERM, 3], [TERM, 1])[0]!);
    expect(again.outcome).toBe("ignored"); // or a source that errs would be asked for ever
    expect(settle(after.holding, [third]).holding.set).toEqual(third);
  });

  test("the next Beacon gives changes another chance", () => {
    const lie = parts(Uint8Array.of(0xff), [TERM, 3], [TERM, 1])[0]!;
    const wrong = take(behind, lie);
    expect(wrong.outcome).toBe("wrong");
    const fourth = epoch([TERM, 4], second.content);
    expect(nextPart(hear(wrong.holding, fourth).holding, TERM, PART_BYTES)?.from).toEqual([TERM, 1]);
  });

  test.each([
    ["no ledger at all", Uint8Array.of(0xff, 0xff, 0xff)],
    ["the ledger of another epoch", second.content],
    ["the right one, cut short", third.content.slice(0, -1)],
    ["the right one with a bit flipped", flipped(third.content)],
    ["the right one and a byte more", Uint8Array.of(...third.content, 0)],
  ])("a wrong whole, %s: asked for again from its beginning", (_, lie) => {
    const after = takeAll(behind, parts(lie, [TERM, 3]));
    expect(after.outcome).toBe("wrong");
    expect(after.holding.set).toEqual(first);
    expect(nextPart(after.holding, TERM, PART_BYTES)).toMatchObject({ to: [TERM, 3], offset: 0 });
  });
});

describe("a new term", () => {
  const forged = epoch([TERM, Number.MAX_SAFE_INTEGER], content([4711]));
  const stuck = settle(hear(holdingOf(first), forged).holding, [first, forged]).holding;
  const fresh = epoch([TERM + 1, 1], third.content);

  test("P3: a Beacon at the highest epoch stops only its own term", () => {
    expect(hear(stuck, third).outcome).toBe("older");
    expect(hear(stuck, fresh, TERM + 1).outcome).toBe("newer");
  });

  test("P5: the old set denies until the first of the new term is proven", () => {
    const heard = hear(stuck, fresh, TERM + 1).holding;
    expect(holdsNumber(heard.set!.content, 4711)).toBe(true);
    const cured = settle(heard, [first, forged, fresh], TERM + 1).holding;
    expect(cured.set).toEqual(fresh);
    expect(holdsNumber(cured.set!.content, 4711)).toBe(false);
  });

  test("data of the old term is neither asked for nor taken", () => {
    const waiting = hear(holdingOf(first), second).holding;
    const part = answer(nextPart(waiting, TERM, PART_BYTES)!, [first, second]);
    expect(nextPart(waiting, TERM + 1, PART_BYTES)).toBeUndefined();
    expect(take(waiting, part, TERM + 1)).toEqual({ holding: waiting, outcome: "ignored" });
    expect(take(waiting, part).outcome).toBe("proven");
  });
});

describe("any history", () => {
  const ledger = fc
    .record({
      denied: fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 60 }),
      generations: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 2, max: 9 })), {
        maxLength: 5,
        selector: ([number]) => number,
      }),
    })
    .map(({ denied, generations }) =>
      content(
        denied.toSorted((a, b) => a - b),
        generations,
      ),
    );
  /** What the carrier does next: a Beacon, a part of a change, as it is or spoilt. */
  const arrival = fc.record({
    kind: fc.constantFrom("beacon", "part", "part", "part", "asked", "asked", "asked"),
    from: fc.nat(),
    to: fc.nat(),
    part: fc.nat(),
    spoil: fc.constantFrom("no", "no", "no", "bit", "cut", "mixed"),
  });

  test("P1, P3: never goes back, holds nothing unproven, and ends where the fleet is", () => {
    fc.assert(
      fc.property(
        fc.array(ledger, { minLength: 2, maxLength: 6 }),
        fc.array(arrival, { maxLength: 40 }),
        (ledgers, arrivals) => {
          const epochs = ledgers.map((of, i) => epoch([TERM, i + 1], of));
          const at = (i: number) => epochs[i % epochs.length]!;
          let holding = NOTHING;
          for (const { kind, from, to, part, spoil } of arrivals) {
            const before = holding;
            const request = nextPart(holding, TERM, 8);
            if (kind === "beacon") holding = hear(holding, at(to)).holding;
            else {
              const [a, b] = [at(from), at(to)];
              const change = part % 2 === 0 ? b.content : changeBetween(a.content, b.content);
              const base = part % 2 === 0 ? undefined : a.beacon.value.version;
              const all = parts(change, b.beacon.value.version, base, 8);
              const good =
                kind === "asked" && request
                  ? answer(request, epochs)
                  : all[Math.floor(part / 2) % all.length]!;
              const { bytes } = good;
              if (spoil === "bit") bytes[part % bytes.length]! ^= 1 << (to % 8);
              const spoilt = {
                ...good,
                ...(spoil === "cut" && { bytes: bytes.slice(0, Math.max(1, bytes.length - 1)) }),
                ...(spoil === "mixed" && { to: a.beacon.value.version }),
              };
              holding = take(holding, spoilt).holding;
            }
            const [was, is] = [before.set?.beacon.value.version, holding.set?.beacon.value.version];
            expect(compareVersions(is ?? NO_VERSION, was ?? NO_VERSION)).toBeGreaterThanOrEqual(0);
            expect(isProven(holding)).toBe(true);
          }
          const newest = epochs.at(-1)!;
          // What is on its way may be spoilt already: then the change comes to nothing, and the whole comes.
          const { holding: healed, asked } = settle(hear(holding, newest).holding, epochs);
          expect(healed.set).toEqual(newest);
          expect(asked).toBeLessThanOrEqual(MOST_PARTS);
        },
      ),
      { seed: SEED, numRuns: 3_000 },
    );
  });
});
