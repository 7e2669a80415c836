/**
 * The closed list of certificate profiles, and the extensions that each of them has, in this order and no
 * others: basicConstraints, keyUsage, extendedKeyUsage, subjectAltName, subject and authority key id.
 *
 *     root ─┬─ factory-ca ── station ── idevid
 *           └─ issuing-ca ── ldevid | gateway | service
 */
import { equalBytes } from "../bytes.js";
import { ProtocolError } from "../errors.js";
import { constructedContext, context, der, oid, TAG, unsignedInteger, type DerReader } from "./der.js";
import { alternativeNames, MAX_HOSTS, readAlternativeNames, type Holder, type HolderKind } from "./holder.js";

/**
 * Whom a certificate names, and as what. Device CAs and service CAs are both `issuing-ca`: the Authority
 * that lists them says which is which, because the fleet id that a name would hold is a hash over it.
 */
export type Identity =
  | { readonly profile: "root" | "factory-ca" | "issuing-ca" }
  | { readonly profile: "station" | "idevid" | "ldevid" | "service"; readonly holder: Holder }
  /** `hosts`: 1 to MAX_HOSTS DNS names and addresses. */
  | { readonly profile: "gateway"; readonly holder: Holder; readonly hosts: readonly string[] };
export type Profile = Identity["profile"];

/** RFC 7093 §2, method 1, of the subject's and of the issuer's key: 20 bytes each. */
export interface KeyIds {
  readonly subjectKeyId: Uint8Array;
  readonly authorityKeyId: Uint8Array;
}

export const KEY_ID_BYTES = 20;

interface Shape {
  /** basicConstraints pathLenConstraint; absent for an end entity. */
  readonly pathLength?: number;
  readonly keyUsage: Uint8Array;
  readonly extendedKeyUsage?: Uint8Array;
  readonly kind?: HolderKind;
  /** True: never expires. False: always does. Absent: either. */
  readonly permanent?: boolean;
}

/** Named bits in their shortest form (X.690 §11.2.2): digitalSignature is bit 0, keyCertSign bit 5. */
const KEY_USAGE = {
  digitalSignature: der(TAG.bitString, Uint8Array.of(7, 0x80)),
  keyCertSign: der(TAG.bitString, Uint8Array.of(2, 0x04)),
  both: der(TAG.bitString, Uint8Array.of(2, 0x84)),
} as const;
const SERVER_AUTH = der(TAG.sequence, oid("1.3.6.1.5.5.7.3.1"));
const CLIENT_AUTH = der(TAG.sequence, oid("1.3.6.1.5.5.7.3.2"));

const SHAPES: Record<Profile, Shape> = {
  root: { pathLength: 2, keyUsage: KEY_USAGE.keyCertSign, permanent: true },
  "factory-ca": { pathLength: 1, keyUsage: KEY_USAGE.keyCertSign, permanent: true },
  "issuing-ca": { pathLength: 0, keyUsage: KEY_USAGE.keyCertSign },
  // A station signs birth records too, and must not end, or its births would die with it (DESIGN.md §9).
  station: { pathLength: 0, keyUsage: KEY_USAGE.both, kind: "station", permanent: true },
  idevid: end("device", CLIENT_AUTH, true),
  ldevid: end("device", CLIENT_AUTH, false),
  gateway: end("gateway", SERVER_AUTH, false),
  service: end("service", CLIENT_AUTH, false),
};

const OID = {
  basicConstraints: oid("2.5.29.19"),
  keyUsage: oid("2.5.29.15"),
  extendedKeyUsage: oid("2.5.29.37"),
  subjectAltName: oid("2.5.29.17"),
  subjectKeyId: oid("2.5.29.14"),
  authorityKeyId: oid("2.5.29.35"),
} as const;
const OIDS = Object.values(OID);

const TRUE = der(TAG.boolean, Uint8Array.of(0xff));
/** [0] keyIdentifier in AuthorityKeyIdentifier (RFC 5280 §4.2.1.1). */
const KEY_IDENTIFIER = context(0);
/** [3] extensions in TBSCertificate (RFC 5280 §4.1). */
const EXTENSIONS = constructedContext(3);

/** @throws ProtocolError "out-of-range" when the profile does not allow these values. */
export function encodeExtensions(of: Identity & KeyIds): Uint8Array {
  const { pathLength, keyUsage, extendedKeyUsage, kind } = SHAPES[of.profile];
  const constraints = pathLength === undefined ? [] : [TRUE, unsignedInteger(Uint8Array.of(pathLength))];
  const list = [
    critical(OID.basicConstraints, der(TAG.sequence, ...constraints)),
    critical(OID.keyUsage, keyUsage),
    ...(extendedKeyUsage ? [extension(OID.extendedKeyUsage, extendedKeyUsage)] : []),
    ...(kind ? [extension(OID.subjectAltName, subjectAltName(of, kind))] : []),
    extension(OID.subjectKeyId, der(TAG.octetString, keyId(of.subjectKeyId))),
    extension(OID.authorityKeyId, der(TAG.sequence, der(KEY_IDENTIFIER, keyId(of.authorityKeyId)))),
  ];
  return der(EXTENSIONS, der(TAG.sequence, ...list));
}

/** Loose about flags, order and repeats: whoever decodes a certificate compares it with its re-encoding. */
export function readExtensions(tbs: DerReader): Identity & KeyIds {
  const values = new Map<Uint8Array, DerReader>();
  const list = tbs.enter(EXTENSIONS).enter(TAG.sequence);
  while (list.peek() !== undefined) {
    const extension = list.enter(TAG.sequence);
    const found = extension.element(TAG.oid);
    const id = OIDS.find((known) => equalBytes(known, found));
    if (!id) throw new ProtocolError("malformed", "an extension that no profile has");
    if (extension.peek() === TAG.boolean) extension.take(TAG.boolean);
    values.set(id, extension.enter(TAG.octetString));
  }
  const value = (id: Uint8Array): DerReader => {
    const found = values.get(id);
    if (!found) throw new ProtocolError("malformed", "an extension that every profile has is missing");
    return found;
  };
  return {
    ...identity(value(OID.basicConstraints), values.get(OID.subjectAltName)),
    subjectKeyId: value(OID.subjectKeyId).take(TAG.octetString),
    authorityKeyId: value(OID.authorityKeyId).enter(TAG.sequence).take(KEY_IDENTIFIER),
  };
}

/** True when the profile allows a certificate to end, or not to end, like this. */
export function mayBePermanent(profile: Profile, permanent: boolean): boolean {
  return (SHAPES[profile].permanent ?? permanent) === permanent;
}

function end(kind: HolderKind, extendedKeyUsage: Uint8Array, permanent: boolean): Shape {
  return { keyUsage: KEY_USAGE.digitalSignature, extendedKeyUsage, kind, permanent };
}

function subjectAltName(of: Identity, kind: HolderKind): Uint8Array {
  if (!("holder" in of)) throw new ProtocolError("out-of-range", `${of.profile}: names no holder`);
  if (of.profile === "ldevid" ? of.holder.generation === 0 : of.holder.generation !== 0) {
    throw new ProtocolError("out-of-range", `${of.profile}: generation is from 1 in an LDevID, else 0`);
  }
  const hosts = of.profile === "gateway" ? of.hosts : [];
  if (of.profile === "gateway" && (hosts.length === 0 || hosts.length > MAX_HOSTS)) {
    throw new ProtocolError("out-of-range", `a gateway has 1 to ${MAX_HOSTS} hosts`);
  }
  return alternativeNames(kind, of.holder, hosts);
}

function identity(basicConstraints: DerReader, subjectAltName?: DerReader): Identity {
  if (subjectAltName) {
    const { kind, holder, hosts } = readAlternativeNames(subjectAltName);
    if (kind === "gateway") return { profile: kind, holder, hosts };
    if (kind !== "device") return { profile: kind, holder };
    return { profile: holder.generation === 0 ? "idevid" : "ldevid", holder };
  }
  const constraints = basicConstraints.enter(TAG.sequence);
  if (constraints.peek() === undefined) {
    throw new ProtocolError("malformed", "an end entity that names no holder");
  }
  constraints.take(TAG.boolean);
  const [pathLength] = constraints.unsigned();
  for (const profile of ["root", "factory-ca", "issuing-ca"] as const) {
    if (SHAPES[profile].pathLength === pathLength) return { profile };
  }
  throw new ProtocolError("malformed", "a CA with a path length that no profile has");
}

function keyId(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== KEY_ID_BYTES) {
    throw new ProtocolError("out-of-range", `a key id of other than ${KEY_ID_BYTES} bytes`);
  }
  return bytes;
}

function extension(id: Uint8Array, value: Uint8Array): Uint8Array {
  return der(TAG.sequence, id, der(TAG.octetString, value));
}

function critical(id: Uint8Array, value: Uint8Array): Uint8Array {
  return der(TAG.sequence, id, TRUE, der(TAG.octetString, value));
}
