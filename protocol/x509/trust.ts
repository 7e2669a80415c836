/** What a fleet's Authority says about certificates, verified once: the CAs, what each may issue, their roots. */
import { equalBytes } from "../bytes.js";
import type { Crypto } from "../crypto.js";
import type { CertificateFields } from "./certificate.js";
import { both, checkIssued, decodeLink, refusal, type Dates } from "./link.js";
import type { Profile } from "./profiles.js";

/** What a CA issues: stations; devices' LDevIDs; gateways and services. */
export type CaPurpose = "factory" | "device" | "service";

/** Certificates in DER. Not to be changed after its first use: the answer of `verifyTrust` is kept. */
export interface CertificateTrust {
  /** 16 bytes. */
  readonly fleetId: Uint8Array;
  readonly roots: readonly Uint8Array[];
  /** One certificate, and so one purpose, for each CA key. */
  readonly issuers: readonly { readonly purpose: CaPurpose; readonly certificate: Uint8Array }[];
}

export interface VerifiedIssuer {
  readonly purpose: CaPurpose;
  readonly fields: CertificateFields;
  /** Of this CA and its root together. */
  readonly dates: Dates;
}

const CA_PROFILE: Record<CaPurpose, Profile> = {
  factory: "factory-ca",
  device: "issuing-ca",
  service: "issuing-ca",
};

const verified = new WeakMap<CertificateTrust, readonly VerifiedIssuer[]>();

/**
 * Checks that every CA in `trust` goes back to one of its roots. To be called before an Authority is signed
 * or stored, since under a bad one nobody could verify any certificate.
 * @throws ProtocolError "bad-certificate".
 */
export function verifyTrust(trust: CertificateTrust, crypto: Crypto): readonly VerifiedIssuer[] {
  const known = verified.get(trust);
  if (known) return known;
  const roots = trust.roots.map((der, i) => verifyRoot(`root ${i}`, der, crypto));
  const issuers = trust.issuers.map(({ purpose, certificate }, i) =>
    verifyIssuer(`${purpose} CA ${i}`, purpose, certificate, roots, crypto),
  );
  issuers.forEach(({ purpose, fields }, i) => {
    if (issuers.findIndex((other) => equalBytes(other.fields.subjectKeyId, fields.subjectKeyId)) !== i) {
      throw refusal(`${purpose} CA ${i}`, "has a key that is listed before");
    }
  });
  verified.set(trust, issuers);
  return issuers;
}

function verifyRoot(what: string, der: Uint8Array, crypto: Crypto): CertificateFields {
  const root = decodeLink(what, der);
  if (root.fields.profile !== "root") throw refusal(what, "is a certificate of another profile");
  checkIssued(what, root, root.fields, crypto);
  return root.fields;
}

function verifyIssuer(
  what: string,
  purpose: CaPurpose,
  der: Uint8Array,
  roots: readonly CertificateFields[],
  crypto: Crypto,
): VerifiedIssuer {
  const ca = decodeLink(what, der);
  const { fields } = ca;
  if (fields.profile !== CA_PROFILE[purpose]) throw refusal(what, "is a certificate of another profile");
  const root = roots.find((candidate) => equalBytes(candidate.subjectKeyId, fields.authorityKeyId));
  if (!root) throw refusal(what, "is issued by no root that the Authority lists");
  checkIssued(what, ca, root, crypto);
  return { purpose, fields, dates: both(fields, root) };
}
