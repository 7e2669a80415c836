/** The keys that a fleet service signs with. Online here; root and release can move elsewhere. */
import type { Authority, Role } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import type { PublicKey, Signer } from "../protocol/crypto.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import type { CaPurpose } from "../protocol/x509/trust.js";

/** One key for each role, each certificate authority and the station; `root` also signs the X.509 root. */
export const FLEET_KEY_NAMES = [
  "root",
  "hold",
  "release",
  "lease",
  "ledger",
  "factory",
  "x509-root",
  "factory-ca",
  "device-ca",
  "service-ca",
  "station",
] as const;
export type FleetKeyName = (typeof FLEET_KEY_NAMES)[number];

/** Signing, without the private keys in sight. */
export type FleetKeys = Readonly<Record<FleetKeyName, Signer>>;

export const CA_KEYS = {
  factory: "factory-ca",
  device: "device-ca",
  service: "service-ca",
} as const satisfies Record<CaPurpose, FleetKeyName>;

export const ROLE_KEYS: readonly Role[] = ["root", "hold", "release", "lease", "ledger", "factory"];

/**
 * The first key that the Authority does not name for its purpose: what it signed, nobody would accept. The
 * station's is not among them; its certificate vouches for it.
 */
export function strangeKey(
  keys: FleetKeys,
  { roles, anchors, issuers }: Authority,
): FleetKeyName | undefined {
  const certified = (der: Uint8Array) => decodeCertificate(der).fields.publicKey;
  const named: readonly (readonly [FleetKeyName, PublicKey])[] = [
    ...roles.flatMap(({ role, keys: held }) => held.map((key) => [role, key] as const)),
    ...anchors.map((der) => ["x509-root", certified(der)] as const),
    ...issuers.map(({ purpose, certificate }) => [CA_KEYS[purpose], certified(certificate)] as const),
  ];
  const isNamed = (name: FleetKeyName) =>
    named.some(([other, key]) => other === name && equalBytes(key.bytes, keys[name].publicKey.bytes));
  return FLEET_KEY_NAMES.find((name) => name !== "station" && !isNamed(name));
}
