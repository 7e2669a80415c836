/** Takes a good certificate apart, changes one thing, and signs it again: wrong in exactly that. */
import { concatBytes } from "../../protocol/bytes.js";
import type { Algorithm, Signer } from "../../protocol/crypto.js";
import { bitString, signatureAlgorithm, signatureValue } from "../../protocol/x509/algorithms.js";
import { der, DerReader, TAG } from "../../protocol/x509/der.js";

/** Bytes as they stand, or an element that can still be changed. */
export type Part = Uint8Array | { tag: number; parts: Part[] };

/** The parts of TBSCertificate, by name (RFC 5280 §4.1). */
export interface TbsParts {
  version: Part;
  serial: Part;
  algorithm: Part;
  issuer: Part;
  validity: Part;
  subject: Part;
  publicKey: Part;
  /** Each one Extension, in the order of the profile. */
  extensions: Part[];
  /** Whatever else shall stand behind. */
  rest: Part[];
}

const CONSTRUCTED = 0x20;

/** @param outer - algorithm outside the signed part, if not the signer's own. */
export function forge(
  certificate: Uint8Array,
  signer: Signer,
  edit: (tbs: TbsParts) => void,
  outer: Algorithm = signer.publicKey.algorithm,
): Uint8Array {
  const tree = parts(new DerReader(new DerReader(certificate).enter(TAG.sequence).element(TAG.sequence)));
  const [version, serial, algorithm, issuer, validity, subject, publicKey, wrapped] = children(tree[0]);
  const list = children(children(wrapped)[0]);
  const tbs = { version, serial, algorithm, issuer, validity, subject, publicKey } as TbsParts;
  tbs.extensions = list;
  tbs.rest = [];
  edit(tbs);
  const extensions = der(0xa3, der(TAG.sequence, ...tbs.extensions.map(write)));
  const fields = [tbs.version, tbs.serial, tbs.algorithm, tbs.issuer, tbs.validity, tbs.subject];
  const signed = der(
    TAG.sequence,
    ...[...fields, tbs.publicKey].map(write),
    extensions,
    ...tbs.rest.map(write),
  );
  const value = bitString(signatureValue(outer, signer.sign(signed)));
  return der(TAG.sequence, signed, signatureAlgorithm(outer), value);
}

/** The elements inside `part`, for changing. */
export function children(part: Part | undefined): Part[] {
  if (!part || part instanceof Uint8Array)
    throw new TypeError("this part of the certificate has no children");
  return part.parts;
}

export function write(part: Part): Uint8Array {
  return part instanceof Uint8Array ? part : der(part.tag, ...part.parts.map(write));
}

/** The element with its length in one octet more than DER allows. */
export function withLongLength(element: Uint8Array): Uint8Array {
  const [tag = 0, size = 0] = element;
  if (size < 0x80) return concatBytes(Uint8Array.of(tag, 0x81, size), element.subarray(2));
  return concatBytes(Uint8Array.of(tag, size + 1, 0), element.subarray(2));
}

function parts(reader: DerReader): Part[] {
  const list: Part[] = [];
  for (let tag = reader.peek(); tag !== undefined; tag = reader.peek()) {
    list.push(tag & CONSTRUCTED ? { tag, parts: parts(reader.enter(tag)) } : reader.element(tag));
  }
  return list;
}
