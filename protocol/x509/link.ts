/** One link of a chain: a certificate, and the one that issued it. Errors name the certificate. */
import { equalBytes } from "../bytes.js";
import type { Crypto } from "../crypto.js";
import { ProtocolError } from "../errors.js";
import { decodeCertificate, keyIdOf, type Certificate, type CertificateFields } from "./certificate.js";
import { equalNames } from "./name.js";

/** First and last second in which every certificate of a path holds, in Unix seconds; may be empty. */
export interface Dates {
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
}

/** When both hold. */
export function both(a: Dates, b: Dates): Dates {
  return {
    notBeforeSeconds: Math.max(a.notBeforeSeconds, b.notBeforeSeconds),
    notAfterSeconds: Math.min(a.notAfterSeconds, b.notAfterSeconds),
  };
}

/** `decodeCertificate`, with `what` in the error. @throws ProtocolError "bad-certificate". */
export function decodeLink(what: string, der: Uint8Array): Certificate {
  try {
    return decodeCertificate(der);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw refusal(what, cause.message, { cause });
  }
}

/**
 * The certificate says that `issuer` issued it, and the issuer's key signed it. Whether the issuer's
 * profile may issue this one is the caller's to know.
 * @throws ProtocolError "bad-certificate".
 */
export function checkIssued(
  what: string,
  certificate: Certificate,
  issuer: CertificateFields,
  crypto: Crypto,
): void {
  const { fields, tbs, algorithm, signature } = certificate;
  if (!equalBytes(fields.authorityKeyId, issuer.subjectKeyId) || !equalNames(fields.issuer, issuer.subject)) {
    throw refusal(what, "names another issuer");
  }
  if (!equalBytes(fields.subjectKeyId, keyIdOf(fields.publicKey, crypto))) {
    throw refusal(what, "has a key id that is not the hash of its key");
  }
  // The algorithm is the issuer key's own; what the certificate claims has to agree with it.
  if (algorithm !== issuer.publicKey.algorithm || !crypto.verify(issuer.publicKey, tbs, signature)) {
    throw refusal(what, "has a signature that its issuer's key did not make");
  }
}

export function refusal(what: string, why: string, options?: ErrorOptions): ProtocolError {
  return new ProtocolError("bad-certificate", `${what}: ${why}`, options);
}
