/** What a peer lacks of what is held here, as far as it can take it. Pure. */
import { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import { Authority } from "../protocol/authority.js";
import { Beacon } from "../protocol/beacon.js";
import { equalBytes } from "../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../protocol/cose.js";
import type { Crypto } from "../protocol/crypto.js";
import { Directive } from "../protocol/directive.js";
import { payloadHash } from "../protocol/envelope.js";
import { decodeFrame } from "../protocol/frame.js";
import { LedgerPart } from "../protocol/ledger-part.js";
import type { PeerHello } from "../protocol/peer.js";
import { compareVersions, NO_VERSION, type Version } from "../protocol/version.js";
import { mailCore } from "./mail.js";

interface Offer {
  readonly items: readonly Uint8Array[];
  /** Items that the peer lacks and that did not fit. */
  readonly leftOut: number;
}

/**
 * @param items - envelopes and ledger parts that were verified here; their order is kept.
 * @param maxBytes - of all together. Envelopes go before ledger data, of which some alone is of no use.
 */
export function offerTo(
  peer: PeerHello,
  items: readonly Uint8Array[],
  maxBytes: number,
  crypto: Crypto,
): Offer {
  const lacking = items.filter((item) => lacks(peer, item, crypto));
  const envelopes = firstThatFit(lacking.filter(looksSigned), maxBytes);
  const ledger = lacking.filter((item) => !looksSigned(item));
  const whole = sizeOf(envelopes) + sizeOf(ledger) <= maxBytes;
  const fitting = new Set(whole ? [...envelopes, ...ledger] : envelopes);
  const chosen = lacking.filter((item) => fitting.has(item));
  return { items: chosen, leftOut: lacking.length - chosen.length };
}

/** In order; one that does not fit is passed over. */
export function firstThatFit(items: readonly Uint8Array[], maxBytes: number): readonly Uint8Array[] {
  let left = maxBytes;
  return items.filter(({ length }) => {
    if (length > left) return false;
    left -= length;
    return true;
  });
}

/** In bytes. */
export function sizeOf(items: readonly Uint8Array[]): number {
  return items.reduce((sum, { length }) => sum + length, 0);
}

interface Held {
  readonly version: Version;
  readonly hash: Uint8Array;
}

/**
 * Newer than what the peer names; or of the same version and with another content, which is a fork: who
 * signs twice is found out where both are seen.
 */
function lacks(peer: PeerHello, item: Uint8Array, crypto: Crypto): boolean {
  if (!looksSigned(item)) {
    const { to } = decodeFrame(LedgerPart, item);
    return compareVersions(to, peer.holds.ledger?.version ?? NO_VERSION) > 0;
  }
  const parts = parseEnvelope(item);
  const { version, held } = compared(peer, item, parts) ?? {};
  if (!version) return false;
  const order = held ? compareVersions(version, held.version) : 1;
  return order > 0 || (order === 0 && !equalBytes(payloadHash(parts, crypto), held!.hash));
}

/** The version of a document, and what the peer has of its kind; undefined for what is none of its business. */
function compared(
  { number, holds }: PeerHello,
  item: Uint8Array,
  { type, payload }: { readonly type: number; readonly payload: Uint8Array },
): { readonly version: Version; readonly held: Held | undefined } | undefined {
  switch (type) {
    case Authority.type: {
      const { version, hash } = holds.authority;
      return { version: [0, Authority.decode(payload).version], held: { version: [0, version], hash } };
    }
    case Beacon.type:
      return { version: Beacon.decode(payload).version, held: holds.ledger };
    case AdvisoryList.type:
      return { version: AdvisoryList.decode(payload).version, held: holds.advisories };
    case AdvisoryRemoval.type:
      return { version: AdvisoryRemoval.decode(payload).version, held: holds.removals };
    default: {
      const mail = mailCore(item);
      if (mail?.subject !== number) return undefined;
      return { version: mail.version, held: type === Directive.type ? holds.directive : holds.release };
    }
  }
}
