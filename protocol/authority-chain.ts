/**
 * The chain of Authorities. Each version is signed by the root keys of the one before and by its own, so
 * whoever holds any version can walk to the newest, link by link. The fleet id is the hash of the first, so
 * a fleet's name cannot be taken by another.
 */
import { Authority, type Role, roleIn, ROLES, type Trust } from "./authority.js";
import { equalBytes } from "./bytes.js";
import { parseEnvelope } from "./cose.js";
import type { Crypto } from "./crypto.js";
import { type Opened, openEnvelope, reopenEnvelope } from "./envelope.js";
import { ProtocolError } from "./errors.js";
import { verifyTrust } from "./x509/trust.js";

/** First 16 bytes of the SHA-256 of the payload of Authority version 1. */
export function fleetIdOf(firstPayload: Uint8Array, crypto: Crypto): Uint8Array {
  return crypto.sha256(firstPayload).slice(0, 16);
}

/**
 * Opens version 1 of an Authority, which names its own root keys.
 * @param fleetId - the fleet it must belong to, when the caller knows it already.
 * @throws ProtocolError "wrong-key" for the Authority of another fleet.
 */
export function openFirstAuthority(bytes: Uint8Array, crypto: Crypto, fleetId?: Uint8Array): Trust {
  const { payload } = parseEnvelope(bytes);
  const ownId = fleetIdOf(payload, crypto);
  if (fleetId && !equalBytes(ownId, fleetId))
    throw new ProtocolError("wrong-key", "this Authority belongs to another fleet");
  const claimed = Authority.decode(payload);
  if (claimed.version !== 1) throw new ProtocolError("out-of-range", "not the first version of an Authority");
  const root = roleIn(claimed, "root");
  return trustIn(openEnvelope(Authority, bytes, root, ownId, crypto), ownId, crypto);
}

/**
 * Opens the version after the one that is trusted: a threshold of its root keys and one of the new ones
 * have signed, it names its predecessor, and no term falls (TUF's way to rotate a root).
 * @throws ProtocolError that names the link.
 */
export function openNextAuthority(bytes: Uint8Array, trust: Trust, crypto: Crypto): Trust {
  const { value: known } = trust.authority;
  const parts = parseEnvelope(bytes);
  if (parts.type !== Authority.type) throw new ProtocolError("unknown-type", "not an Authority");
  const claimed = Authority.decode(parts.payload);
  const link = `authority link ${known.version + 1}`;
  if (claimed.version !== known.version + 1)
    throw new ProtocolError("out-of-range", `${link} is missing: version ${claimed.version} came instead`);
  try {
    const [old, next] = [roleIn(known, "root"), roleIn(claimed, "root")];
    const all = { keys: [...old.keys, ...next.keys], threshold: 1 };
    const opened = openEnvelope(Authority, bytes, all, trust.fleetId, crypto);
    for (const { keys, threshold } of [old, next]) {
      const signed = keys.filter((key) => opened.signers.some((by) => equalBytes(by.bytes, key.bytes)));
      if (signed.length < threshold)
        throw new ProtocolError("quorum-missing", `${threshold} root keys must sign; ${signed.length} did`);
    }
    const follows = claimed.previous && equalBytes(claimed.previous, crypto.sha256(payloadOf(trust)));
    if (!follows) throw new ProtocolError("wrong-key", "it does not name the version before it");
    const fell = TERMS.find((kind) => claimed.terms[kind] < known.terms[kind]);
    if (fell) throw new ProtocolError("out-of-range", `its ${fell} term is lower than before`);
    const sameTime = claimed.terms.time === known.terms.time;
    if (sameTime && claimed.terms.timeBase !== known.terms.timeBase)
      throw new ProtocolError("out-of-range", "fleet time gets a new base only with a new term");
    return trustIn(opened, trust.fleetId, crypto);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ProtocolError(error.code, `${link}: ${error.message}`, { cause: error });
  }
}

/** Where a chain of links leads. Links that are known already are passed over. */
export interface Walk {
  readonly trust: Trust;
  /** The links that were new, in order. */
  readonly links: readonly Uint8Array[];
  /** Why the walk ended early: the link that is missing or forged. */
  readonly refusal?: ProtocolError;
}

/** Walks as far as the links prove themselves. @param links - Authority envelopes, oldest first. */
export function walkAuthorities(links: readonly Uint8Array[], from: Trust, crypto: Crypto): Walk {
  const taken: Uint8Array[] = [];
  let trust = from;
  for (const link of links) {
    try {
      if (Authority.decode(parseEnvelope(link).payload).version <= trust.authority.value.version) continue;
      trust = openNextAuthority(link, trust, crypto);
      taken.push(link);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { trust, links: taken, refusal: error };
    }
  }
  return { trust, links: taken };
}

/** The Authority that this machine verified before it stored it; see `reopenEnvelope`. @throws ProtocolError */
export function reopenAuthority(bytes: Uint8Array, fleetId: Uint8Array, crypto: Crypto): Trust {
  return trustIn(reopenEnvelope(Authority, bytes, crypto), fleetId, crypto);
}

const TERMS = ["directive", "advisory", "ledger", "time"] as const;

function payloadOf({ authority }: Trust): Uint8Array {
  return parseEnvelope(authority.bytes).payload;
}

/** What an Authority says must make sense before it is trusted: under a bad one nobody could sign the next. */
function trustIn(authority: Opened<Authority>, fleetId: Uint8Array, crypto: Crypto): Trust {
  const { roles, anchors, issuers } = authority.value;
  for (const { role, keys, threshold } of roles) {
    const distinct = keys.every((key, i) => keys.findIndex((k) => equalBytes(k.bytes, key.bytes)) === i);
    if (!distinct || threshold > keys.length)
      throw new ProtocolError("out-of-range", `${threshold} of ${keys.length} keys cannot sign as ${role}`);
  }
  for (const role of Object.keys(ROLES) as Role[]) roleIn(authority.value, role);
  const certificates = { fleetId, roots: anchors, issuers };
  verifyTrust(certificates, crypto);
  return { fleetId, authority, certificates };
}
