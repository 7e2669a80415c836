/** Which of the newest documents somebody lacks, given what they hold. Pure. */
import type { Authority } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import { parseEnvelope } from "../protocol/cose.js";
import type { Crypto } from "../protocol/crypto.js";
import { payloadHash } from "../protocol/envelope.js";
import { compareVersions, type Version } from "../protocol/version.js";
import { fromBase64Url, type HeldFact } from "./events.js";
import { asSigned, type Renew } from "./renewed-signatures.js";
import type { DeviceView, FleetView } from "./view.js";

/** A version that somebody holds; with `hash` it is known whether it is the very one. */
interface Held {
  readonly version: Version;
  readonly hash?: Uint8Array;
}
type Kind = "ledger" | "advisories" | "removals" | "directive" | "release";

/** What somebody holds: a vector that they signed, or what is left of it in the log. */
export type Holding = { readonly authority: { readonly version: number } } & {
  readonly [K in Kind]?: Held | undefined;
};

/** What a device has confirmed; version 1 of the Authority it has from its birth. */
export function confirmedBy(held: HeldFact | undefined): Holding {
  if (!held) return { authority: { version: 1 } };
  const kinds: readonly Kind[] = ["ledger", "advisories", "removals", "directive", "release"];
  const known = kinds.filter((kind) => held[kind][0] > 0).map((kind) => [kind, { version: held[kind] }]);
  return { authority: { version: held.authority }, ...Object.fromEntries(known) };
}

/** Links of the chain of Authorities, oldest first. */
export function lackingLinks({ authorities }: FleetView, version: number): readonly Uint8Array[] {
  const links: Uint8Array[] = [];
  for (let event = authorities.get(version + 1); event; event = authorities.get(++version + 1))
    if (event.signed !== undefined) links.push(fromBase64Url(event.signed));
  return links;
}

/**
 * Everything else that is newer than what is held, the most urgent first. What was signed in an earlier term
 * than the Authority names counts no more, and is left out.
 * @param device - whose directive and release belong to it; absent: for everyone.
 */
export function lackingDocuments(
  { beacon, advisories }: FleetView,
  device: DeviceView | undefined,
  holds: Holding,
  terms: Authority["terms"],
  crypto: Crypto,
  renew: Renew = asSigned,
): readonly Uint8Array[] {
  const newest: readonly (readonly [Kind, Issued | undefined, number])[] = [
    ["directive", device?.directive, terms.directive],
    ["release", device?.release, terms.directive],
    ["removals", advisories.removal, terms.advisory], // before the list, which may lack what it names
    ["advisories", advisories.list, terms.advisory],
    ["ledger", beacon, terms.ledger],
  ];
  return newest.flatMap(([kind, issued, term]) => {
    if (issued?.version[0] !== term) return [];
    const document = newerThan(holds[kind], issued, crypto);
    return document ? [renew(document)] : [];
  });
}

interface Issued {
  readonly version: Version;
  readonly signed?: string;
}

/** The document, unless this version with this content, or a newer one, is held. */
function newerThan(held: Held | undefined, issued: Issued, crypto: Crypto): Uint8Array | undefined {
  const { version, signed } = issued;
  if (signed === undefined) return undefined;
  const order = held ? compareVersions(version, held.version) : 1;
  if (order > 0) return fromBase64Url(signed);
  if (order < 0 || held?.hash === undefined) return undefined;
  return equalBytes(hashOf(issued, signed, crypto), held.hash) ? undefined : fromBase64Url(signed);
}

/** Of documents in the view: nearly everybody who asks holds the newest ones. */
const hashes = new WeakMap<Issued, Uint8Array>();

function hashOf(issued: Issued, signed: string, crypto: Crypto): Uint8Array {
  let hash = hashes.get(issued);
  if (!hash) hashes.set(issued, (hash = payloadHash(parseEnvelope(fromBase64Url(signed)), crypto)));
  return hash;
}
