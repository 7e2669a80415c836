/**
 * The one verifier of certificate chains, for both ends of TLS, for imports and for peers. It knows our
 * profiles and nothing else, reads no clock, and answers dates instead of failing on them: an expired
 * certificate still says who is at the door (DESIGN.md P9).
 */
import { equalBytes } from "../bytes.js";
import type { Crypto, PublicKey } from "../crypto.js";
import type { Certificate, CertificateFields } from "./certificate.js";
import { both, checkIssued, decodeLink, refusal, type Dates } from "./link.js";
import { verifyTrust, type CaPurpose, type CertificateTrust, type VerifiedIssuer } from "./trust.js";

/**
 * Where now lies in the dates of the whole path, first and last second included. "future": some
 * certificate is not valid yet, whatever the others say, so that whoever lets expired ones in lets no
 * future-dated one in. "expired": else, some certificate has run out. "current": all of them hold.
 */
type Window = "current" | "expired" | "future";

export interface CertificateVerdict {
  readonly profile: HolderProfile;
  readonly number: number;
  /** Of an LDevID; 0 for all others. */
  readonly generation: number;
  readonly publicKey: PublicKey;
  readonly window: Window;
  /** The leaf's own dates, Unix seconds. */
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
  /** Those of the whole path together: what `window` was found by, and can be found by again. */
  readonly path: Dates;
  /** Who issued an IDevID; absent for all others. */
  readonly station?: { readonly number: number; readonly publicKey: PublicKey };
}

type HolderFields = Extract<CertificateFields, { readonly holder: unknown }>;
export type HolderProfile = HolderFields["profile"];
type HolderCertificate = Certificate & { readonly fields: HolderFields };

/** Leaf, station, factory CA, root: the longest chain that a peer has a reason to send. */
const MAX_CHAIN = 4;

const ISSUED_BY: Record<HolderProfile, CaPurpose> = {
  station: "factory",
  idevid: "factory", // through its station
  ldevid: "device",
  gateway: "service",
  service: "service",
};

/**
 * Who holds this certificate, and do its dates hold now? One signature check, two for an IDevID.
 * @param chain - DER, leaf first; after an IDevID its station. What follows must be certificates that
 *   `trust` lists (TLS libraries like to send the CAs along); they are ignored. At most 4 in all.
 * @param nowSeconds - Unix seconds.
 * @throws ProtocolError "bad-certificate" when anything but the dates is wrong, in `trust` too.
 */
export function verifyChain(
  chain: readonly Uint8Array[],
  trust: CertificateTrust,
  nowSeconds: number,
  crypto: Crypto,
): CertificateVerdict {
  const issuers = verifyTrust(trust, crypto);
  if (chain.length > MAX_CHAIN) throw refusal("chain", `has more than ${MAX_CHAIN} certificates`);
  const [first, ...above] = chain;
  if (!first) throw refusal("chain", "is empty");
  const leaf = decodeHolder("leaf", first, trust);
  const station = leaf.fields.profile === "idevid" ? decodeStation(above.shift(), trust) : undefined;
  checkOnlyListed(above, trust);

  const top = station ?? leaf;
  const issuer = issuerOf(station ? "station" : "leaf", top.fields, issuers);
  checkIssued(station ? "station" : "leaf", top, issuer.fields, crypto);
  if (station) checkIssued("leaf", leaf, station.fields, crypto);

  const { profile, holder, publicKey, notBeforeSeconds, notAfterSeconds } = leaf.fields;
  const dates = both(leaf.fields, both(top.fields, issuer.dates));
  return {
    profile,
    number: holder.number,
    generation: holder.generation,
    publicKey,
    window: windowAt(nowSeconds, dates),
    notBeforeSeconds,
    notAfterSeconds,
    path: dates,
    ...(station && {
      station: { number: station.fields.holder.number, publicKey: station.fields.publicKey },
    }),
  };
}

function decodeHolder(what: string, der: Uint8Array, trust: CertificateTrust): HolderCertificate {
  const certificate = decodeLink(what, der);
  const { fields } = certificate;
  if (!("holder" in fields)) throw refusal(what, "is a CA's, which names no holder");
  if (!equalBytes(fields.holder.fleetId, trust.fleetId)) throw refusal(what, "belongs to another fleet");
  return { ...certificate, fields };
}

function decodeStation(der: Uint8Array | undefined, trust: CertificateTrust): HolderCertificate {
  if (!der) throw refusal("chain", "lacks the station that issued the IDevID");
  const station = decodeHolder("station", der, trust);
  if (station.fields.profile !== "station") throw refusal("station", "is a certificate of another profile");
  return station;
}

/** The listed CA with the key that `fields` names, if such a CA may issue this profile. */
function issuerOf(what: string, fields: HolderFields, issuers: readonly VerifiedIssuer[]): VerifiedIssuer {
  const issuer = issuers.find((ca) => equalBytes(ca.fields.subjectKeyId, fields.authorityKeyId));
  if (!issuer) throw refusal(what, "is issued by no CA that the Authority lists");
  if (issuer.purpose !== ISSUED_BY[fields.profile]) {
    throw refusal(what, `is a ${fields.profile} certificate, which no ${issuer.purpose} CA may issue`);
  }
  return issuer;
}

function checkOnlyListed(certificates: readonly Uint8Array[], trust: CertificateTrust): void {
  const listed = [...trust.roots, ...trust.issuers.map(({ certificate }) => certificate)];
  if (!certificates.every((certificate) => listed.some((known) => equalBytes(known, certificate)))) {
    throw refusal("chain", "has a certificate that its leaf does not need and the Authority does not list");
  }
}

/** @param dates - of a whole path. A time that is no number is never "current". */
export function windowAt(nowSeconds: number, { notBeforeSeconds, notAfterSeconds }: Dates): Window {
  if (!(nowSeconds >= notBeforeSeconds)) return "future";
  return nowSeconds <= notAfterSeconds ? "current" : "expired";
}
