/** Nobody goes back (P3), in whatever order things come (P2), and nothing counts that is for others. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applyDocument, applyLease } from "../../device/documents.js";
import { openStanding } from "../../device/edge.js";
import { boot } from "../../device/machine.js";
import type { DeviceRecord } from "../../device/record.js";
import { contextOf, type DeviceState, heldVector, standing } from "../../device/state.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument } from "../../protocol/authority.js";
import { Directive } from "../../protocol/directive.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { Lease } from "../../protocol/lease.js";
import type { HoldLevel, Level } from "../../protocol/level.js";
import { Release } from "../../protocol/release.js";
import { field, message } from "../../protocol/schema.js";
import { uint } from "../../protocol/types.js";
import { NO_VERSION } from "../../protocol/version.js";
import type { Aboard } from "./aboard.js";
import { Harbor } from "./harbor.js";
import { Pen } from "./pen.js";
import { entropy } from "./soft-keys.js";

let harbor: Harbor;
let camera: Aboard;
let record: DeviceRecord;
beforeEach(async () => {
  harbor = await Harbor.open();
  camera = await harbor.bear();
  const loaded = await camera.store.load();
  if (!loaded) throw new Error("born above");
  record = loaded.record;
});
afterEach(async () => {
  await harbor.close();
});

const pen = () => new Pen(harbor, record.number);
const directive = (n: number, level: HoldLevel, change: Partial<Directive> = {}) =>
  pen().directive([1, n], level, change);
const release = (n: number, level: Level, change: Partial<Release> = {}) =>
  pen().release([1, n], level, change);
const beacon = (epoch: number, denied: readonly number[] = []) => pen().beacon([1, epoch], denied).beacon;

function apply(state: DeviceState, ...documents: readonly Uint8Array[]): DeviceState {
  return documents.reduce((before, bytes) => applyDocument(before, openStanding(bytes, context())), state);
}

function lease(
  state: DeviceState,
  change: Partial<Lease> = {},
  nonce = entropy(16),
): DeviceState | undefined {
  const holds = heldVector(state);
  const required = {
    authority: 1,
    ledger: holds.ledger?.version ?? NO_VERSION,
    advisories: NO_VERSION,
    removals: NO_VERSION,
    directive: holds.directive?.version ?? NO_VERSION,
    release: holds.release?.version ?? NO_VERSION,
    level: "none",
  } as const;
  const value = { nonce, time: [1, 1000], goodUntil: 2000, nextSyncSeconds: 60, required } as const;
  const bytes = pen().lease({ ...value, ...change });
  return applyLease(state, openDocument(Lease, bytes, harbor.service.trust, nodeCrypto), nonce, 0);
}

const fresh = () => boot(record, nodeCrypto, 0);
const context = () => contextOf(fresh(), 0);

describe("P3: an older version changes nothing", () => {
  test("directive", () => {
    const state = apply(fresh(), directive(7, "restrict"));
    expect(apply(state, directive(6, "none"))).toBe(state);
    expect(apply(state, directive(6, "isolate"))).toBe(state);
  });
  test("release", () => {
    const state = apply(fresh(), directive(1, "isolate"), release(5, "restrict"));
    expect(apply(state, release(4, "none"))).toBe(state);
  });
  test("epoch", () => {
    const state = apply(fresh(), beacon(9));
    expect(apply(state, beacon(8))).toBe(state);
  });
  test("lease: fleet time running backwards, another term of time, another nonce, another device", () => {
    const state = lease(fresh());
    if (!state) throw new Error("a good lease counts");
    expect(lease(state, { time: [1, 999] })).toBeUndefined();
    expect(lease(state, { time: [2, 5000] })).toBeUndefined();
    expect(lease(state, { nonce: entropy(16) })).toBeUndefined();
    expect(lease(state, { subject: record.number + 1 })).toBeUndefined();
    expect(lease(state, { time: [1, 1001] })).toBeDefined();
  });
  test("a lease that asks for more than is stored does not count", () => {
    const state = apply(fresh(), directive(3, "none"), release(4, "none"), beacon(2));
    const required = {
      authority: 1,
      ledger: [1, 2],
      advisories: NO_VERSION,
      removals: NO_VERSION,
      directive: [1, 3],
      release: [1, 4],
      level: "none",
    } as const;
    expect(lease(state, { required })).toBeDefined();
    expect(lease(state, { required: { ...required, authority: 2 } })).toBeUndefined();
    expect(lease(state, { required: { ...required, ledger: [1, 3] } })).toBeUndefined();
    expect(lease(state, { required: { ...required, directive: [1, 5] } })).toBeUndefined();
    expect(lease(state, { required: { ...required, release: [1, 5] } })).toBeUndefined();
    expect(lease(state, { required: { ...required, release: [1, 3] } })).toBeUndefined();
    expect(lease(state, { required: { ...required, level: "restrict" } })).toBeUndefined();
  });
  test("a term that the Authority does not name", () => {
    const state = fresh();
    expect(apply(state, directive(1, "isolate", { version: [2, 1] }))).toBe(state);
    expect(apply(state, release(1, "isolate", { version: [0, 99] }))).toBe(state);
  });
  test("the same version with other content is a fork: the device isolates itself", () => {
    const state = apply(fresh(), directive(7, "restrict"), directive(7, "none"));
    expect(standing(state)).toBe("isolate");
    expect(state.record.alarms).toEqual([{ id: 1, kind: "fork" }]);
    expect(standing(apply(fresh(), beacon(4), beacon(4, [1])))).toBe("isolate");
    expect(standing(apply(fresh(), release(4, "none"), release(4, "observe")))).toBe("isolate");
  });
  test("an alarm is cleared by a release that names it, once its lease is there", () => {
    const alarmed = apply(fresh(), directive(7, "none"), directive(7, "observe"));
    const other = lease(apply(alarmed, release(8, "none", { clearedAlarms: [2] })));
    expect(other && standing(other)).toBe("isolate");
    const freed = lease(apply(alarmed, release(8, "none", { clearedAlarms: [1] })));
    expect(freed && standing(freed)).toBe("none");
  });
  test("revoked is final: no release frees, whoever signed it", () => {
    const state = apply(fresh(), release(3, "revoked"));
    expect(standing(state)).toBe("revoked");
    expect(apply(state, release(4, "none"))).toBe(state);
  });
});

describe("P1: documents that are not for this device", () => {
  test("another device's", () => {
    const state = fresh();
    expect(apply(state, directive(5, "isolate", { subject: record.number + 1 }))).toBe(state);
    expect(apply(state, release(5, "isolate", { subject: record.number + 1 }))).toBe(state);
  });
  test("another fleet's", async () => {
    const other = await Harbor.open();
    try {
      const { fleetId } = other.service.trust;
      const value = { subject: record.number, version: [1, 5], level: "isolate", issuedAt: 0 } as const;
      const foreign = { ...value, reason: "not ours", lowestGeneration: 1 };
      const byTheirKey = sealEnvelope(Directive, foreign, other.keys.hold, fleetId, nodeCrypto);
      expect(() => openStanding(byTheirKey, context())).toThrow(
        expect.objectContaining({ code: "wrong-key" }),
      );
      // Even our own key, when it signed for them.
      const byOurKey = sealEnvelope(Directive, foreign, harbor.keys.hold, fleetId, nodeCrypto);
      expect(() => openStanding(byOurKey, context())).toThrow(
        expect.objectContaining({ code: "bad-signature" }),
      );
    } finally {
      await other.close();
    }
  });
  test("another type's: what one type says is never read as another", () => {
    const bytes = directive(5, "isolate");
    const at = Buffer.from(bytes).indexOf(Buffer.from("19fdeb", "hex")); // typ 65003
    expect(at).toBeGreaterThan(0);
    const retyped = bytes.slice();
    retyped[at + 2] = 0xec; // 65004, a release
    expect(parseEnvelope(retyped).type).toBe(Release.type);
    expect(() => openStanding(retyped, context())).toThrow(expect.objectContaining({ code: "wrong-key" }));
    const required = { authority: 1, ledger: NO_VERSION, advisories: NO_VERSION, removals: NO_VERSION };
    const demanded = { ...required, directive: NO_VERSION, release: NO_VERSION, level: "none" } as const;
    const value = { nonce: new Uint8Array(16), time: [1, 1], goodUntil: 2, nextSyncSeconds: 1 } as const;
    const lease = pen().lease({ ...value, required: demanded });
    expect(() => openStanding(lease, context())).toThrow(expect.objectContaining({ code: "unknown-type" }));
  });
  test("a directive of a later protocol version counts as restrict", () => {
    // Key 20 is one that this version does not know.
    const later = { ...Directive, encode: (value: Directive) => addKey(Directive.encode(value)) };
    const value = {
      subject: record.number,
      version: [1, 5],
      level: "none",
      reason: "",
      lowestGeneration: 1,
      issuedAt: 0,
    } as const;
    const state = apply(fresh(), pen().seal(later, value, harbor.keys.hold));
    expect(standing(state)).toBe("restrict");
    expect(
      apply(fresh(), pen().seal(later, { ...value, subject: record.number + 1 }, harbor.keys.hold)),
    ).toEqual(fresh());
  });

  test("so does one whose fields have other types by then", () => {
    const later = message(3, "directive", {
      ...Directive.fields,
      reason: field(4, uint(), "a number by then"),
    });
    const value = {
      subject: record.number,
      version: [1, 5],
      level: "none",
      lowestGeneration: 1,
      issuedAt: 0,
    };
    const bytes = pen().seal(later, { ...value, reason: 7 }, harbor.keys.hold);
    expect(standing(apply(fresh(), bytes))).toBe("restrict");
  });
});

/** The same map with one more key, 20. */
function addKey(payload: Uint8Array): Uint8Array {
  const first = payload[0] ?? 0;
  return Uint8Array.of(first + 1, ...payload.slice(1), 0x14, 0x00);
}

/** All orders of all subsets. */
function* arrangements<T>(items: readonly T[]): Generator<readonly T[]> {
  yield [];
  for (const [i, item] of items.entries()) {
    for (const rest of arrangements(items.filter((_, j) => j !== i))) yield [item, ...rest];
  }
}

test("P2: hold, release and a milder hold, whichever were missed and however they came: the same end", () => {
  const hold = directive(2, "isolate");
  const freed = release(3, "none");
  const milder = directive(4, "observe");
  const final = (state: DeviceState) => {
    const synced = lease(apply(state, milder, freed)); // a sync brings whatever is newest
    if (!synced) throw new Error("the lease counts: everything it names is there");
    return synced;
  };
  let tried = 0;
  for (const seen of arrangements([directive(1, "none"), hold, freed, milder])) {
    const before = apply(fresh(), ...seen);
    // Nothing lowers without a lease: whoever saw the hold, and not something newer first, is still held by it.
    const heldBack = seen.includes(hold) && !seen.slice(0, seen.indexOf(hold)).includes(milder);
    expect(standing(before), `before the sync, having seen ${tried}`).toBe(
      heldBack ? "isolate" : seen.includes(milder) ? "observe" : "none",
    );
    expect(standing(final(before))).toBe("observe");
    tried++;
  }
  expect(tried).toBe(65);
});
