/** Which of the CAs that an Authority lists belongs to a key, or to what a key has issued. */
import type { Authority, Trust } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import type { Signer } from "../protocol/crypto.js";
import { decodeCertificate, type Issuer } from "../protocol/x509/certificate.js";
import type { CaPurpose } from "../protocol/x509/trust.js";
import { type EventOf, fromBase64Url } from "./events.js";
import type { FleetView } from "./view.js";

/** The listed CA with this key, to issue under its own name. */
export function issuerWith({ issuers }: Authority, purpose: CaPurpose, signer: Signer): Issuer {
  const listed = issuers
    .filter((issuer) => issuer.purpose === purpose)
    .map(({ certificate }) => decodeCertificate(certificate).fields)
    .find(({ publicKey }) => equalBytes(publicKey.bytes, signer.publicKey.bytes));
  if (!listed) throw new Error(`the Authority lists no ${purpose} CA with the key in use`);
  return { name: listed.subject, signer };
}

/** The certificate of the CA that issued this one; undefined when it is listed no more. */
export function issuerOf(certificate: Uint8Array, { issuers }: Authority): Uint8Array | undefined {
  const { authorityKeyId } = decodeCertificate(certificate).fields;
  return issuers.find((ca) =>
    equalBytes(decodeCertificate(ca.certificate).fields.subjectKeyId, authorityKeyId),
  )?.certificate;
}

/**
 * The view in which LDevIDs of a CA that is listed no more have ended: nobody accepts them, so that a device
 * which repeats its request must get another one (P9).
 */
export function withoutDeadCertificates(view: FleetView, number: number, { authority }: Trust): FleetView {
  const device = view.devices.get(number);
  const isDead = ({ signed }: EventOf<"certificate-issued">) =>
    signed !== undefined && issuerOf(fromBase64Url(signed), authority.value) === undefined;
  if (!device?.certificates.some(isDead)) return view;
  const certificates = device.certificates.map((each) => (isDead(each) ? { ...each, notAfter: 0 } : each));
  return { ...view, devices: new Map(view.devices).set(number, { ...device, certificates }) };
}
