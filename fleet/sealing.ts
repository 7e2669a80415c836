/** What is signed on the strength of a fact: the envelope or certificate that states it to others. */
import { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import type { Trust } from "../protocol/authority.js";
import { Beacon } from "../protocol/beacon.js";
import type { PublicKey, Signer } from "../protocol/crypto.js";
import { Directive } from "../protocol/directive.js";
import { sealEnvelope } from "../protocol/envelope.js";
import { Lease } from "../protocol/lease.js";
import { Release } from "../protocol/release.js";
import type { SyncToken } from "../protocol/sync-token.js";
import { Transfer } from "../protocol/voucher.js";
import { issueCertificate, newSerial } from "../protocol/x509/certificate.js";
import { NEVER_EXPIRES_SECONDS } from "../protocol/x509/time.js";
import type { CeremonyContext } from "./ceremony.js";
import {
  type DecidedFact,
  type FactOf,
  type FleetEvent,
  fromBase64Url,
  type KeyFact,
  toBase64Url,
} from "./events.js";
import { CA_KEYS, type ServiceKeys } from "./fleet-keys.js";
import { issuerWith } from "./issuers.js";
import { BACKDATE_SECONDS } from "./policy.js";
import { advisoryListOf, directiveOf, releaseOf, removalOf, transferOf } from "./statements.js";
import { sealToken } from "./sync-tokens.js";
import type { FleetView } from "./view.js";

/** `now`: fleet time, Unix seconds. */
export interface SealingContext extends CeremonyContext {
  readonly keys: ServiceKeys;
  readonly trust: Trust;
  readonly view: FleetView;
  readonly tokenSecret: Uint8Array;
}

/** The event that goes into the log. What somebody has signed already stays as it is. */
export function sealFact(fact: DecidedFact, actor: string, context: SealingContext): FleetEvent {
  const event = { ...fact, at: context.now, actor };
  if (fact.signed !== undefined) return event;
  const signed = signedBytes(fact, context);
  return signed === undefined ? event : { ...event, signed: toBase64Url(signed) };
}

function signedBytes(fact: DecidedFact, context: SealingContext): Uint8Array | undefined {
  const { keys, crypto, trust, now } = context;
  const { fleetId } = trust;
  switch (fact.type) {
    case "holder-certified":
      return holderCertificate(fact, context);
    case "certificate-issued":
      return ldevid(fact, context);
    case "directive-issued":
      return sealEnvelope(Directive, directiveOf(fact, now), keys.hold, fleetId, crypto);
    case "release-issued":
      return sealEnvelope(Release, releaseOf(fact, now), keyOf("release", context), fleetId, crypto);
    case "advisories-issued":
      return sealEnvelope(AdvisoryList, advisoryListOf(fact, now), keys.hold, fleetId, crypto);
    case "advisories-removed":
      return sealEnvelope(AdvisoryRemoval, removalOf(fact, now), keyOf("release", context), fleetId, crypto);
    case "device-transferred":
      return sealEnvelope(Transfer, transferOf(fact, now), keyOf("transfer", context), fleetId, crypto);
    case "lease-issued":
      return sealEnvelope(Lease, leaseOf(fact, context), keys.lease, fleetId, crypto);
    case "beacon-issued": {
      const { version, denied, authority, advisories, removals } = fact;
      const digest = fromBase64Url(fact.digest);
      const beacon = { version, denied, digest, authority, advisories, removals, issuedAt: now };
      return sealEnvelope(Beacon, beacon, keys.ledger, fleetId, crypto);
    }
    default:
      return undefined;
  }
}

/** Without it nobody decides here what it would sign: that is drafted, and signed elsewhere. */
function keyOf(role: "release" | "transfer", { keys }: SealingContext): Signer {
  const key = keys[role];
  if (!key) throw new Error(`what the ${role} key signs was decided here, and that key is elsewhere`);
  return key;
}

function leaseOf(fact: FactOf<"lease-issued">, context: SealingContext): Lease {
  const { trust, now } = context;
  const { number: subject, goodUntil, nextSyncSeconds, required, done } = fact;
  const time = [trust.authority.value.terms.time, now] as const;
  const [nonce, token] = [fromBase64Url(fact.nonce), tokenOf(fact, context)];
  const lease = { subject, nonce, time, goodUntil, nextSyncSeconds, required, token };
  return Object.keys(done).length > 0 ? { ...lease, done } : lease;
}

function tokenOf({ number, token }: FactOf<"lease-issued">, context: SealingContext): SyncToken {
  const { trust, view, tokenSecret: secret, crypto } = context;
  const device = view.devices.get(number);
  if (!device) throw new Error("a lease for a device that is not in the view");
  return sealToken({ secret, era: view.era, fleetId: trust.fleetId, crypto }, device, token);
}

function ldevid(fact: FactOf<"certificate-issued">, context: SealingContext): Uint8Array {
  const { keys, crypto, entropy, trust } = context;
  const { value: authority } = trust.authority;
  return issueCertificate(
    {
      profile: "ldevid",
      holder: { fleetId: trust.fleetId, number: fact.number, generation: fact.generation },
      serial: newSerial(entropy),
      subject: { commonName: `device ${fact.number}`, organization: authority.name },
      publicKey: publicKeyOf(fact.key),
      notBeforeSeconds: fact.notBefore,
      notAfterSeconds: fact.notAfter,
    },
    issuerWith(authority, "device", keys["device-ca"]),
    crypto,
  );
}

/** What a gateway or an internal program gets: 90 days. */
const HOLDER_SECONDS = 90 * 86_400;

/** For a holder that is no device. */
function holderCertificate(fact: FactOf<"holder-certified">, context: SealingContext): Uint8Array {
  const { keys, crypto, entropy, trust, now } = context;
  const { profile, number, hosts } = fact;
  const { value: authority } = trust.authority;
  const purpose = profile === "station" ? "factory" : "service";
  return issueCertificate(
    {
      ...(profile === "gateway" ? { profile, hosts } : { profile }),
      holder: { fleetId: trust.fleetId, number, generation: 0 },
      serial: newSerial(entropy),
      subject: { commonName: `${profile} ${number}`, organization: authority.name },
      publicKey: publicKeyOf(fact.key),
      notBeforeSeconds: now - BACKDATE_SECONDS,
      notAfterSeconds: profile === "station" ? NEVER_EXPIRES_SECONDS : now + HOLDER_SECONDS,
    },
    issuerWith(authority, purpose, keys[CA_KEYS[purpose]]),
    crypto,
  );
}

export function keyFactOf(key: PublicKey): KeyFact {
  return { algorithm: key.algorithm, bytes: toBase64Url(key.bytes) };
}

/** One key for each fact, so that what was found out about the key once is still known the next time. */
const publicKeys = new WeakMap<KeyFact, PublicKey>();

export function publicKeyOf(fact: KeyFact): PublicKey {
  let key = publicKeys.get(fact);
  if (!key) publicKeys.set(fact, (key = { algorithm: fact.algorithm, bytes: fromBase64Url(fact.bytes) }));
  return key;
}
