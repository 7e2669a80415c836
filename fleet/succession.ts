/** Where a fleet's Authority comes from: the first one, and the one after those that are known. */
import { Authority, type Trust } from "../protocol/authority.js";
import { openFirstAuthority, openNextAuthority } from "../protocol/authority-chain.js";
import { AuthorityReply } from "../protocol/authority-links.js";
import { equalBytes } from "../protocol/bytes.js";
import { parseEnvelope } from "../protocol/cose.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { payloadHash } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { foundFleet } from "./ceremony.js";
import { FleetError } from "./errors.js";
import { FLEET_KEY_NAMES, type FleetKeys, mayBeOffline, type ServiceKeys, signsAlone } from "./fleet-keys.js";
import { keptReleaseTerms } from "./release-terms.js";

interface FoundingOptions {
  readonly keys: ServiceKeys;
  /** Authority version 1 that was signed elsewhere. */
  readonly founding?: Uint8Array | undefined;
  readonly name: string;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
}

/**
 * Version 1 for an empty log: the one that was signed elsewhere, or one that is made here and now.
 * @param now - Unix seconds.
 * @throws FleetError "denied" for one that lacks signatures, "storage-failed" when keys to make it are
 *   elsewhere: then the log of a fleet that exists is lost.
 */
export function firstAuthority({ founding, ...options }: FoundingOptions, now: number): Trust {
  if (founding) return openFounding(founding, options.crypto);
  if (!isWhole(options.keys)) {
    const away = FLEET_KEY_NAMES.filter((name) => !options.keys[name]).join(", ");
    throw new FleetError(
      "storage-failed",
      `the log is empty, and there is no ${away} key here to found a fleet; put the fleet's backup back`,
    );
  }
  return foundFleet(options.name, { ...options, keys: options.keys, now });
}

/** @throws FleetError "conflict" when this Authority founds another fleet than the one in the log. */
export function assertFounds(founding: Uint8Array, { fleetId }: Trust, crypto: Crypto): void {
  if (!equalBytes(openFounding(founding, crypto).fleetId, fleetId))
    throw new FleetError(
      "conflict",
      "this folder has a fleet already; found the other one in another folder",
    );
}

/**
 * The Authority after the newest of `chain`.
 * @returns undefined for a link that is in the chain already.
 * @throws ProtocolError for a link that does not prove itself, or is too large to be handed on; FleetError
 *   "conflict" for another link of a version that is known.
 */
export function nextAuthority(link: Uint8Array, chain: readonly Trust[], crypto: Crypto): Trust | undefined {
  const newest = chain.at(-1);
  if (!newest) throw new Error("there is no next Authority before the first");
  const parts = parseEnvelope(link);
  const { version } = Authority.decode(parts.payload);
  const known = chain[version - 1];
  if (known) {
    if (equalBytes(known.authority.hash, payloadHash(parts, crypto))) return undefined;
    throw new FleetError(
      "conflict",
      `another Authority of version ${version} is in force: two were signed, and this one came too late`,
    );
  }
  const next = openNextAuthority(link, newest, crypto);
  AuthorityReply.encode({ newest: version, links: [link] }); // else no device could ever be given it
  return next;
}

/**
 * No link may leave releases or removals that still count, and that nobody who lacks them could verify.
 * @param keys - those that the service would have under `after`. With the new release key it signs again itself.
 * @throws FleetError "conflict"
 */
export function assertKeepsReleases(before: Authority, after: Authority, keys: ServiceKeys): void {
  const kept = signsAlone("release", keys, after) ? [] : keptReleaseTerms(before, after);
  if (kept.length === 0) return;
  const terms = kept.map((kind) => `--term ${kind}`).join(" ");
  throw new FleetError(
    "conflict",
    "this Authority ends the old release keys, and nobody here could sign again what they signed: " +
      `draft it anew with ${terms}, as daymark ca rotate does by itself`,
  );
}

function openFounding(founding: Uint8Array, crypto: Crypto): Trust {
  try {
    return openFirstAuthority(founding, crypto);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    const text = `the Authority that founds this fleet is not ready: ${cause.message}; see daymark ca sign`;
    throw new FleetError("denied", text, { cause });
  }
}

function isWhole(keys: ServiceKeys): keys is FleetKeys {
  return FLEET_KEY_NAMES.filter(mayBeOffline).every((name) => keys[name] !== undefined);
}
