/** X.501 names, as far as our certificates use them: organization, common name, serial number, in this order. */
import { equalBytes, utf8 } from "../bytes.js";
import { ProtocolError } from "../errors.js";
import { der, oid, TAG, type DerReader } from "./der.js";

export interface Name {
  readonly commonName: string;
  readonly organization?: string;
  /** IEEE 802.1AR §8.6: the product's serial number, in every IDevID. PrintableString characters only. */
  readonly serialNumber?: string;
}

/**
 * Of UTF-8, for each part. RFC 5280 appendix A.1 allows 64 characters; counted in bytes, every certificate
 * but a gateway's fits into a message of ours (1,024 bytes).
 */
const MAX_NAME_BYTES = 64;

/** Control characters would forge log lines; lone surrogates have no UTF-8. */
const UNSAFE = /[\p{Cc}\p{Cs}]/u;
/** X.680 §41.4. */
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;

/** In the order in which they are written. */
const ATTRIBUTES = [
  { key: "organization", id: oid("2.5.4.10"), tag: TAG.utf8String },
  { key: "commonName", id: oid("2.5.4.3"), tag: TAG.utf8String },
  { key: "serialNumber", id: oid("2.5.4.5"), tag: TAG.printableString },
] as const;

/** @throws ProtocolError "out-of-range" when a part is empty, too long or has characters that it may not have. */
export function encodeName(name: Name): Uint8Array {
  const parts = ATTRIBUTES.flatMap(({ key, id, tag }) => {
    const text = name[key];
    if (text === undefined) return [];
    const bytes = utf8(text);
    if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES || UNSAFE.test(text)) {
      throw new ProtocolError(
        "out-of-range",
        `${key} must be 1 to ${MAX_NAME_BYTES} bytes of printable UTF-8`,
      );
    }
    if (tag === TAG.printableString && !PRINTABLE.test(text)) {
      throw new ProtocolError("out-of-range", `${key} must have PrintableString characters only`);
    }
    return [der(TAG.set, der(TAG.sequence, id, der(tag, bytes)))];
  });
  return der(TAG.sequence, ...parts);
}

/** Loose about order and string types: whoever decodes a certificate compares it with its re-encoding. */
export function readName(reader: DerReader): Name {
  const parts: { commonName?: string; organization?: string; serialNumber?: string } = {};
  const list = reader.enter(TAG.sequence);
  while (list.peek() !== undefined) {
    const pair = list.enter(TAG.set).enter(TAG.sequence);
    const id = pair.element(TAG.oid);
    const attribute = ATTRIBUTES.find((known) => equalBytes(known.id, id));
    if (!attribute) throw new ProtocolError("malformed", "a name with an attribute that we do not use");
    parts[attribute.key] = decodeText(pair.take(attribute.tag));
  }
  const { commonName, ...rest } = parts;
  if (commonName === undefined) throw new ProtocolError("malformed", "a name without a common name");
  return { commonName, ...rest };
}

export function equalNames(a: Name, b: Name): boolean {
  return ATTRIBUTES.every(({ key }) => a[key] === b[key]);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ProtocolError("malformed", "a name that is not UTF-8", { cause });
  }
}
