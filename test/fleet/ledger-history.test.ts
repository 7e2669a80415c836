/** From any epoch to any later one, and what is sent to whom. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBase64Url } from "../../fleet/events.js";
import { changeSince, MAX_BEACONS, pathFrom, wholeContent, withBeacon } from "../../fleet/ledger-history.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Beacon } from "../../protocol/beacon.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { payloadHash, sealEnvelope } from "../../protocol/envelope.js";
import { applyChange } from "../../protocol/ledger/change.js";
import { EMPTY_CONTENT, encodeContent, holdsNumber } from "../../protocol/ledger/content.js";
import type { Level } from "../../protocol/level.js";
import type { Version } from "../../protocol/version.js";
import { testSigner } from "../x509/helpers.js";
import { FOUNDED, must } from "./fixtures.js";
import { fleetOf, range, type Registry } from "./registry-rig.js";

const DEVICES = 40;
const EPOCHS = 1000;

/** What an operator does next: numbers picked, and what is done to them. */
type Step =
  | { readonly kind: "hold" | "release"; readonly level: Level; readonly numbers: readonly number[] }
  | { readonly kind: "advise"; readonly from: number; readonly to: number }
  | { readonly kind: "unadvise" }
  | { readonly kind: "generation"; readonly number: number };

const number = fc.integer({ min: 1, max: DEVICES });
const numbers = fc.uniqueArray(number, { minLength: 1, maxLength: 6 });
const holdAt = fc.constantFrom<Level>("observe", "restrict", "isolate", "isolate");
const leaveAt = fc.constantFrom<Level>("none", "none", "restrict", "isolate");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("hold"), level: holdAt, numbers }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("release"), level: leaveAt, numbers }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("advise"), from: number, to: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unadvise") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("generation"), number }) },
);

function take(registry: Registry, next: Step): void {
  switch (next.kind) {
    case "hold":
    case "release":
      registry.act(next.kind, next.level, next.numbers);
      return;
    case "advise": {
      const [min, max] = [Math.min(next.from, next.to), Math.max(next.from, next.to)];
      if (registry.view.advisories.active.length < 8)
        registry.advise(`number in ${min}..${Math.min(max, min + 5)}`, "isolate");
      return;
    }
    case "unadvise": {
      const [oldest] = registry.view.advisories.active;
      const isFull = (registry.view.advisories.removal?.ids.length ?? 0) > 200;
      if (oldest && !isFull) registry.unadvise(oldest.id);
      return;
    }
    case "generation": {
      const { directive, lowestGeneration } = registry.device(next.number);
      const fact = { ...must(directive), lowestGeneration: lowestGeneration + 1 };
      registry.happen({ ...fact, version: [1, fact.version[1] + 100] });
    }
  }
}

/** What the view says, from its devices alone. */
function modelOf({ view }: Registry): Uint8Array {
  const devices = [...view.devices.values()].sort((a, b) => a.number - b.number);
  const denied = devices.filter(({ level }) => level === "isolate" || level === "revoked");
  const raised = devices.filter(({ lowestGeneration }) => lowestGeneration > 1);
  return encodeContent({
    denied: denied.map((device) => device.number),
    generations: new Map(raised.map((device) => [device.number, device.lowestGeneration])),
  });
}

/** Whole ledgers by epoch, as devices of that time had them, each with its Beacon; and the fleet in the end. */
function lived(steps: readonly Step[]): { registry: Registry; ledgers: ReadonlyMap<number, Uint8Array> } {
  const registry = fleetOf(DEVICES, { massActDevices: DEVICES });
  const ledgers = new Map([[0, EMPTY_CONTENT]]);
  for (let i = 0; ledgers.size < EPOCHS; i++) {
    const { epoch } = registry.view;
    take(registry, must(steps[i % steps.length]));
    if (registry.view.epoch === epoch) take(registry, { kind: "generation", number: (i % DEVICES) + 1 });
    registry.beacon();
    ledgers.set(registry.view.epoch, modelOf(registry));
  }
  return { registry, ledgers };
}

const history = fc.array(step, { minLength: 60, maxLength: 60 });

test("P2: from any of 1,000 epochs to any later one, byte for byte, and never more than the whole", () => {
  const picks = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 100, maxLength: 100 });
  const property = fc.property(history, picks, (steps, pairs) => {
    const { registry, ledgers } = lived(steps);
    const { ledger } = registry.view;
    const epochs = [...ledgers.keys()];
    for (const [x, y] of pairs) {
      const [a, b] = [x % epochs.length, y % epochs.length].sort((p, q) => p - q).map((i) => must(epochs[i]));
      const [before, after] = [must(ledgers.get(must(a))), must(ledgers.get(must(b)))];
      expect(wholeContent(ledger, b)).toEqual(after);
      expect(applyChange(before, must(changeSince(ledger, must(a), b)))).toEqual(after);
      const path = pathFrom(ledger, { version: [1, must(a)] }, nodeCrypto);
      if (!path) continue; // it holds the newest
      const newest = must(ledgers.get(registry.view.epoch));
      expect(applyChange(path.from ? before : EMPTY_CONTENT, path.bytes)).toEqual(newest);
      expect(path.bytes.length).toBeLessThanOrEqual(newest.length);
    }
  });
  fc.assert(property, { numRuns: 5 });
});

describe("what leads to the newest Beacon", () => {
  const signer = testSigner("ES256", "ledger");
  const fleetId = new Uint8Array(16);
  const zeros = { digest: new Uint8Array(32), authority: 1, advisories: [0, 0], removals: [0, 0] } as const;
  const sealed = (version: Version, denied: number) =>
    sealEnvelope(Beacon, { ...zeros, version, denied, issuedAt: FOUNDED }, signer, fleetId, nodeCrypto);
  const hashOf = (envelope: Uint8Array) => payloadHash(parseEnvelope(envelope), nodeCrypto);

  /** Numbers 1 to 30 are isolated one after the other; a Beacon is signed from the tenth on, at each. */
  function registryWithBeacons(): Registry {
    const registry = fleetOf(30);
    for (const each of range(30)) {
      registry.act("hold", "isolate", [each]);
      if (each < 10) continue;
      const { epoch } = registry.view;
      const beacon = sealed([1, epoch], epoch);
      registry.happen({
        type: "beacon-issued",
        version: [1, epoch],
        denied: epoch,
        digest: toBase64Url(zeros.digest),
        authority: 1,
        advisories: [0, 0],
        removals: [0, 0],
        signed: toBase64Url(beacon),
      });
    }
    return registry;
  }
  const path = (held?: { readonly version: Version; readonly hash?: Uint8Array }) =>
    pathFrom(registryWithBeacons().view.ledger, held, nodeCrypto);

  test("is the whole for who holds nothing", () => {
    const whole = must(path());
    expect(whole).not.toHaveProperty("from");
    expect(range(31).filter((each) => holdsNumber(whole.bytes, each))).toEqual(range(30));
    expect(whole.to).toEqual([1, 30]);
  });

  test("is a change for who holds a Beacon of ours, by version alone or with its hash", () => {
    const hash = hashOf(sealed([1, 29], 29));
    for (const held of [{ version: [1, 29] }, { version: [1, 29], hash }] as const) {
      const { from, bytes } = must(path(held));
      expect(from).toEqual([1, 29]);
      expect(range(31).filter((each) => holdsNumber(bytes, each))).toEqual([30]);
    }
  });

  test("P11: is the whole where a change is larger", () => {
    const registry = registryWithBeacons();
    const newest = must(registry.view.beacon);
    registry.act("release", "none", range(30).slice(2));
    registry.happen({ ...newest, version: [1, registry.view.epoch] });
    const whole = must(pathFrom(registry.view.ledger, { version: [1, 29] }, nodeCrypto));
    expect(whole).not.toHaveProperty("from");
    expect(whole.bytes).toEqual(modelOf(registry));
  });

  test("P3: is the whole for who holds a Beacon of that version which is not ours", () => {
    expect(path({ version: [1, 29], hash: hashOf(sealed([1, 29], 4711)) })).not.toHaveProperty("from");
    expect(path({ version: [1, 30], hash: hashOf(sealed([1, 30], 4711)) })).not.toHaveProperty("from");
  });

  test("is the whole for an epoch that had no Beacon, and for one of another term", () => {
    expect(path({ version: [1, 9] })).not.toHaveProperty("from");
    expect(path({ version: [0, 29] })).not.toHaveProperty("from");
  });

  test("is nothing for who holds the newest, or one that is newer", () => {
    expect(path({ version: [1, 30] })).toBeUndefined();
    expect(path({ version: [1, 31] })).toBeUndefined();
    expect(path({ version: [2, 1] })).toBeUndefined();
  });

  test("stays what the Beacon says while the ledger has moved on and no newer one was signed", () => {
    const registry = registryWithBeacons();
    const before = pathFrom(registry.view.ledger, { version: [1, 20] }, nodeCrypto);
    registry.act("release", "none", [30]);
    expect(pathFrom(registry.view.ledger, { version: [1, 20] }, nodeCrypto)).toEqual(before);
  });

  test("is nothing before the first Beacon", () => {
    expect(pathFrom(fleetOf(1).view.ledger, undefined, nodeCrypto)).toBeUndefined();
  });

  test("P11: Beacons that are remembered are bounded, and the oldest goes first", () => {
    const registry = registryWithBeacons();
    const beacon = { ...must(registry.view.beacon) };
    let { ledger } = registry.view;
    for (const epoch of range(MAX_BEACONS - 1))
      ledger = withBeacon(ledger, { ...beacon, version: [2, epoch] });
    expect(ledger.beacons.size).toBe(MAX_BEACONS);
    expect([ledger.beacons.has("1/29"), ledger.beacons.has("1/30")]).toEqual([false, true]);
  });
});

test("an epoch that never was leads nowhere", () => {
  const { ledger } = fleetOf(1).view;
  expect(changeSince(ledger, 0)).toEqual(EMPTY_CONTENT);
  for (const epoch of [-1, 1]) expect(changeSince(ledger, epoch)).toBeUndefined();
});
