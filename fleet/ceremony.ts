/** The founding of a fleet: certificates, then version 1 of the Authority, whose hash is the fleet's name. */
import { Authority, fleetIdOf, openFirstAuthority, type Trust } from "../protocol/authority.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { sealEnvelope } from "../protocol/envelope.js";
import { issueCertificate, newSerial } from "../protocol/x509/certificate.js";
import type { Identity } from "../protocol/x509/profiles.js";
import { NEVER_EXPIRES_SECONDS } from "../protocol/x509/time.js";
import { CA_KEYS, type FleetKeyName, type FleetKeys, ROLE_KEYS } from "./fleet-keys.js";

export interface CeremonyContext {
  readonly keys: FleetKeys;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  /** Unix seconds. */
  readonly now: number;
}

const DAY = 86_400;
/** Life of the certificates that issue LDevIDs and gateway certificates. */
const ISSUING_CA_SECONDS = 20 * 365 * DAY;
/** A lease that is out for 30 days holds the device at `restrict` (DESIGN: freshness). */
const FRESHNESS = [{ afterSeconds: 30 * DAY, level: "restrict" }] as const;

const CA_NAMES = {
  "x509-root": "root",
  "factory-ca": "factory CA",
  "device-ca": "device CA",
  "service-ca": "service CA",
} as const;
type CaKey = keyof typeof CA_NAMES;

/** The X.509 subject of one of the fleet's own authorities. */
export function caName(fleetName: string, key: CaKey): { commonName: string; organization: string } {
  return { commonName: `${fleetName} ${CA_NAMES[key]}`, organization: fleetName };
}

/** Makes the certificates and signs version 1. @param name - for people, 1 to 40 bytes. */
export function foundFleet(name: string, context: CeremonyContext): Trust {
  const { keys, crypto } = context;
  const root = issueCa(name, "x509-root", { profile: "root" }, NEVER_EXPIRES_SECONDS, context);
  const until = context.now + ISSUING_CA_SECONDS;
  const issuers = [
    {
      purpose: "factory",
      certificate: issueCa(name, CA_KEYS.factory, { profile: "factory-ca" }, NEVER_EXPIRES_SECONDS, context),
    },
    {
      purpose: "device",
      certificate: issueCa(name, CA_KEYS.device, { profile: "issuing-ca" }, until, context),
    },
    {
      purpose: "service",
      certificate: issueCa(name, CA_KEYS.service, { profile: "issuing-ca" }, until, context),
    },
  ] as const;
  const value: Authority = {
    version: 1,
    name,
    roles: ROLE_KEYS.map((role) => ({ role, threshold: 1, keys: [keys[role as FleetKeyName].publicKey] })),
    terms: { directive: 1, ledger: 1, time: 1 },
    anchors: [root],
    issuers,
    freshness: FRESHNESS,
  };
  const fleetId = fleetIdOf(Authority.encode(value), crypto);
  return openFirstAuthority(sealEnvelope(Authority, value, keys.root, fleetId, crypto), crypto);
}

function issueCa(
  name: string,
  key: CaKey,
  identity: Identity,
  until: number,
  context: CeremonyContext,
): Uint8Array {
  const { keys, crypto, entropy, now } = context;
  const subject = caName(name, key);
  const request = { serial: newSerial(entropy), subject, publicKey: keys[key].publicKey, ...identity };
  const dates = { notBeforeSeconds: now, notAfterSeconds: until };
  return issueCertificate(
    { ...request, ...dates },
    { name: caName(name, "x509-root"), signer: keys["x509-root"] },
    crypto,
  );
}
