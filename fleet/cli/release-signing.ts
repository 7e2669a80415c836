/**
 * Signing for the roles release and transfer, one key at a time: a bundle in, a bundle out, on machines that
 * have neither a server nor a network. The first signature makes an envelope of each draft, further ones are
 * added. Pure.
 */
import { AdvisoryRemoval } from "../../protocol/advisory.js";
import { Approval } from "../../protocol/approval.js";
import { Authority, holdersOf, type RoleDocument, type Trust } from "../../protocol/authority.js";
import { joinBundle, splitBundle } from "../../protocol/bundle.js";
import { equalBytes, toHex } from "../../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import type { Crypto, Signer } from "../../protocol/crypto.js";
import { addSignature, sealEnvelope, verifyParts } from "../../protocol/envelope.js";
import { ProtocolError } from "../../protocol/errors.js";
import { decodeFrame, frameType } from "../../protocol/frame.js";
import { orRefusal } from "../../protocol/refusal.js";
import { Release } from "../../protocol/release.js";
import { Transfer } from "../../protocol/voucher.js";
import { authorityChain } from "./authority-chain.js";
import { type DocumentWords, documentWords } from "./document-words.js";
import { CliError, EXIT } from "./exit.js";

/** A file of drafts, taken apart. */
export interface ReleaseFile {
  /** Authorities that travel with the drafts. */
  readonly links: readonly Uint8Array[];
  /** To be signed: frames, or envelopes that others have signed. At least one. */
  readonly drafts: readonly Uint8Array[];
}

/** What one signature has come to. */
export interface SignedFile {
  readonly bundle: Uint8Array;
  readonly documents: readonly SignedWords[];
}

export interface SignedWords extends DocumentWords {
  readonly signatures: number;
  /** Signatures that it needs. */
  readonly threshold: number;
}

type Signable = RoleDocument<unknown, string>;
const SIGNABLE: readonly Signable[] = [Release, AdvisoryRemoval, Approval, Transfer];

/** @throws CliError "usage" for a file with anything else in it; ProtocolError for what is no bundle. */
export function readReleaseFile(bundle: Uint8Array): ReleaseFile {
  const links: Uint8Array[] = [];
  const drafts: Uint8Array[] = [];
  for (const item of splitBundle(bundle)) {
    const type = typeOf(item);
    if (looksSigned(item) && type === Authority.type) links.push(item);
    else if (SIGNABLE.some((message) => message.type === type)) drafts.push(item);
    else
      throw new CliError(
        EXIT.usage,
        `this file holds a ${documentWords(item).document}: not signed this way`,
      );
  }
  if (drafts.length === 0)
    throw new CliError(EXIT.usage, "nothing in this file is to be signed by release or transfer keys");
  return { links, drafts };
}

/**
 * The fleet of the drafts, proven to be the one that the person who signs means.
 * @param meant - what that person knows: the fleet's id, 16 bytes, or items of a file with its Authorities.
 * @throws CliError "denied" for drafts of another fleet, "usage" when the chain of either is not there.
 */
export function fleetOf(
  { links }: ReleaseFile,
  meant: Uint8Array | readonly Uint8Array[],
  crypto: Crypto,
): Trust {
  const known = meant instanceof Uint8Array ? [] : meant;
  const fleetId = meant instanceof Uint8Array ? meant : chainOf(known, undefined, crypto).fleetId;
  try {
    return chainOf(links, { fleetId, more: known }, crypto);
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.denied) throw error;
    throw new CliError(EXIT.denied, `these drafts are of another fleet, or not proven: ${error.message}`);
  }
}

/** The newest Authority that these prove. */
function chainOf(
  links: readonly Uint8Array[],
  of: { readonly fleetId: Uint8Array; readonly more: readonly Uint8Array[] } | undefined,
  crypto: Crypto,
): Trust {
  const all = [...links, ...(of?.more ?? [])];
  const { chain, refusal } = authorityChain(links, all, of?.fleetId, crypto);
  const newest = chain.at(-1);
  if (refusal) throw new CliError(EXIT.denied, refusal.message, { cause: refusal });
  if (newest) return newest;
  throw new CliError(
    EXIT.usage,
    "a file lacks Authority version 1, which says which fleet it is: daymark release draft, daymark ca export",
  );
}

/**
 * Adds a signature to every draft: the key must hold the role of each.
 * @throws CliError "denied" for a key that may not sign for this fleet; ProtocolError for signatures that are
 *   not good, and for a key that has signed before.
 */
export function signReleases(
  { links, drafts }: ReleaseFile,
  signer: Signer,
  trust: Trust,
  crypto: Crypto,
): SignedFile {
  const { fleetId } = trust;
  for (const { signedBy } of drafts.map(messageOf))
    if (!holdersOf(signedBy, trust).keys.some((key) => equalBytes(key.bytes, signer.publicKey.bytes)))
      throw new CliError(
        EXIT.denied,
        `this key is no ${signedBy} key of fleet ${toHex(fleetId)}: nothing was signed`,
      );
  const signed = drafts.map((draft) => {
    const message = messageOf(draft);
    if (!looksSigned(draft))
      return sealEnvelope(message, decodeFrame(message, draft), signer, fleetId, crypto);
    const parts = parseEnvelope(draft);
    message.decode(parts.payload); // what cannot be read cannot be shown, and is not signed
    verifyParts(parts, holdersOf(message.signedBy, trust).keys, fleetId, crypto, message.name);
    return addSignature(draft, signer, fleetId, crypto);
  });
  const documents = signed.map((item) => {
    const { threshold } = holdersOf(messageOf(item).signedBy, trust);
    return { ...documentWords(item), signatures: parseEnvelope(item).signatures.length, threshold };
  });
  return { bundle: joinBundle([...links, ...signed]), documents };
}

function typeOf(item: Uint8Array): number | undefined {
  const type = orRefusal(() => (looksSigned(item) ? parseEnvelope(item).type : frameType(item)));
  return type instanceof ProtocolError ? undefined : type;
}

function messageOf(draft: Uint8Array): Signable {
  const type = typeOf(draft);
  const message = SIGNABLE.find((known) => known.type === type);
  if (!message) throw new Error("a release file holds what these roles sign, and nothing else");
  return message;
}
