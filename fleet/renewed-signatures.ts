/**
 * Documents outlive the keys that signed them. One that still counts is signed again before it goes to somebody
 * who does not hold it, since nobody takes the word of a key that was replaced. The payload stays, and with it
 * version and hash: for those who hold the document it is the same one.
 */
import { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import { roleIn, type RoleDocument } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import { type EnvelopeParts, keyId, parseEnvelope } from "../protocol/cose.js";
import { Directive } from "../protocol/directive.js";
import { sealEnvelope, type SignedBy } from "../protocol/envelope.js";
import type { Crypto } from "../protocol/crypto.js";
import { Release } from "../protocol/release.js";
import { toBase64Url } from "./events.js";
import type { SealingContext } from "./sealing.js";

/** Signed again and kept, so that who asks again gets the same bytes. */
const MAX_KEPT = 10_000;
const DOCUMENTS: readonly RoleDocument<unknown, string>[] = [
  Directive,
  Release,
  AdvisoryList,
  AdvisoryRemoval,
];

/** What makes a document one that its receiver can verify today. */
export type Renew = (document: Uint8Array) => Uint8Array;

/** For those who have none to make. */
export const asSigned: Renew = (document) => document;

export class RenewedSignatures {
  readonly #kept = new Map<string, Uint8Array>();

  /**
   * The document as the key of today signs it. Where that key is elsewhere it stays as it is: its holders have
   * to say it anew.
   */
  renewed(document: Uint8Array, { trust, keys, crypto }: SealingContext): Uint8Array {
    const parts = parseEnvelope(document);
    const message = DOCUMENTS.find(({ type }) => type === parts.type);
    if (!message) return document;
    const by = roleIn(trust.authority.value, message.signedBy);
    const key = keys[message.signedBy];
    if (isSignedBy(parts, by, crypto) || !key || by.threshold > 1) return document;
    const name = `${trust.authority.value.version} ${toBase64Url(document)}`;
    const known = this.#kept.get(name);
    if (known) return known;
    const fresh = sealEnvelope(message, message.decode(parts.payload), key, trust.fleetId, crypto);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(name, fresh);
    return fresh;
  }
}

/** By whom, not whether the signature is good: it is our own, from the log. */
function isSignedBy({ signatures }: EnvelopeParts, { keys, threshold }: SignedBy, crypto: Crypto): boolean {
  const ids = keys.map((key) => keyId(key, crypto));
  return (
    signatures.length >= threshold && signatures.every(({ kid }) => ids.some((id) => equalBytes(id, kid)))
  );
}
