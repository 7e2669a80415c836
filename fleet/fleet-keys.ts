/**
 * The keys of a fleet, and which of those at hand its Authority puts to use. What a service signs with a key
 * that the Authority does not name, nobody would accept.
 */
import { type Authority, type Role, roleIn } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import type { PublicKey, Signer } from "../protocol/crypto.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import type { CaPurpose } from "../protocol/x509/trust.js";
import { FleetError } from "./errors.js";

/** One key for each role, each certificate authority and the station; `root` signs Authorities. */
export const FLEET_KEY_NAMES = [
  "root",
  "hold",
  "release",
  "lease",
  "ledger",
  "factory",
  "transfer",
  "x509-root",
  "factory-ca",
  "device-ca",
  "service-ca",
  "station",
] as const;
export type FleetKeyName = (typeof FLEET_KEY_NAMES)[number];

/** Keys that may be kept elsewhere: what needs them is signed there, and brought as a file. */
const OFFLINE_KEY_NAMES = ["root", "release", "transfer", "x509-root"] as const;
type OfflineKeyName = (typeof OFFLINE_KEY_NAMES)[number];

/** All of them in one place, as where a fleet is founded. Signing, without the private keys in sight. */
export type FleetKeys = Readonly<Record<FleetKeyName, Signer>>;

/** Those of a running service. */
export type ServiceKeys = Omit<FleetKeys, OfflineKeyName> & Partial<Pick<FleetKeys, OfflineKeyName>>;
export type SomeKeys = Partial<FleetKeys>;

export function mayBeOffline(name: FleetKeyName): name is OfflineKeyName {
  return (OFFLINE_KEY_NAMES as readonly FleetKeyName[]).includes(name);
}

/** True when these keys are enough to sign for `role`: it has one here, and no second one has to sign. */
export function signsAlone(role: Role, keys: SomeKeys, authority: Authority): boolean {
  return keys[role] !== undefined && roleIn(authority, role).threshold === 1;
}

/** True when nobody else can have signed for `role`: one key is enough, and the only one that counts is here. */
export function isOnlySigner(role: Role, keys: SomeKeys, authority: Authority): boolean {
  return signsAlone(role, keys, authority) && roleIn(authority, role).keys.length === 1;
}

/** Keys that wait until an Authority names them, beside those in use. */
export interface StagedKeys {
  /** As they lie there now. */
  read(): Promise<SomeKeys>;
  /** Durable once resolved. What was done before is not done again. */
  settle(change: KeyChange): Promise<void>;
}

export interface KeyChange {
  /** Waited, and are named now: they replace those in use. */
  readonly promoted: readonly FleetKeyName[];
  /** Were named by an earlier Authority and may be elsewhere: of no use here any more. */
  readonly retired: readonly FleetKeyName[];
}

export const CA_KEYS = {
  factory: "factory-ca",
  device: "device-ca",
  service: "service-ca",
} as const satisfies Record<CaPurpose, FleetKeyName>;

/**
 * What a service signs with under the newest Authority of `chain`, and what that changes in the folder. The
 * station's key is never replaced so; its certificate vouches for it.
 * @param chain - oldest first, at least one.
 * @throws FleetError "denied" for a key that no Authority names, "conflict" when the newest one names others
 *   than there are.
 */
export function keysInUse(
  chain: readonly Authority[],
  current: ServiceKeys,
  staged: SomeKeys,
): KeyChange & { readonly keys: ServiceKeys } {
  const newest = chain.at(-1);
  if (!newest) throw new Error("a fleet has at least one Authority");
  const found = new Map<FleetKeyName, Signer>();
  const promoted: FleetKeyName[] = [];
  const retired: FleetKeyName[] = [];
  const missing: FleetKeyName[] = [];
  for (const name of FLEET_KEY_NAMES) {
    const [key, waiting] = [current[name], staged[name]];
    if (key && (name === "station" || names(newest, name, key))) found.set(name, key);
    else if (waiting && names(newest, name, waiting)) {
      found.set(name, waiting);
      promoted.push(name);
    } else if (key && !chain.some((earlier) => names(earlier, name, key))) throw strange(name);
    else if (!mayBeOffline(name)) missing.push(name);
    else if (key) retired.push(name);
  }
  if (missing.length > 0) throw unstaged(missing);
  const keys = Object.fromEntries(found) as ServiceKeys; // every other name was refused above
  return { keys, promoted, retired };
}

function names(authority: Authority, name: FleetKeyName, { publicKey }: Signer): boolean {
  return namedKeys(authority, name).some((key) => equalBytes(key.bytes, publicKey.bytes));
}

function namedKeys({ roles, anchors, issuers }: Authority, name: FleetKeyName): readonly PublicKey[] {
  const certified = (der: Uint8Array) => decodeCertificate(der).fields.publicKey;
  if (name === "x509-root") return anchors.map(certified);
  const ofCa = issuers.filter(({ purpose }) => CA_KEYS[purpose] === name);
  return [
    ...ofCa.map(({ certificate }) => certified(certificate)),
    ...roles.filter(({ role }) => role === name).flatMap(({ keys }) => keys),
  ];
}

function strange(name: FleetKeyName): FleetError {
  return new FleetError(
    "denied",
    `the ${name} key in this folder is not that of the fleet in its log; bring both from one backup`,
  );
}

function unstaged(names: readonly FleetKeyName[]): FleetError {
  return new FleetError(
    "conflict",
    `this Authority names other keys than are here for ${names.join(", ")}; lay their files into keys/next first`,
  );
}
