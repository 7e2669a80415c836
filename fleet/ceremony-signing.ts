/**
 * Signing an Authority, one key at a time: a file in, a file out, on machines that need not know each other.
 * A draft is a frame `[1, authority]` that nobody has signed; with the first signature it becomes an envelope.
 */
import { Authority, roleIn, type Trust } from "../protocol/authority.js";
import {
  fleetIdOf,
  openFirstAuthority,
  openNextAuthority,
  walkAuthorities,
} from "../protocol/authority-chain.js";
import { splitBundle } from "../protocol/bundle.js";
import { equalBytes } from "../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../protocol/cose.js";
import type { Crypto, PublicKey, Signer } from "../protocol/crypto.js";
import { addSignature, sealEnvelope, verifyParts } from "../protocol/envelope.js";
import { decodeFrame, encodeFrame } from "../protocol/frame.js";
import { FleetError } from "./errors.js";

/** How far the signing of one Authority has come. */
export interface SigningState {
  readonly value: Authority;
  readonly fleetId: Uint8Array;
  /** Whose signatures are there, all of them good. */
  readonly signers: readonly PublicKey[];
  /** How many signatures are still needed: of its own root keys, and of those of the version before. */
  readonly missing: { readonly own: number; readonly before: number };
}

export function encodeDraft(draft: Authority): Uint8Array {
  return encodeFrame(Authority, draft);
}

/**
 * The newest Authority of a chain file: a bundle that begins with version 1. Other documents are passed over.
 * @throws ProtocolError that names the link that is missing or forged.
 */
export function openChain(
  bundle: Uint8Array,
  crypto: Crypto,
): { trust: Trust; links: readonly Uint8Array[] } {
  const isAuthority = (item: Uint8Array) => looksSigned(item) && parseEnvelope(item).type === Authority.type;
  const [first, ...rest] = splitBundle(bundle).filter(isAuthority);
  if (!first) throw new FleetError("bad-request", "this file holds no Authority; see daymark ca export");
  const { trust, links, refusal } = walkAuthorities(rest, openFirstAuthority(first, crypto), crypto);
  if (refusal) throw refusal;
  return { trust, links: [first, ...links] };
}

/**
 * What a draft or a partly signed Authority still needs.
 * @param before - the version before; undefined for version 1.
 * @throws ProtocolError for a signature that is not good; FleetError "bad-request" when it does not follow `before`.
 */
export function signingState(file: Uint8Array, before: Trust | undefined, crypto: Crypto): SigningState {
  const value = authorityIn(file);
  const fleetId = before?.fleetId ?? fleetIdOf(Authority.encode(value), crypto);
  assertFollows(value, before, crypto);
  const [own, old] = [roleIn(value, "root"), before && roleIn(before.authority.value, "root")];
  const all = [...own.keys, ...(old?.keys ?? [])];
  const signers = looksSigned(file)
    ? verifyParts(parseEnvelope(file), all, fleetId, crypto, Authority.name)
    : [];
  const lacking = (role: typeof own) =>
    Math.max(0, role.threshold - role.keys.filter((key) => isAmong(key, signers)).length);
  return { value, fleetId, signers, missing: { own: lacking(own), before: old ? lacking(old) : 0 } };
}

/**
 * Adds one signature. Once none is missing the result is proven as everybody will prove it.
 * @throws FleetError "denied" for a key that may not sign it; ProtocolError.
 */
export function signAuthority(
  file: Uint8Array,
  signer: Signer,
  before: Trust | undefined,
  crypto: Crypto,
): Uint8Array {
  const { value, fleetId } = signingState(file, before, crypto);
  const roots = [value, ...(before ? [before.authority.value] : [])].flatMap(
    (authority) => roleIn(authority, "root").keys,
  );
  if (!isAmong(signer.publicKey, roots))
    throw new FleetError("denied", `this key is no root key of version ${value.version} or the one before`);
  const signed = looksSigned(file)
    ? addSignature(file, signer, fleetId, crypto)
    : sealEnvelope(Authority, value, signer, fleetId, crypto);
  const { missing } = signingState(signed, before, crypto);
  if (missing.own + missing.before === 0) {
    if (before) openNextAuthority(signed, before, crypto);
    else openFirstAuthority(signed, crypto);
  }
  return signed;
}

/** The Authority in a draft or in an envelope; nothing about it is trusted. @throws ProtocolError */
export function authorityIn(file: Uint8Array): Authority {
  return looksSigned(file) ? Authority.decode(parseEnvelope(file).payload) : decodeFrame(Authority, file);
}

function assertFollows({ version, previous }: Authority, before: Trust | undefined, crypto: Crypto): void {
  const known = before?.authority;
  if (version !== (known?.value.version ?? 0) + 1)
    throw new FleetError(
      "bad-request",
      `this is version ${version}; it needs the chain up to version ${version - 1}`,
    );
  const follows =
    !known || (previous && equalBytes(previous, crypto.sha256(parseEnvelope(known.bytes).payload)));
  if (!follows) throw new FleetError("bad-request", "this Authority does not name the version before it");
}

function isAmong(key: PublicKey, keys: readonly PublicKey[]): boolean {
  return keys.some((other) => equalBytes(other.bytes, key.bytes));
}
