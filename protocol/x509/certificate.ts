/**
 * One certificate of ours (RFC 5280 §4.1): fields to DER and back. Decoding reads the typed fields, encodes
 * them again and demands the same bytes; that one comparison refuses every extension, order, flag and
 * encoding that the profile does not have. It does not verify signatures: see verify.ts.
 */
import { equalBytes } from "../bytes.js";
import type { Algorithm, Crypto, Entropy, PublicKey, Signer } from "../crypto.js";
import { ProtocolError } from "../errors.js";
import {
  bitString,
  readBitString,
  readSignatureAlgorithm,
  readSignatureValue,
  readSubjectPublicKeyInfo,
  signatureAlgorithm,
  signatureValue,
  subjectPublicKeyInfo,
} from "./algorithms.js";
import { constructedContext, der, DerReader, TAG, unsignedInteger } from "./der.js";
import { encodeName, readName, type Name } from "./name.js";
import {
  encodeExtensions,
  KEY_ID_BYTES,
  mayBePermanent,
  readExtensions,
  type Identity,
  type KeyIds,
} from "./profiles.js";
import { encodeTime, NEVER_EXPIRES_SECONDS, readTime } from "./time.js";

/** What is decided about a new certificate; the rest follows from its profile and its issuer. */
export type CertificateRequest = Identity & {
  /** From `newSerial`. */
  readonly serial: Uint8Array;
  readonly subject: Name;
  /** The caller has seen a signature by it (proof of possession). */
  readonly publicKey: PublicKey;
  /** Unix seconds; the certificate is valid in this second and in the last one. */
  readonly notBeforeSeconds: number;
  /** NEVER_EXPIRES_SECONDS for root, factory-ca, station and idevid; less for ldevid, gateway and service. */
  readonly notAfterSeconds: number;
};

export type CertificateFields = CertificateRequest & KeyIds & { readonly issuer: Name };

export interface Certificate {
  readonly fields: CertificateFields;
  /** TBSCertificate as received: what the issuer signed. */
  readonly tbs: Uint8Array;
  /** As the certificate claims; whoever verifies takes the algorithm from the issuer's key. */
  readonly algorithm: Algorithm;
  /** 64 bytes, raw. */
  readonly signature: Uint8Array;
}

/** Who issues: the name in its own certificate, and its key. A root is issued by itself. */
export interface Issuer {
  readonly name: Name;
  readonly signer: Signer;
}

const SERIAL_BYTES = 16;

/** INTEGER 2 in [0]: version 3 (RFC 5280 §4.1.2.1). */
const VERSION = constructedContext(0);
const VERSION_3 = der(VERSION, unsignedInteger(Uint8Array.of(2)));

/** 126 random bits; the two that are fixed make every serial positive and 16 bytes long (RFC 5280 §4.1.2.2). */
export function newSerial(entropy: Entropy): Uint8Array {
  const serial = Uint8Array.from(entropy(SERIAL_BYTES));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** The first 20 bytes of the SHA-256 of the subjectPublicKey bits (RFC 7093 §2, method 1). */
export function keyIdOf(key: PublicKey, crypto: Crypto): Uint8Array {
  return crypto.sha256(key.bytes).subarray(0, KEY_ID_BYTES);
}

/** DER of the signed certificate. @throws ProtocolError "out-of-range" for what the profile does not allow. */
export function issueCertificate(request: CertificateRequest, issuer: Issuer, crypto: Crypto): Uint8Array {
  const { algorithm } = issuer.signer.publicKey;
  const fields = {
    ...request,
    issuer: issuer.name,
    subjectKeyId: keyIdOf(request.publicKey, crypto),
    authorityKeyId: keyIdOf(issuer.signer.publicKey, crypto),
  };
  const tbs = encodeTbs(fields, algorithm);
  return encodeCertificate(tbs, algorithm, issuer.signer.sign(tbs));
}

/** @throws ProtocolError "bad-certificate" for anything but one certificate of one of our profiles. */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  try {
    const certificate = readCertificate(new Uint8Array(bytes)); // a copy: nobody changes it after the check
    const { fields, algorithm, signature } = certificate;
    if (!equalBytes(bytes, encodeCertificate(encodeTbs(fields, algorithm), algorithm, signature))) {
      throw new ProtocolError("malformed", `not byte for byte what the profile ${fields.profile} writes`);
    }
    return certificate;
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ProtocolError("bad-certificate", cause.message, { cause });
  }
}

function readCertificate(bytes: Uint8Array): Certificate {
  const certificate = new DerReader(bytes).enter(TAG.sequence);
  const tbs = certificate.element(TAG.sequence);
  const algorithm = readSignatureAlgorithm(certificate);
  const signature = readSignatureValue(algorithm, readBitString(certificate));
  return { fields: readTbs(new DerReader(tbs).enter(TAG.sequence)), tbs, algorithm, signature };
}

function encodeCertificate(tbs: Uint8Array, algorithm: Algorithm, signature: Uint8Array): Uint8Array {
  const value = bitString(signatureValue(algorithm, signature));
  return der(TAG.sequence, tbs, signatureAlgorithm(algorithm), value);
}

function encodeTbs(fields: CertificateFields, algorithm: Algorithm): Uint8Array {
  const { profile, serial, subject, notBeforeSeconds, notAfterSeconds } = fields;
  const first = serial[0] ?? 0;
  if (serial.length !== SERIAL_BYTES || first === 0 || first >= 0x80) {
    throw new ProtocolError("out-of-range", `a serial that is not positive and ${SERIAL_BYTES} bytes long`);
  }
  if (notBeforeSeconds > notAfterSeconds) {
    throw new ProtocolError("out-of-range", `${profile}: ends before it begins`);
  }
  if (!mayBePermanent(profile, notAfterSeconds === NEVER_EXPIRES_SECONDS)) {
    throw new ProtocolError("out-of-range", `${profile}: only factory identities and CAs never expire`);
  }
  if (profile === "idevid" && subject.serialNumber === undefined) {
    throw new ProtocolError("out-of-range", "idevid: a subject without serialNumber (IEEE 802.1AR §8.6)");
  }
  return der(
    TAG.sequence,
    VERSION_3,
    unsignedInteger(serial),
    signatureAlgorithm(algorithm),
    encodeName(fields.issuer),
    der(TAG.sequence, encodeTime(notBeforeSeconds), encodeTime(notAfterSeconds)),
    encodeName(subject),
    subjectPublicKeyInfo(fields.publicKey),
    encodeExtensions(fields),
  );
}

function readTbs(tbs: DerReader): CertificateFields {
  tbs.take(VERSION);
  const serial = tbs.unsigned();
  tbs.take(TAG.sequence); // the signature algorithm; the re-encoding shows that it is the outer one
  const issuer = readName(tbs);
  const validity = tbs.enter(TAG.sequence);
  const notBeforeSeconds = readTime(validity);
  const notAfterSeconds = readTime(validity);
  const subject = readName(tbs);
  const publicKey = readSubjectPublicKeyInfo(tbs);
  const extensions = readExtensions(tbs);
  return { ...extensions, serial, issuer, subject, publicKey, notBeforeSeconds, notAfterSeconds };
}
