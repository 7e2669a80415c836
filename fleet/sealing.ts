/** What is signed on the strength of a fact: the envelope or certificate that states it to others. */
import type { Trust } from "../protocol/authority.js";
import { Beacon } from "../protocol/beacon.js";
import { Directive } from "../protocol/directive.js";
import { sealEnvelope } from "../protocol/envelope.js";
import { Lease } from "../protocol/lease.js";
import { Release } from "../protocol/release.js";
import { issueCertificate, newSerial } from "../protocol/x509/certificate.js";
import { NEVER_EXPIRES_SECONDS } from "../protocol/x509/time.js";
import { type CeremonyContext, caName } from "./ceremony.js";
import { CA_KEYS } from "./fleet-keys.js";
import {
  type Fact,
  type FactOf,
  type FleetEvent,
  fromBase64Url,
  type KeyFact,
  toBase64Url,
} from "./events.js";
import type { PublicKey } from "../protocol/crypto.js";
import { BACKDATE_SECONDS } from "./policy.js";

/** `now`: fleet time, Unix seconds. */
export interface SealingContext extends CeremonyContext {
  readonly trust: Trust;
}

/** The event that goes into the log. */
export function sealFact(fact: Fact, actor: string, context: SealingContext): FleetEvent {
  const signed = signedBytes(fact, context);
  const event = { ...fact, at: context.now, actor };
  return signed === undefined ? event : { ...event, signed: toBase64Url(signed) };
}

function signedBytes(fact: Fact, context: SealingContext): Uint8Array | undefined {
  const { keys, crypto, trust, now } = context;
  const { fleetId } = trust;
  switch (fact.type) {
    case "fleet-created":
      return trust.authority.bytes;
    case "holder-certified":
      return holderCertificate(fact, context);
    case "certificate-issued":
      return ldevid(fact, context);
    case "directive-issued": {
      const { number: subject, version, level, reason, lowestGeneration } = fact;
      const directive = { subject, version, level, reason, lowestGeneration, issuedAt: now };
      return sealEnvelope(Directive, directive, keys.hold, fleetId, crypto);
    }
    case "release-issued": {
      const { number: subject, version, level, clearedAlarms } = fact;
      const cleared = clearedAlarms.length > 0 ? { clearedAlarms } : {};
      const release = { subject, version, level, issuedAt: now, ...cleared };
      return sealEnvelope(Release, release, keys.release, fleetId, crypto);
    }
    case "lease-issued": {
      const { number: subject, goodUntil, nextSyncSeconds, required } = fact;
      const time = [trust.authority.value.terms.time, now] as const;
      const lease = { subject, nonce: fromBase64Url(fact.nonce), time, goodUntil, nextSyncSeconds, required };
      return sealEnvelope(Lease, lease, keys.lease, fleetId, crypto);
    }
    case "beacon-issued": {
      const { version, denied, digest, authority } = fact;
      const beacon = { version, denied, digest: fromBase64Url(digest), authority, issuedAt: now };
      return sealEnvelope(Beacon, beacon, keys.ledger, fleetId, crypto);
    }
    default:
      return undefined;
  }
}

function ldevid(fact: FactOf<"certificate-issued">, context: SealingContext): Uint8Array {
  const { keys, crypto, entropy, trust } = context;
  const fleetName = trust.authority.value.name;
  return issueCertificate(
    {
      profile: "ldevid",
      holder: { fleetId: trust.fleetId, number: fact.number, generation: fact.generation },
      serial: newSerial(entropy),
      subject: { commonName: `device ${fact.number}`, organization: fleetName },
      publicKey: publicKeyOf(fact.key),
      notBeforeSeconds: fact.notBefore,
      notAfterSeconds: fact.notAfter,
    },
    { name: caName(fleetName, "device-ca"), signer: keys["device-ca"] },
    crypto,
  );
}

/** What a gateway or an internal program gets: 90 days. */
const HOLDER_SECONDS = 90 * 86_400;

/** For a holder that is no device. */
function holderCertificate(fact: FactOf<"holder-certified">, context: SealingContext): Uint8Array {
  const { keys, crypto, entropy, trust, now } = context;
  const { profile, number, hosts } = fact;
  const fleetName = trust.authority.value.name;
  const ca = CA_KEYS[profile === "station" ? "factory" : "service"];
  return issueCertificate(
    {
      ...(profile === "gateway" ? { profile, hosts } : { profile }),
      holder: { fleetId: trust.fleetId, number, generation: 0 },
      serial: newSerial(entropy),
      subject: { commonName: `${profile} ${number}`, organization: fleetName },
      publicKey: publicKeyOf(fact.key),
      notBeforeSeconds: now - BACKDATE_SECONDS,
      notAfterSeconds: profile === "station" ? NEVER_EXPIRES_SECONDS : now + HOLDER_SECONDS,
    },
    { name: caName(fleetName, ca), signer: keys[ca] },
    crypto,
  );
}

export function keyFactOf(key: PublicKey): KeyFact {
  return { algorithm: key.algorithm, bytes: toBase64Url(key.bytes) };
}

export function publicKeyOf(fact: KeyFact): PublicKey {
  return { algorithm: fact.algorithm, bytes: fromBase64Url(fact.bytes) };
}
