/**
 * What a device makes of another one that shows its certificate, and perhaps its lease, with no network:
 * from the ledger it holds and nothing else. Pure.
 *
 * A chain that does not verify, or is no operational one, names nobody, and so is unknown. Of a peer that
 * has a name, the first that is true decides:
 * 1. denied: what is proven against a peer counts at any age and without a clock (P5), so also under an
 *    expired certificate, and for an action that nobody gave a rule.
 * 2. unknown: there is nothing to judge by. It comes before stale, which a rule may let pass: without a
 *    ledger or a proven name, no rule can.
 * 3. stale: nothing is proven against it, but what speaks for it is too old. Here a rule fails open or closed.
 */
import type { Beacon } from "../protocol/beacon.js";
import { openDocument, type Trust } from "../protocol/authority.js";
import type { Crypto } from "../protocol/crypto.js";
import { ProtocolError } from "../protocol/errors.js";
import { Lease } from "../protocol/lease.js";
import { holdsNumber, lowestGeneration } from "../protocol/ledger/content.js";
import { isDenied, isQuarantined, type Level } from "../protocol/level.js";
import { type CertificateVerdict, verifyChain } from "../protocol/x509/verify.js";
import type { ProvenLedger } from "./ledger.js";

/** What an action asks of whoever wants it. */
export interface PeerRule {
  /** Oldest ledger of ours that still counts: from the issue of its Beacon, in seconds. */
  readonly maxLedgerAgeSeconds: number;
  /** The peer must show a lease that is current, and not older than this; absent: none is asked for. */
  readonly maxLeaseAgeSeconds?: number;
  /** Peers at `restrict` are denied too. Only a lease shows that level, so one is asked for. */
  readonly below?: "restrict";
  /**
   * "open": what is stale is trusted all the same, and the answer says so. A missing lease too, so a peer
   * that is restricted passes `below` by showing none: such rules are for "closed".
   */
  readonly whenStale: "open" | "closed";
}

/** The application's actions, by its own names. */
export type PeerPolicy = Readonly<Record<string, PeerRule>>;

/** What a peer shows. */
export interface PeerPapers {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** Envelope of its newest lease. */
  readonly lease?: Uint8Array;
}

/** What we judge by. `nowSeconds`: our estimate of fleet time; 0: there was no signed time yet. */
export interface PeerJudge {
  readonly trust: Trust;
  readonly ledger?: ProvenLedger;
  readonly nowSeconds: number;
  readonly policy: PeerPolicy;
  readonly crypto: Crypto;
}

type DeniedReason =
  | "number-denied"
  | "generation-denied" // a certificate of keys that were replaced
  | "level"; // as its own lease shows it
type UnknownReason =
  | "certificate" // does not verify, or is of another fleet
  | "not-operational" // no LDevID: it opens enrollment and nothing else
  | "no-ledger"
  | "no-rule"; // the policy does not name this action
type StaleReason =
  | "no-time" // we have never heard signed time
  | "certificate-expired"
  | "certificate-future"
  | "ledger-term" // the Authority has raised the term since
  | "ledger-age"
  | "lease-missing" // none came, or what came is no lease of this peer
  | "lease-term"
  | "lease-ended"
  | "lease-age";

/** `level`: as the peer's lease shows it. */
export type PeerVerdict = {
  readonly number?: number;
  readonly generation?: number;
  readonly level?: Level;
} & (
  | { readonly verdict: "trusted"; readonly reason: "in-order" }
  | { readonly verdict: "trusted"; readonly reason: "stale-accepted"; readonly accepted: StaleReason }
  | { readonly verdict: "denied"; readonly reason: DeniedReason }
  | { readonly verdict: "unknown"; readonly reason: UnknownReason }
  | { readonly verdict: "stale"; readonly reason: StaleReason }
);

export function peerVerdict(papers: PeerPapers, action: string, by: PeerJudge): PeerVerdict {
  const holder = holderOf(papers.chain, by);
  if (!holder) return { verdict: "unknown", reason: "certificate" };
  const { number, generation, profile } = holder;
  if (profile !== "ldevid") return { verdict: "unknown", reason: "not-operational", number };
  const lease = papers.lease && leaseOf(papers.lease, number, by);
  const level = lease?.required.level;
  const about = { number, generation, ...(level && { level }) };
  const rule = Object.hasOwn(by.policy, action) ? by.policy[action] : undefined;

  const denied = deniedFor(about, rule, by.ledger);
  if (denied) return { ...about, verdict: "denied", reason: denied };
  if (!by.ledger) return { ...about, verdict: "unknown", reason: "no-ledger" };
  if (!rule) return { ...about, verdict: "unknown", reason: "no-rule" };
  const stale = staleFor(holder, by.ledger.beacon.value, lease, rule, by);
  if (!stale) return { ...about, verdict: "trusted", reason: "in-order" };
  if (rule.whenStale !== "open") return { ...about, verdict: "stale", reason: stale };
  return { ...about, verdict: "trusted", reason: "stale-accepted", accepted: stale };
}

function deniedFor(
  {
    number,
    generation,
    level,
  }: { readonly number: number; readonly generation: number; readonly level?: Level },
  rule: PeerRule | undefined,
  ledger: ProvenLedger | undefined,
): DeniedReason | undefined {
  if (ledger && holdsNumber(ledger.content, number)) return "number-denied";
  if (ledger && generation < lowestGeneration(ledger.content, number)) return "generation-denied";
  // Also by a lease that has ended: an honest peer was given a newer one when it was released.
  if (level && (isDenied(level) || (rule?.below === "restrict" && isQuarantined(level)))) return "level";
  return undefined;
}

/** The first that is too old. Times are compared so that one that is no number is too old as well. */
function staleFor(
  { window }: CertificateVerdict,
  beacon: Beacon,
  lease: Lease | undefined,
  rule: PeerRule,
  { trust, nowSeconds }: PeerJudge,
): StaleReason | undefined {
  const { terms } = trust.authority.value;
  if (!(nowSeconds > 0)) return "no-time";
  if (window !== "current") return `certificate-${window}`;
  if (beacon.version[0] !== terms.ledger) return "ledger-term";
  if (!(nowSeconds - beacon.issuedAt <= rule.maxLedgerAgeSeconds)) return "ledger-age";
  if (rule.maxLeaseAgeSeconds === undefined && rule.below === undefined) return undefined;
  if (!lease) return "lease-missing";
  if (lease.time[0] !== terms.time) return "lease-term";
  if (!(nowSeconds <= lease.goodUntil)) return "lease-ended";
  return nowSeconds - lease.time[1] <= (rule.maxLeaseAgeSeconds ?? Infinity) ? undefined : "lease-age";
}

function holderOf(
  chain: readonly Uint8Array[],
  { trust, nowSeconds, crypto }: PeerJudge,
): CertificateVerdict | undefined {
  return attempt(() => verifyChain(chain, trust.certificates, nowSeconds, crypto));
}

/** A lease of someone else says nothing about this peer, and one that does not verify says nothing at all. */
function leaseOf(bytes: Uint8Array, number: number, { trust, crypto }: PeerJudge): Lease | undefined {
  const lease = attempt(() => openDocument(Lease, bytes, trust, crypto).value);
  return lease?.subject === number ? lease : undefined;
}

function attempt<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
