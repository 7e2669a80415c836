/** The keys that a fleet service signs with. Online here; root and release can move elsewhere. */
import type { Role } from "../protocol/authority.js";
import type { Signer } from "../protocol/crypto.js";
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
