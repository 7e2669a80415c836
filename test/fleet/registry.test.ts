/** What the fleet decides: the registry alone, with no signature, log or clock in the way. */
import { describe, expect, test } from "vitest";
import type { Act, Fact, FactOf, HeldFact } from "../../fleet/events.js";
import { DEFAULT_POLICY, type FleetPolicy } from "../../fleet/policy.js";
import { type Context, decide, type Decision, type RegistryRequest } from "../../fleet/registry.js";
import { MAX_ACT_DEVICES, openWork } from "../../fleet/registry-acts.js";
import type { CertifyRequest, ImportRequest } from "../../fleet/registry-certify.js";
import type { SyncFacts } from "../../fleet/registry-sync.js";
import { apply, type DeviceView, EMPTY_VIEW, type FleetView } from "../../fleet/view.js";
import type { HoldLevel, Level } from "../../protocol/level.js";
import { compareVersions, NO_VERSION } from "../../protocol/version.js";
import { DAY, FOUNDED, must } from "./fixtures.js";

/** What a directive has room for. */
const MAX_REASON_BYTES = 64;

/** The registry at work: what it accepts stands in its view at once. */
class Registry {
  now = FOUNDED;
  terms = { directive: 1, ledger: 1, time: 1 };
  view: FleetView = {
    ...EMPTY_VIEW,
    devices: new Map(),
    numberByHardware: new Map(),
    acts: new Map(),
    denied: new Set(),
  };
  readonly policy: FleetPolicy;
  #acts = 0;

  constructor(policy: Partial<FleetPolicy> = {}) {
    this.policy = { ...DEFAULT_POLICY, ...policy };
  }

  ask(request: RegistryRequest, actor = "ann"): Decision {
    const context: Context = { now: this.now, policy: this.policy, authority: 1, terms: this.terms };
    const decision = decide(this.view, request, context);
    for (const fact of decision.accepted ? decision.facts : [])
      this.view = apply(this.view, { ...fact, at: this.now, actor });
    return decision;
  }

  /** Facts of a request that is accepted. */
  facts(request: RegistryRequest): readonly Fact[] {
    return accepted(this.ask(request));
  }

  device(number = 1): DeviceView {
    return must(this.view.devices.get(number));
  }

  /** Asked for by `ann`, approved by `bob` where that is needed, and carried out. @returns what was issued. */
  act(kind: Act["kind"], level: Level, numbers: readonly number[] = [1]): readonly Fact[] {
    const id = this.pending(kind, level, numbers);
    if (this.view.acts.get(id)?.expiresAt !== undefined) accepted(this.approve(id));
    return this.carryOut();
  }

  pending(kind: Act["kind"], level: Level, numbers: readonly number[] = [1]): string {
    const id = `act-${++this.#acts}`;
    this.facts({ type: "act", id, act: { kind, numbers, level, reason: "story" } });
    return id;
  }

  approve(id: string, actor = "bob", digest = "d"): Decision {
    return this.ask({ type: "approve", id, actor, digest, expectedDigest: "d" }, actor);
  }

  carryOut(): readonly Fact[] {
    return openWork(this.view).flatMap((work) => this.facts(work));
  }
}

/** @throws Error with the words of the refusal. */
function accepted(decision: Decision): readonly Fact[] {
  if (!decision.accepted) throw new Error(decision.refusal.text);
  return decision.facts;
}

const birth = (number: number, hardwareId = `hw-${number}`, key = `key-${hardwareId}`): ImportRequest => {
  const papers = { record: "", voucher: "", idevid: "" };
  const about = { number, hardwareId, model: "camera", index: number - 1 };
  return { type: "import", birth: { ...about, key: { algorithm: "ES256", bytes: key }, ...papers } };
};

/** Devices 1 to `count` are imported. */
function fleetOf(count: number, policy: Partial<FleetPolicy> = {}): Registry {
  const registry = new Registry(policy);
  for (let number = 1; number <= count; number++) registry.facts(birth(number));
  return registry;
}

const certify = (via: CertifyRequest["via"], change: Partial<CertifyRequest> = {}): CertifyRequest => ({
  type: "certify",
  via,
  number: 1,
  nonce: "nonce",
  newKey: { algorithm: "ES256", bytes: "new-key" },
  ...(via === "enroll" && { birth: birth(1).birth }),
  ...change,
});
const held: HeldFact = {
  authority: 1,
  ledger: [1, 0],
  directive: [1, 1],
  release: NO_VERSION,
  level: "none",
};
const sync = (change: Partial<SyncFacts> = {}): SyncFacts => ({
  type: "sync",
  time: 0,
  number: 1,
  nonce: "nonce",
  key: "key",
  held,
  alarms: [],
  ...change,
});
const range = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const codeOf = (decision: Decision) => (decision.accepted ? "accepted" : decision.refusal.code);
const types = (facts: readonly Fact[]) => facts.map(({ type }) => type);

function only<T extends Fact["type"]>(type: T, facts: readonly Fact[]): FactOf<T> {
  const found = facts.filter((fact): fact is FactOf<T> => fact.type === type);
  if (found.length > 1) throw new Error(`${found.length} of ${type}`);
  return must(found[0]);
}

describe("who may act alone", () => {
  const alone: readonly (readonly [Act["kind"], Level, number])[] = [
    ["hold", "observe", 1],
    ["hold", "restrict", 1],
    ["hold", "isolate", DEFAULT_POLICY.massActDevices],
  ];
  const together: readonly (readonly [Act["kind"], Level, number])[] = [
    ["hold", "revoked", 1],
    ["hold", "observe", DEFAULT_POLICY.massActDevices + 1],
    ["release", "none", 1],
    ["release", "observe", 1],
    ["release", "restrict", 1],
    ["release", "isolate", 1],
  ];
  test.each(alone)("%s at %s of %i: in force at once", (kind, level, count) => {
    const registry = fleetOf(count);
    registry.pending(kind, level, range(count));
    expect(registry.carryOut()).toHaveLength(count);
  });
  test.each(together)("P13: %s at %s of %i: waits for a second person", (kind, level, count) => {
    const registry = fleetOf(count);
    const id = registry.pending(kind, level, range(count));
    expect(registry.view.acts.get(id)?.expiresAt).toBe(FOUNDED + DEFAULT_POLICY.approvalSeconds);
    expect(registry.carryOut()).toEqual([]);
    expect(codeOf(registry.approve(id))).toBe("accepted");
    expect(registry.carryOut()).toHaveLength(count);
    expect(registry.carryOut()).toEqual([]);
  });
});

describe("an approval is refused", () => {
  const wait = (registry: Registry, seconds: number) => void (registry.now += seconds);
  const rows: readonly (readonly [string, (registry: Registry, id: string) => Decision, string])[] = [
    ["to the one who asked", (registry, id) => registry.approve(id, "ann"), "denied"],
    ["for another set of devices", (registry, id) => registry.approve(id, "bob", "other"), "conflict"],
    ["for a request that nobody made", (registry) => registry.approve("none"), "not-found"],
    [
      "the second time",
      (registry, id) => {
        expect(codeOf(registry.approve(id))).toBe("accepted");
        return registry.approve(id, "eve");
      },
      "conflict",
    ],
    [
      "after its last second",
      (registry, id) => {
        wait(registry, registry.policy.approvalSeconds + 1);
        return registry.approve(id);
      },
      "conflict",
    ],
    ["for what needs none", (registry) => registry.approve(registry.pending("hold", "isolate")), "conflict"],
  ];
  test.each(rows)("%s", (_, approve, code) => {
    const registry = fleetOf(1);
    const id = registry.pending("release", "none");
    expect(codeOf(approve(registry, id))).toBe(code);
  });
  test("not in its last second", () => {
    const registry = fleetOf(1);
    const id = registry.pending("release", "none");
    wait(registry, registry.policy.approvalSeconds);
    expect(codeOf(registry.approve(id))).toBe("accepted");
  });
});

describe("an act is refused, whole", () => {
  const good = { kind: "hold", numbers: [1, 2], level: "isolate", reason: "stolen" } as const;
  const rows: readonly (readonly [string, Partial<Act>, string])[] = [
    ["on an unknown device", { numbers: [1, 4711] }, "not-found"],
    ["on no device", { numbers: [] }, "bad-request"],
    ["on one device twice", { numbers: [1, 2, 1] }, "bad-request"],
    ["on a revoked device", { numbers: [1, 3] }, "conflict"],
    ["on a revoked device, to free it", { kind: "release", level: "none", numbers: [3] }, "conflict"],
    ["without a reason", { reason: "" }, "bad-request"],
    ["with a blank reason", { reason: " \t\n" }, "bad-request"],
    ["with a reason over the bound", { reason: "x".repeat(MAX_REASON_BYTES + 1) }, "bad-request"],
    [
      "with a reason over the bound in UTF-8",
      { reason: "é".repeat(MAX_REASON_BYTES / 2 + 1) },
      "bad-request",
    ],
    ["to hold at none", { level: "none" }, "bad-request"],
    ["to release at revoked", { kind: "release", level: "revoked" }, "bad-request"],
  ];
  test.each(rows)("%s", (_, change, code) => {
    const registry = fleetOf(3);
    registry.act("hold", "revoked", [3]);
    const before = structuredClone(registry.view);
    expect(codeOf(registry.ask({ type: "act", id: "a", act: { ...good, ...change } }))).toBe(code);
    expect(registry.view).toEqual(before);
    expect(codeOf(registry.ask({ type: "act", id: "a", act: good }))).toBe("accepted");
  });
  test("with a reason of just the bound it is not", () => {
    const act = { ...good, reason: "é".repeat(MAX_REASON_BYTES / 2) };
    expect(codeOf(fleetOf(2).ask({ type: "act", id: "a", act }))).toBe("accepted");
  });
  test("P11: on more devices than the bound", () => {
    const registry = new Registry();
    const devices = new Map(range(MAX_ACT_DEVICES + 1).map((number) => [number, {} as DeviceView]));
    registry.view = { ...registry.view, devices };
    const ask = (count: number) =>
      registry.ask({ type: "act", id: `${count}`, act: { ...good, numbers: range(count) } });
    expect(codeOf(ask(MAX_ACT_DEVICES + 1))).toBe("bad-request");
    expect(codeOf(ask(MAX_ACT_DEVICES))).toBe("accepted");
  });
  test("under an id that was used before", () => {
    const registry = fleetOf(2);
    const ask = () => codeOf(registry.ask({ type: "act", id: "a", act: good }));
    expect([ask(), ask()]).toEqual(["accepted", "bad-request"]);
  });
});

describe("P4: work on an act is refused", () => {
  const work = (registry: Registry, id: string) => codeOf(registry.ask({ type: "follow-up", id, number: 1 }));
  test("that was done already", () => {
    const registry = fleetOf(1);
    const id = registry.pending("hold", "isolate");
    expect([work(registry, id), work(registry, id)]).toEqual(["accepted", "conflict"]);
  });
  test("before it was approved", () => {
    const registry = fleetOf(1);
    expect(work(registry, registry.pending("release", "none"))).toBe("conflict");
  });
  test("that nobody asked for", () => {
    expect(work(fleetOf(1), "none")).toBe("conflict");
  });
});

describe("revoked is final", () => {
  test("P13: a release that was asked for before the revocation cannot be approved after it", () => {
    const registry = fleetOf(1);
    registry.act("hold", "isolate");
    const release = registry.pending("release", "none");
    registry.act("hold", "revoked");
    expect(codeOf(registry.approve(release))).toBe("conflict");
    expect(registry.device().level).toBe("revoked");
  });

  test("P13: in force together, revocation and release leave the device revoked, in both orders", () => {
    for (const order of [
      ["hold", "release"],
      ["release", "hold"],
    ] as const) {
      const registry = fleetOf(1);
      const ids = order.map((kind) => registry.pending(kind, kind === "hold" ? "revoked" : "none"));
      for (const id of ids) registry.approve(id);
      expect(registry.carryOut()).toHaveLength(2);
      expect(registry.carryOut()).toEqual([]);
      expect(registry.device().level).toBe("revoked");
    }
  });
});

describe("documents of one device", () => {
  test("P3: directives and releases share one counter", () => {
    const registry = fleetOf(1);
    const acts: readonly (readonly [Act["kind"], Level])[] = [
      ["hold", "restrict"],
      ["release", "none"],
      ["release", "observe"],
      ["hold", "isolate"],
      ["hold", "observe"],
      ["release", "none"],
      ["hold", "revoked"],
    ];
    const versions = acts.map(([kind, level]) => {
      const [fact] = registry.act(kind, level);
      return fact && "version" in fact ? fact.version : undefined;
    });
    expect(versions).toEqual(acts.map((_, i) => [1, i + 2])); // directive 1 came with the import
  });

  test("P3: a new term counts from 1, above all of the term before", () => {
    const registry = fleetOf(1);
    registry.act("hold", "restrict");
    const before = registry.device().directive?.version ?? NO_VERSION;
    registry.terms = { ...registry.terms, directive: 2 };
    const { version } = only("release-issued", registry.act("release", "none"));
    expect(version).toEqual([2, 1]);
    expect(compareVersions(version, before)).toBeGreaterThan(0);
    expect(registry.device().level).toBe("none");
  });

  const directive = (registry: Registry, level: HoldLevel) =>
    only("directive-issued", registry.act("hold", level)).level;
  test("P13: a directive says the highest level since the last release, and never lowers", () => {
    const registry = fleetOf(1);
    expect(directive(registry, "observe")).toBe("observe");
    expect(directive(registry, "isolate")).toBe("isolate");
    expect(directive(registry, "restrict")).toBe("isolate");
    expect(registry.device().level).toBe("isolate");
    registry.act("release", "observe");
    expect(registry.device().level).toBe("observe");
    expect(directive(registry, "restrict")).toBe("restrict");
  });

  test("P13: a hold below what a release left does not lower it", () => {
    const registry = fleetOf(1);
    registry.act("release", "restrict");
    registry.act("hold", "observe");
    expect(registry.device().level).toBe("restrict");
  });
});

describe("alarms", () => {
  const rows: readonly (readonly [readonly string[], HoldLevel])[] = [
    [["rollback"], "isolate"],
    [["tamper"], "isolate"],
    [["fork"], "isolate"],
    [["unreadable"], "restrict"],
    [["unreadable", "rollback"], "isolate"],
    [["of a later version"], "isolate"],
  ];
  test.each(rows)("%s latch into one directive at %s, and the lease demands it", (kinds, level) => {
    const registry = fleetOf(1);
    const alarms = kinds.map((kind, i) => ({ id: i + 1, kind }));
    const facts = registry.facts(sync({ alarms }));
    const { version, level: asked } = only("directive-issued", facts);
    expect(asked).toBe(level);
    expect(registry.device().level).toBe(level);
    expect(types(facts)).toEqual([...kinds.map(() => "alarm-reported"), "directive-issued", "lease-issued"]);
    expect(only("lease-issued", facts).required).toMatchObject({ directive: version, level });
    expect(types(registry.facts(sync({ alarms, nonce: "next" })))).toEqual(["lease-issued"]);
  });

  test("P13: below what stands already, an alarm lowers nothing", () => {
    const registry = fleetOf(1);
    registry.act("hold", "isolate");
    const facts = registry.facts(sync({ alarms: [{ id: 1, kind: "unreadable" }] }));
    expect(only("directive-issued", facts).level).toBe("isolate");
  });

  test("P7: one that is old and one that is new: only the new one latches", () => {
    const registry = fleetOf(1);
    registry.facts(sync({ alarms: [{ id: 1, kind: "tamper" }] }));
    const again = [
      { id: 1, kind: "tamper" },
      { id: 2, kind: "unreadable" },
    ];
    const facts = registry.facts(sync({ alarms: again, nonce: "next" }));
    expect(only("alarm-reported", facts)).toMatchObject({ id: 2 });
    expect(only("directive-issued", facts).level).toBe("isolate");
  });

  test("P7: only a release clears them, by id; a late repeat does not bring them back", () => {
    const registry = fleetOf(1);
    const alarms = [{ id: 7, kind: "tamper" }];
    registry.facts(sync({ alarms }));
    const { clearedAlarms } = only("release-issued", registry.act("release", "none"));
    expect(clearedAlarms).toEqual([7]);
    expect(registry.device()).toMatchObject({ level: "none", alarms: [], lastAlarmId: 7 });
    expect(types(registry.facts(sync({ alarms, nonce: "next" })))).toEqual(["lease-issued"]);
    expect(registry.device().level).toBe("none");
  });

  test("P9: sixteen at once make a reason that still fits into a directive", () => {
    const alarms = range(16).map((id) => ({ id, kind: "unreadable" }));
    const { reason } = only("directive-issued", fleetOf(1).facts(sync({ alarms })));
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(MAX_REASON_BYTES);
  });
});

describe("a sync", () => {
  test("the same again while nothing changed is answered from the view", () => {
    const registry = fleetOf(1);
    expect(types(registry.facts(sync()))).toEqual(["lease-issued"]);
    expect(registry.facts(sync())).toEqual([]);
    expect(types(registry.facts(sync({ nonce: "next" })))).toEqual(["lease-issued"]);
  });

  test("P2: the same nonce after the standing changed gets a lease over what stands now", () => {
    const registry = fleetOf(1);
    registry.facts(sync());
    registry.act("hold", "restrict");
    const { required } = only("lease-issued", registry.facts(sync()));
    expect(required).toMatchObject({ directive: registry.device().directive?.version, level: "restrict" });
    registry.act("release", "none");
    const freed = only("lease-issued", registry.facts(sync())).required;
    expect(freed).toMatchObject({ release: registry.device().release?.version, level: "none" });
  });

  test("P9: the same nonce after the lease ended gets one that is good", () => {
    const registry = fleetOf(1);
    const { goodUntil } = only("lease-issued", registry.facts(sync()));
    registry.now = goodUntil;
    expect(registry.facts(sync())).toEqual([]);
    registry.now = goodUntil + 1;
    expect(only("lease-issued", registry.facts(sync())).goodUntil).toBe(registry.now + 7 * DAY);
  });

  test("P3: the lease demands all that the fleet has decided until now", () => {
    const registry = fleetOf(1);
    registry.act("hold", "isolate");
    registry.act("release", "observe");
    registry.facts({ type: "issue-beacon", digest: "digest" });
    const { directive, release } = registry.device();
    const { required } = only("lease-issued", registry.facts(sync()));
    expect(required).toEqual({
      authority: 1,
      ledger: [1, 2],
      directive: directive?.version,
      release: release?.version,
      level: "observe",
    });
  });

  test("P9: of a revoked device is accepted, and nothing is issued or recorded, alarms neither", () => {
    const registry = fleetOf(1);
    registry.act("hold", "revoked");
    for (const nonce of ["a", "b", "a"]) {
      expect(registry.facts(sync({ nonce, alarms: [{ id: 1, kind: "tamper" }] }))).toEqual([]);
    }
  });

  test("of a number that nobody has is denied", () => {
    expect(codeOf(fleetOf(1).ask(sync({ number: 2 })))).toBe("denied");
  });
});

describe("a receipt", () => {
  const receipt = (registry: Registry, counter: number) =>
    registry.facts({ type: "receipt", number: 1, counter, held: { ...held, directive: [1, counter] } });
  test("P3: counts only when its counter is above all before", () => {
    const registry = fleetOf(1);
    expect([2, 2, 1, 0, 3].map((counter) => receipt(registry, counter).length)).toEqual([1, 0, 0, 0, 1]);
    expect(registry.device()).toMatchObject({ receiptCounter: 3, held: { directive: [1, 3] } });
  });
  test("of a number that nobody has is denied", () => {
    const request = { type: "receipt", number: 2, counter: 1, held } as const;
    expect(codeOf(fleetOf(1).ask(request))).toBe("denied");
  });
});

describe("the denied set", () => {
  test("P3: each change of its content is one epoch, and nothing else is", () => {
    const registry = fleetOf(2);
    const epochs: number[] = [];
    const step = (kind: Act["kind"], level: Level, numbers: readonly number[] = [1]) => {
      registry.act(kind, level, numbers);
      epochs.push(registry.view.epoch);
    };
    step("hold", "restrict");
    step("hold", "isolate");
    step("hold", "isolate");
    step("release", "isolate");
    step("release", "restrict");
    step("hold", "isolate", [1, 2]);
    step("hold", "revoked", [2]);
    step("release", "none", [1]);
    expect(epochs).toEqual([0, 1, 1, 1, 2, 4, 4, 5]);
    expect([...registry.view.denied]).toEqual([2]);
  });

  test("an alarm that isolates is one too", () => {
    const registry = fleetOf(1);
    registry.facts(sync({ alarms: [{ id: 1, kind: "rollback" }] }));
    expect([registry.view.epoch, [...registry.view.denied]]).toEqual([1, [1]]);
  });
});

describe("birth and rebirth", () => {
  test("the same record again changes nothing; another device under the number is refused", () => {
    const registry = fleetOf(1);
    expect(registry.facts(birth(1))).toEqual([]);
    expect(codeOf(registry.ask(birth(1, "hw-other")))).toBe("conflict");
    expect(codeOf(registry.ask(birth(1, "hw-1", "other-key")))).toBe("conflict");
  });

  const levels: readonly Level[] = ["none", "observe", "restrict", "isolate", "revoked"];
  test.each(levels)("P7: a second birth of hardware at %s stands there too", (level) => {
    const registry = fleetOf(1);
    if (level !== "none") registry.act("hold", level);
    registry.facts(birth(2, "hw-1"));
    expect(registry.device(2).level).toBe(level);
    expect(registry.view.denied.has(2)).toBe(level === "isolate" || level === "revoked");
  });

  test("P7: a third birth stands as high as the highest before it", () => {
    const registry = fleetOf(1);
    registry.facts(birth(2, "hw-1"));
    registry.act("hold", "isolate", [1]);
    registry.act("hold", "observe", [2]);
    registry.facts(birth(3, "hw-1"));
    expect(registry.device(3).level).toBe("isolate");
  });

  test.each(levels)("P7: a birth that nobody imported inherits %s from its hardware", (level) => {
    const registry = fleetOf(1, { unknownDevices: "accept" });
    if (level !== "none") registry.act("hold", level);
    const reborn = certify("enroll", { number: 2, birth: birth(2, "hw-1").birth });
    const facts = registry.facts(reborn);
    const issued = level === "none" || level === "observe";
    expect(types(facts).includes("certificate-issued")).toBe(issued);
    expect(registry.device(2).level).toBe(level);
  });

  test("a birth that nobody imported waits, if the policy says so", () => {
    const registry = new Registry({ unknownDevices: "wait" });
    const decision = registry.ask(certify("enroll"));
    expect(decision).toMatchObject({ accepted: false, refusal: { code: "pending-import" } });
    expect(decision).toHaveProperty("refusal.retryAfterSeconds");
    expect(registry.view.devices.size).toBe(0);
    expect(codeOf(registry.ask(certify("return")))).toBe("denied");
  });
});

describe("an LDevID", () => {
  test("is for the dates of the policy, begun a little before", () => {
    const { notBefore, notAfter } = only("certificate-issued", fleetOf(1).facts(certify("enroll")));
    expect([notBefore, notAfter]).toEqual([FOUNDED - 300, FOUNDED + 30 * DAY]);
  });

  const ways = ["enroll", "renew", "return"] as const;
  const rows = ways.flatMap((via) =>
    (
      [
        ["observe", "accepted"],
        ["restrict", "held"],
        ["isolate", "held"],
        ["revoked", "revoked"],
      ] as const
    ).map(([level, code]) => [via, level, code] as const),
  );
  test.each(rows)("P7: to %s at %s: %s", (via, level, code) => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll", { nonce: "first" }));
    registry.act("hold", level);
    expect(codeOf(registry.ask(certify(via)))).toBe(code);
  });

  test.each(ways)(
    "P4: to %s again with the same nonce and key issues none while the first is in date",
    (via) => {
      const registry = fleetOf(1);
      if (via !== "enroll") registry.facts(certify("enroll", { nonce: "first" }));
      expect(types(registry.facts(certify(via)))).toEqual(["certificate-issued"]);
      expect(registry.facts(certify(via))).toEqual([]);
      registry.now += 30 * DAY;
      expect(registry.facts(certify(via))).toEqual([]);
    },
  );

  test.each(ways)("P9: to %s again after the one that was issued ended gets one in date", (via) => {
    const registry = fleetOf(1);
    if (via !== "enroll") registry.facts(certify("enroll", { nonce: "first" }));
    registry.facts(certify(via));
    registry.now += 30 * DAY + 1;
    expect(only("certificate-issued", registry.facts(certify(via))).notAfter).toBe(registry.now + 30 * DAY);
  });

  test("a retry with another key is another request", () => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll"));
    const newKey = { algorithm: "ES256", bytes: "other-key" } as const;
    expect(only("certificate-issued", registry.facts(certify("enroll", { newKey }))).key).toEqual(newKey);
  });

  const mismatches: readonly (readonly [string, ImportRequest])[] = [
    ["other hardware", birth(1, "hw-2", "key-hw-1")],
    ["another key", birth(1, "hw-1", "key-hw-2")],
  ];
  test.each(mismatches)("P7: is not for a birth of %s than was imported", (_, { birth: claimed }) => {
    expect(codeOf(fleetOf(1).ask(certify("enroll", { birth: claimed })))).toBe("denied");
  });

  test.each(["renew", "return"] as const)("to %s, a device has to be enrolled first", (via) => {
    expect(codeOf(fleetOf(1).ask(certify(via)))).toBe("denied");
  });
});
