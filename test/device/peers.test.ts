/** What a device makes of a peer: every cell of the table, and the reasons that it gives. */
import { describe, expect, test } from "vitest";
import type { ProvenLedger } from "../../device/ledger.js";
import { peerVerdict, type PeerJudge, type PeerPapers, type PeerRule } from "../../device/peers.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Authority, type Trust } from "../../protocol/authority.js";
import { Beacon } from "../../protocol/beacon.js";
import type { Signer } from "../../protocol/crypto.js";
import { type Opened, sealEnvelope } from "../../protocol/envelope.js";
import { contentCount, contentDigest, encodeContent } from "../../protocol/ledger/content.js";
import { Lease } from "../../protocol/lease.js";
import type { Level } from "../../protocol/level.js";
import type { Message } from "../../protocol/schema.js";
import { NO_VERSION } from "../../protocol/version.js";
import { DAY, NOW, testFleet, testSigner } from "../x509/helpers.js";

const TERM = 2;
const PEER = 4711;
const DENIED = 4712;

const fleet = testFleet("ES256");
const foreign = testFleet("ES256", nodeCrypto, "other fleet");
const leaseKey = testSigner("ES256", "lease");

const opened = <T>(message: Message<T>, value: T): Opened<T> => {
  const bytes = message.encode(value);
  return { value, bytes, hash: nodeCrypto.sha256(bytes).slice(0, 8), signers: [] };
};
const trust: Trust = {
  fleetId: fleet.fleetId,
  certificates: fleet.trust,
  authority: opened(Authority, {
    version: 1,
    name: "fleet",
    roles: [{ role: "lease", threshold: 1, keys: [leaseKey.publicKey] }],
    terms: { directive: TERM, advisory: TERM, ledger: TERM, time: TERM, timeBase: 0 },
    anchors: fleet.trust.roots,
    issuers: fleet.trust.issuers,
    freshness: [],
  }),
};

/** Generation 2 is the lowest of the peer's that counts. */
const content = encodeContent({ denied: [7, DENIED], generations: new Map([[PEER, 2]]) });
function ledgerOf(issuedAt: number, term = TERM) {
  const denied = contentCount(content);
  const digest = contentDigest(content, nodeCrypto);
  const others = { authority: 1, advisories: NO_VERSION, removals: NO_VERSION };
  return { content, beacon: opened(Beacon, { version: [term, 9], denied, digest, issuedAt, ...others }) };
}

const ldevid = (number: number, generation: number, dates = {}, of = fleet) => [
  of.member(
    `${number}/${generation}`,
    { profile: "ldevid", ...of.holder(number, generation) },
    of.deviceCa,
    dates,
  ).certificate,
];

interface LeaseOptions {
  readonly level?: Level;
  readonly subject?: number;
  readonly issued?: number;
  readonly until?: number;
  readonly term?: number;
  readonly by?: Signer;
}
function leaseOf(options: LeaseOptions = {}): Uint8Array {
  const { level = "none", subject = PEER, issued = NOW - 60, until = NOW + DAY, term = TERM } = options;
  const [ledger, advisories, removals, directive, release] = Array.from({ length: 5 }, () => NO_VERSION);
  const required = { authority: 1, ledger, advisories, removals, directive, release, level } as const;
  const value = { subject, nonce: new Uint8Array(16), goodUntil: until, nextSyncSeconds: 60 };
  return sealEnvelope(
    Lease,
    { ...value, time: [term, issued], required: required as Lease["required"] },
    options.by ?? leaseKey,
    fleet.fleetId,
    nodeCrypto,
  );
}

/** What an entry of the table says of a peer. */
type Says = "no-name" | "denied" | "unknown" | "stale" | "fine";

const LEDGERS: Record<string, { readonly ledger?: ProvenLedger; readonly says: Says }> = {
  fresh: { ledger: ledgerOf(NOW - 60), says: "fine" },
  "newer than our time": { ledger: ledgerOf(NOW + 60), says: "fine" },
  old: { ledger: ledgerOf(NOW - 2 * DAY), says: "stale" },
  "of an earlier term": { ledger: ledgerOf(NOW - 60, TERM - 1), says: "stale" },
  none: { says: "unknown" },
};

const forged = fleet.member("forged", { profile: "ldevid", ...fleet.holder(PEER, 2) }, foreign.deviceCa);
const CURRENT = ldevid(PEER, 2);
const EXPIRED = ldevid(PEER, 2, { notAfterSeconds: NOW - 1 });
const FUTURE = ldevid(PEER, 2, { notBeforeSeconds: NOW + 1 });
const OLD_KEYS = ldevid(PEER, 1);
const NUMBER_DENIED = ldevid(DENIED, 9);
const FOREIGN = ldevid(PEER, 2, {}, foreign);

/** `number`: whose lease is shown beside it. "denied" is said by the ledger, so not where there is none. */
const CERTIFICATES: Record<string, { readonly chain: Uint8Array[]; number?: number; says: Says }> = {
  current: { chain: CURRENT, says: "fine" },
  "with its CA": { chain: [...CURRENT, fleet.deviceCa.certificate], says: "fine" },
  expired: { chain: EXPIRED, says: "stale" },
  future: { chain: FUTURE, says: "stale" },
  "of an old generation": { chain: OLD_KEYS, says: "denied" },
  denied: { chain: NUMBER_DENIED, number: DENIED, says: "denied" },
  "denied, expired": {
    chain: ldevid(DENIED, 9, { notAfterSeconds: NOW - 1 }),
    number: DENIED,
    says: "denied",
  },
  "of another fleet": { chain: FOREIGN, says: "no-name" },
  "of a forger": { chain: [forged.certificate], says: "no-name" },
  "of the factory": { chain: fleet.chains.idevid, says: "no-name" },
  "of a gateway": { chain: fleet.chains.gateway, says: "no-name" },
  none: { chain: [], says: "no-name" },
};

/** Actions without their `whenStale`. */
const ACTIONS = {
  telemetry: { maxLedgerAgeSeconds: DAY },
  command: { maxLedgerAgeSeconds: DAY, maxLeaseAgeSeconds: DAY },
  firmware: { maxLedgerAgeSeconds: DAY, below: "restrict" },
} as const satisfies Record<string, Omit<PeerRule, "whenStale">>;
type Action = keyof typeof ACTIONS;

const forger = testSigner("ES256", "forger");
const LEASES: Record<string, { lease?: LeaseOptions | "garbage" } & Record<Action, Says>> = {
  none: { telemetry: "fine", command: "stale", firmware: "stale" },
  current: { lease: {}, telemetry: "fine", command: "fine", firmware: "fine" },
  "newer than our time": {
    lease: { issued: NOW + 60 },
    telemetry: "fine",
    command: "fine",
    firmware: "fine",
  },
  old: { lease: { issued: NOW - 2 * DAY }, telemetry: "fine", command: "stale", firmware: "fine" },
  ended: { lease: { until: NOW - 1 }, telemetry: "fine", command: "stale", firmware: "stale" },
  "of an earlier term of time": {
    lease: { term: TERM - 1 },
    telemetry: "fine",
    command: "stale",
    firmware: "stale",
  },
  "of another peer": { lease: { subject: 1 }, telemetry: "fine", command: "stale", firmware: "stale" },
  "of another peer, isolated": {
    lease: { subject: 1, level: "isolate" },
    telemetry: "fine",
    command: "stale",
    firmware: "stale",
  },
  forged: { lease: { by: forger }, telemetry: "fine", command: "stale", firmware: "stale" },
  "forged, isolated": {
    lease: { by: forger, level: "isolate" },
    telemetry: "fine",
    command: "stale",
    firmware: "stale",
  },
  garbage: { lease: "garbage", telemetry: "fine", command: "stale", firmware: "stale" },
  observed: { lease: { level: "observe" }, telemetry: "fine", command: "fine", firmware: "fine" },
  restricted: { lease: { level: "restrict" }, telemetry: "fine", command: "fine", firmware: "denied" },
  isolated: { lease: { level: "isolate" }, telemetry: "denied", command: "denied", firmware: "denied" },
  "isolated, ended": {
    lease: { level: "isolate", until: NOW - 1 },
    telemetry: "denied",
    command: "denied",
    firmware: "denied",
  },
  revoked: { lease: { level: "revoked" }, telemetry: "denied", command: "denied", firmware: "denied" },
};

/** Our time, and what it says. */
const TIMES: Record<string, { readonly now: number; readonly says: Says }> = {
  known: { now: NOW, says: "fine" },
  unknown: { now: 0, says: "stale" },
};

const cells = Object.keys(LEDGERS).flatMap((ledger) =>
  Object.keys(CERTIFICATES).flatMap((certificate) =>
    (Object.keys(ACTIONS) as Action[]).flatMap((action) =>
      (["open", "closed"] as const).flatMap((whenStale) =>
        Object.keys(TIMES).map((time) => ({ ledger, certificate, action, whenStale, time })),
      ),
    ),
  ),
);
type Cell = (typeof cells)[number] & { readonly lease: string };

/** Sealed once: the same for the whole table. */
const envelopes = new Map<string, Uint8Array>();
function envelopeFor(lease: string, number: number): Uint8Array | undefined {
  const options = LEASES[lease]!.lease;
  if (!options || options === "garbage") return options && Uint8Array.of(1, 2, 3);
  const key = `${lease} ${number}`;
  const envelope = envelopes.get(key) ?? leaseOf({ subject: number, ...options });
  envelopes.set(key, envelope);
  return envelope;
}

function judge({ ledger: held, certificate, lease: shown, action, whenStale, time }: Cell) {
  const { chain, number = PEER } = CERTIFICATES[certificate]!;
  const { ledger } = LEDGERS[held]!;
  const lease = envelopeFor(shown, number);
  const policy = { [action]: { ...ACTIONS[action], whenStale } };
  const by = { trust, ...(ledger && { ledger }), nowSeconds: TIMES[time]!.now, policy, crypto: nodeCrypto };
  return peerVerdict({ chain, ...(lease && { lease }) }, action, by);
}

/** The table read by its rule: who has no name is unknown; then the first of the three that anything says. */
function expected({ ledger, certificate, lease, action, whenStale, time }: Cell): string {
  const named = CERTIFICATES[certificate]!.says;
  const said = new Set([LEDGERS[ledger]!.says, LEASES[lease]![action], TIMES[time]!.says]);
  if (named === "no-name") return "unknown";
  if (!(named === "denied" && ledger === "none")) said.add(named);
  if (said.has("denied")) return "denied";
  if (said.has("unknown")) return "unknown";
  if (!said.has("stale")) return "trusted, in-order";
  return whenStale === "open" ? "trusted, stale-accepted" : "stale";
}

test.each(Object.keys(LEASES))(`${cells.length} cells with a lease: %s`, (lease) => {
  const wrong = cells.flatMap((cell) => {
    const { verdict, reason } = judge({ ...cell, lease });
    const got = verdict === "trusted" ? `${verdict}, ${reason}` : verdict;
    const want = expected({ ...cell, lease });
    return got === want ? [] : [{ ...cell, got, want }];
  });
  expect(wrong).toEqual([]);
});

test("P5: denied is denied without any time, and whatever the rule lets pass", () => {
  const denied = cells.filter(
    ({ ledger, certificate }) => ledger !== "none" && CERTIFICATES[certificate]!.says === "denied",
  );
  expect(new Set(denied.map(({ time, whenStale }) => `${time} ${whenStale}`)).size).toBe(4);
  for (const cell of denied) expect(judge({ ...cell, lease: "current" }).verdict).toBe("denied");
});

describe("reasons", () => {
  const papers: PeerPapers = { chain: CURRENT, lease: leaseOf() };
  const strict = { ...ACTIONS.command, below: "restrict", whenStale: "closed" } as const;
  const by: PeerJudge = {
    trust,
    ledger: ledgerOf(NOW - 60),
    nowSeconds: NOW,
    policy: { act: strict },
    crypto: nodeCrypto,
  };
  const { ledger: _none, ...blind } = by;
  const about = { number: PEER, generation: 2 };
  const showing = (options: LeaseOptions) => ({ ...papers, lease: leaseOf(options) });

  test.each<[string, PeerPapers, PeerJudge, object]>([
    ["all in order", papers, by, { verdict: "trusted", reason: "in-order", ...about, level: "none" }],
    [
      "a number that is denied",
      { chain: NUMBER_DENIED },
      by,
      { verdict: "denied", reason: "number-denied", number: DENIED, generation: 9 },
    ],
    [
      "keys that were replaced",
      { chain: OLD_KEYS },
      by,
      { verdict: "denied", reason: "generation-denied", number: PEER, generation: 1 },
    ],
    [
      "a lease that shows isolation",
      showing({ level: "isolate" }),
      by,
      { verdict: "denied", reason: "level", ...about, level: "isolate" },
    ],
    [
      "the same, with no ledger",
      showing({ level: "isolate" }),
      blind,
      { verdict: "denied", reason: "level", ...about, level: "isolate" },
    ],
    [
      "a lease that shows a restriction, to an action that asks for less",
      showing({ level: "restrict" }),
      by,
      { verdict: "denied", reason: "level", ...about, level: "restrict" },
    ],
    ["a chain that does not verify", { chain: FOREIGN }, by, { verdict: "unknown", reason: "certificate" }],
    [
      "an IDevID",
      { chain: fleet.chains.idevid },
      by,
      { verdict: "unknown", reason: "not-operational", number: PEER },
    ],
    ["no ledger", papers, blind, { verdict: "unknown", reason: "no-ledger", ...about, level: "none" }],
    [
      "an action without a rule",
      papers,
      { ...by, policy: {} },
      { verdict: "unknown", reason: "no-rule", ...about, level: "none" },
    ],
    [
      "a denied number and an action without a rule",
      { chain: NUMBER_DENIED },
      { ...by, policy: {} },
      { verdict: "denied", reason: "number-denied", number: DENIED, generation: 9 },
    ],
    [
      "what is stale, where that is let pass",
      { chain: papers.chain },
      { ...by, policy: { act: { ...strict, whenStale: "open" } } },
      { verdict: "trusted", reason: "stale-accepted", accepted: "lease-missing", ...about },
    ],
  ])("%s", (_, shown, judging, want) => expect(peerVerdict(shown, "act", judging)).toStrictEqual(want));

  test.each<[string, PeerPapers, Partial<PeerJudge>]>([
    ["no-time", papers, { nowSeconds: 0 }],
    ["no-time", papers, { nowSeconds: Number.NaN }],
    ["certificate-expired", { ...papers, chain: EXPIRED }, {}],
    ["certificate-future", { ...papers, chain: FUTURE }, {}],
    ["ledger-term", papers, { ledger: ledgerOf(NOW - 60, TERM - 1) }],
    ["ledger-age", papers, { ledger: ledgerOf(NOW - DAY - 1) }],
    ["lease-missing", { chain: papers.chain }, {}],
    ["lease-missing", showing({ subject: 1 }), {}],
    ["lease-term", showing({ term: TERM + 1 }), {}],
    ["lease-ended", showing({ until: NOW - 1 }), {}],
    ["lease-age", showing({ issued: NOW - DAY - 1 }), {}],
  ])("%s", (reason, shown, change) =>
    expect(peerVerdict(shown, "act", { ...by, ...change })).toMatchObject({ verdict: "stale", reason }),
  );

  test("bounds are the last second that still counts", () => {
    const last = { ...by, ledger: ledgerOf(NOW - DAY) };
    const shown = {
      ...showing({ issued: NOW - DAY, until: NOW }),
      chain: ldevid(PEER, 2, { notAfterSeconds: NOW }),
    };
    expect(peerVerdict(shown, "act", last).verdict).toBe("trusted");
  });

  test("no name that every object has is a rule", () => {
    for (const action of ["constructor", "toString", "__proto__"])
      expect(peerVerdict(papers, action, by)).toMatchObject({ verdict: "unknown", reason: "no-rule" });
  });

  test("a rule without its bounds trusts nobody", () => {
    const policy = { act: { whenStale: "closed" } as PeerRule };
    expect(peerVerdict(papers, "act", { ...by, policy })).toMatchObject({ reason: "ledger-age" });
  });

  test("what is no refusal of bytes is not swallowed", () => {
    const broken = {
      ...nodeCrypto,
      verify: () => {
        throw new TypeError("no such key store");
      },
    };
    expect(() => peerVerdict(papers, "act", { ...by, crypto: broken })).toThrow(TypeError);
  });
});
