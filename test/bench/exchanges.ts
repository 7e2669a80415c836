/** What whole exchanges weigh, up and down: a sync on an ordinary day, and after the longest absences. */
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { AuthorityReply, AuthorityRequest } from "../../protocol/authority-links.js";
import { Beacon } from "../../protocol/beacon.js";
import { Directive } from "../../protocol/directive.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { encodeFrame } from "../../protocol/frame.js";
import { changeBetween } from "../../protocol/ledger/change.js";
import { contentCount, contentDigest, encodeContent } from "../../protocol/ledger/content.js";
import type { LedgerPart } from "../../protocol/ledger-part.js";
import { Lease } from "../../protocol/lease.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt, SyncReply, SyncRequest } from "../../protocol/sync.js";
import type { HeldVector } from "../../protocol/vector.js";
import { NO_VERSION } from "../../protocol/version.js";
import { table } from "../docs/markdown.js";
import { chance, randomNumbers } from "../protocol/ledger/sets.js";
import { longChain } from "../protocol/rotation.js";
import { filled, NOW } from "../vectors/examples.js";
import { testFleet, testSigner } from "../x509/helpers.js";

/** Bytes in each direction, and of the part of them that is ledger data. */
export interface Exchange {
  readonly what: string;
  readonly up: number;
  readonly down: number;
  readonly ledger: number;
}

const FLEET_SIZE = 1_000_000;
/** Denied 400 days ago, freed since, denied since: 1 % of the fleet today. */
const [THEN, FREED, ADDED] = [5_000, 500, 5_500];
const SEED = 400;
const fleet = testFleet("ES256", nobleCrypto);
const signer = testSigner("ES256", "any role", nobleCrypto);
const seal = <T>(message: Message<T>, value: T) =>
  sealEnvelope(message, value, signer, fleet.fleetId, nobleCrypto);
const [subject, nonce, hash] = [FLEET_SIZE, filled("nonce", 16), filled("hash", 8)];

export function exchanges(): readonly Exchange[] {
  return [nothingNew(), oneDelta(), longDark(), twelveLinks()];
}

export function exchangeTable(all: readonly Exchange[]): string {
  const rows = all.map(({ what, up, down, ledger }) => [what, up, down, ledger].map(String));
  return table(["Exchange", "Up", "Down", "Of it ledger"], rows, [1, 2, 3]);
}

function nothingNew(): Exchange {
  return exchange("nothing new", 100, [], undefined);
}

function oneDelta(): Exchange {
  const before = setOf(chance(SEED), THEN);
  const after = { ...before, denied: before.denied.toSpliced(100, 1) };
  return exchange(
    "one device freed: a delta",
    100,
    [beaconOf(101, after)],
    smallest(100, 101, before, after),
  );
}

function longDark(): Exchange {
  const random = chance(SEED);
  const before = setOf(random, THEN);
  const kept = before.denied.filter((_, i) => i % (THEN / FREED) !== 0);
  const added = new Set([...kept, ...randomNumbers(ADDED * 2, FLEET_SIZE, random)]);
  const denied = [...added].slice(0, THEN - FREED + ADDED).sort((a, b) => a - b);
  const after = { denied, generations: before.generations };
  const version = [1, 9] as const;
  const directive = {
    subject,
    version,
    level: "none" as const,
    reason: "found again",
    lowestGeneration: 1,
    issuedAt: NOW,
  };
  const documents = [
    beaconOf(10_000, after),
    seal(Directive, directive),
    seal(Release, { subject, version: [1, 8], level: "none", issuedAt: NOW }),
  ];
  return exchange(
    "400 days dark, 1 % of 1,000,000 denied",
    4_000,
    documents,
    smallest(4_000, 10_000, before, after),
  );
}

function twelveLinks(): Exchange {
  const { links } = longChain(12);
  return {
    what: "12 links of the chain of Authorities",
    up: encodeFrame(AuthorityRequest, { version: 1, maxReplyBytes: 65_536 }).length,
    down: encodeFrame(AuthorityReply, { newest: 13, links }).length,
    ledger: 0,
  };
}

/** A sync and its receipt. */
function exchange(
  what: string,
  epoch: number,
  documents: readonly Uint8Array[],
  ledger: LedgerPart | undefined,
): Exchange {
  const version = [1, 7] as const;
  const holds: HeldVector = {
    authority: { version: 1, hash },
    ledger: { version: [1, epoch], hash },
    directive: { version, hash },
    level: "none",
  };
  const health = { uptimeSeconds: 86_400, heldBack: 0 };
  const token = { n: 100, after: 99, seal: hash };
  const asked = { subject, nonce, holds, maxReplyBytes: 65_536, health, time: NOW, token };
  const request = seal(SyncRequest, asked);
  const receipt = documents.length > 0 ? seal(Receipt, { subject, counter: 12, holds }).length : 0;
  const lease = seal(Lease, {
    subject,
    nonce,
    time: [1, NOW],
    goodUntil: NOW + 604_800,
    nextSyncSeconds: 86_400,
    required: {
      authority: 1,
      ledger: [1, epoch],
      advisories: NO_VERSION,
      removals: NO_VERSION,
      directive: version,
      release: NO_VERSION,
      level: "none",
    },
    token,
  });
  const reply = encodeFrame(SyncReply, { nonce, lease, documents, ...(ledger && { ledger }) });
  return { what, up: request.length + receipt, down: reply.length, ledger: ledger?.bytes.length ?? 0 };
}

interface LedgerSet {
  readonly denied: readonly number[];
  readonly generations: ReadonlyMap<number, number>;
}

/** And generations raised for a hundredth as many others. */
function setOf(random: ReturnType<typeof chance>, count: number): LedgerSet {
  const denied = randomNumbers(count, FLEET_SIZE, random);
  const replaced = randomNumbers(count / 100, FLEET_SIZE, random);
  return { denied, generations: new Map(replaced.map((number) => [number, 2])) };
}

function beaconOf(epoch: number, set: LedgerSet): Uint8Array {
  const content = encodeContent(set);
  return seal(Beacon, {
    version: [1, epoch],
    denied: contentCount(content),
    digest: contentDigest(content, nodeCrypto),
    authority: 1,
    advisories: NO_VERSION,
    removals: NO_VERSION,
    issuedAt: NOW,
  });
}

/** The delta or the whole, whichever is smaller. */
function smallest(from: number, to: number, before: LedgerSet, after: LedgerSet): LedgerPart {
  const whole = encodeContent(after);
  const change = changeBetween(encodeContent(before), whole);
  const isChange = change.length < whole.length;
  const bytes = isChange ? change : whole;
  const range = { to: [1, to] as const, size: bytes.length, offset: 0, bytes };
  return isChange ? { from: [1, from], ...range } : range;
}
