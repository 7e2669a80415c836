/** The founding of a fleet: certificates, then version 1 of the Authority, whose hash is the fleet's name. */
import { Authority, type Role, ROLES, type Trust } from "../protocol/authority.js";
import { fleetIdOf, openFirstAuthority } from "../protocol/authority-chain.js";
import type { Crypto, Entropy, PublicKey, Signer } from "../protocol/crypto.js";
import { sealEnvelope, type SignedBy } from "../protocol/envelope.js";
import { issueCertificate, newSerial } from "../protocol/x509/certificate.js";
import { NEVER_EXPIRES_SECONDS } from "../protocol/x509/time.js";
import type { CaPurpose } from "../protocol/x509/trust.js";
import { type FreshnessChanges, freshnessAfter } from "./ceremony-freshness.js";
import { CA_KEYS, type FleetKeys } from "./fleet-keys.js";

/** `now`: Unix seconds. */
export interface CeremonyContext {
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly now: number;
}

/** What is decided about a new fleet. */
export interface Founding {
  /** For people, 1 to 40 bytes. */
  readonly name: string;
  readonly roles: Readonly<Record<Role, SignedBy>>;
  readonly x509Root: Signer;
  readonly cas: Readonly<Record<CaPurpose, PublicKey>>;
  /** Other tables than the default. */
  readonly tables?: FreshnessChanges;
}

export const ALL_ROLES = Object.keys(ROLES) as readonly Role[];
export const CA_PURPOSES = Object.keys(CA_KEYS) as readonly CaPurpose[];

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

/** Makes the certificates; to be signed by the root keys that it names. */
export function draftFounding(founding: Founding, context: CeremonyContext): Authority {
  const { name, roles, x509Root, cas, tables = {} } = founding;
  return {
    version: 1,
    name,
    roles: ALL_ROLES.map((role) => ({ role, ...roles[role] })),
    terms: { directive: 1, advisory: 1, ledger: 1, time: 1, timeBase: context.now },
    anchors: [issueRoot(name, x509Root, context)],
    issuers: CA_PURPOSES.map((purpose) => ({
      purpose,
      certificate: issueCa(name, purpose, cas[purpose], x509Root, context),
    })),
    ...freshnessAfter({ freshness: FRESHNESS }, tables),
  };
}

/** Founds a fleet where all of its keys are in one place, one for each purpose. */
export function foundFleet(name: string, context: CeremonyContext & { readonly keys: FleetKeys }): Trust {
  const { keys, crypto } = context;
  const roles = ALL_ROLES.map((role) => [role, { keys: [keys[role].publicKey], threshold: 1 }]);
  const cas = CA_PURPOSES.map((purpose) => [purpose, keys[CA_KEYS[purpose]].publicKey]);
  const founding = {
    name,
    roles: Object.fromEntries(roles) as Founding["roles"],
    x509Root: keys["x509-root"],
    cas: Object.fromEntries(cas) as Founding["cas"],
  };
  const value = draftFounding(founding, context);
  const fleetId = fleetIdOf(Authority.encode(value), crypto);
  return openFirstAuthority(sealEnvelope(Authority, value, keys.root, fleetId, crypto), crypto);
}

/** The X.509 subject of one of the fleet's own authorities. */
export function caName(fleetName: string, key: CaKey): { commonName: string; organization: string } {
  return { commonName: `${fleetName} ${CA_NAMES[key]}`, organization: fleetName };
}

export function issueRoot(name: string, root: Signer, { crypto, entropy, now }: CeremonyContext): Uint8Array {
  const subject = caName(name, "x509-root");
  const dates = { notBeforeSeconds: now, notAfterSeconds: NEVER_EXPIRES_SECONDS };
  const request = { serial: newSerial(entropy), subject, publicKey: root.publicKey, ...dates };
  return issueCertificate({ profile: "root", ...request }, { name: subject, signer: root }, crypto);
}

/** A certificate for the key of a CA; it begins now. A factory's has no early end, or its births would die with it. */
export function issueCa(
  name: string,
  purpose: CaPurpose,
  publicKey: PublicKey,
  root: Signer,
  { crypto, entropy, now }: CeremonyContext,
): Uint8Array {
  const factory = purpose === "factory";
  return issueCertificate(
    {
      profile: factory ? "factory-ca" : "issuing-ca",
      serial: newSerial(entropy),
      subject: caName(name, CA_KEYS[purpose]),
      publicKey,
      notBeforeSeconds: now,
      notAfterSeconds: factory ? NEVER_EXPIRES_SECONDS : now + ISSUING_CA_SECONDS,
    },
    { name: caName(name, "x509-root"), signer: root },
    crypto,
  );
}
