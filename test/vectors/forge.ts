/**
 * Envelopes put together from RFC 9052 and cborg, not by protocol/envelope.ts, so that the two are held
 * against each other; any part can be made wrong. Keys are made for the vectors and sign nothing else.
 */
import { encode, rfc8949EncodeOptions, Tagged } from "cborg";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { concatBytes, fromHex, toHex, utf8 } from "../../protocol/bytes.js";
import type { Algorithm, PrivateKey } from "../../protocol/crypto.js";
import { testKey } from "../x509/helpers.js";

/** RFC 9053 §2.1 and §2.2. */
const ALG = { ES256: -7, Ed25519: -8 } as const;
/** n of P-256 (SEC 2 §2.4.2), and L of Ed25519 (RFC 8032 §5.1). */
const ORDER = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  Ed25519: 2n ** 252n + 27742317777372353535851937790883648493n,
} as const;

export const cbor = (item: unknown) => encode(item, rfc8949EncodeOptions);
export const tagged = (item: unknown) => cbor(new Tagged(18, item));
export type Header = ReadonlyMap<unknown, unknown>;

/** What can be different about an envelope. */
export interface Parts {
  readonly key: PrivateKey;
  readonly header: Header | Uint8Array;
  readonly unprotected: unknown;
  readonly payload: Uint8Array;
  readonly fleetId: Uint8Array;
  /** Given the 64 bytes that were signed. */
  readonly signature: (signature: Uint8Array) => unknown;
  /** Given the four parts, once signed. */
  readonly whole: (item: readonly unknown[]) => Uint8Array;
}

/** @param usual - what stands where a vector says nothing else. */
export function forge(algorithm: Algorithm, usual: Pick<Parts, "payload" | "fleetId"> & { typ: number }) {
  const other: Algorithm = algorithm === "ES256" ? "Ed25519" : "ES256";
  const keys = {
    hold: testKey(algorithm, "vectors hold", nobleCrypto),
    hold2: testKey(algorithm, "vectors hold 2", nobleCrypto),
    release: testKey(algorithm, "vectors release", nobleCrypto),
    /** Of the other algorithm. */
    other: testKey(other, "vectors other", nobleCrypto),
  };
  const kid = kidOf(keys.hold);
  const header: Header = new Map<unknown, unknown>([
    [1, ALG[algorithm]],
    [4, kid],
    [16, usual.typ],
  ]);

  function seal(change: Partial<Parts> = {}): Uint8Array {
    const parts: Parts = {
      key: keys.hold,
      header,
      unprotected: new Map(),
      payload: usual.payload,
      fleetId: usual.fleetId,
      signature: (signature) => signature,
      whole: tagged,
      ...change,
    };
    const bodyProtected = parts.header instanceof Uint8Array ? parts.header : cbor(parts.header);
    const externalData = concatBytes(utf8("daymark/1"), parts.fleetId);
    const toBeSigned = cbor(["Signature1", bodyProtected, externalData, parts.payload]); // RFC 9052 §4.4
    const signature = parts.signature(nobleCrypto.sign(parts.key, toBeSigned));
    return parts.whole([bodyProtected, parts.unprotected, parts.payload, signature]);
  }

  /** S is big-endian in ECDSA (RFC 9053 §2.1) and little-endian in Ed25519 (RFC 8032 §5.1.6). */
  function withS(change: (s: bigint, order: bigint) => bigint) {
    const bigEndian = (half: Uint8Array) => (algorithm === "ES256" ? half : half.toReversed());
    return (signature: Uint8Array) => {
      const s = BigInt(`0x${toHex(bigEndian(signature.slice(32)))}`);
      const changed = change(s, ORDER[algorithm]) % 2n ** 256n;
      return concatBytes(signature.slice(0, 32), bigEndian(fromHex(changed.toString(16).padStart(64, "0"))));
    };
  }

  return {
    keys,
    kid,
    header,
    alg: ALG[algorithm],
    otherAlg: ALG[other],
    seal,
    withS,
    headerWith: (key: unknown, item: unknown): Header => new Map([...header, [key, item]]),
    headerWithout: (key: number): Header => new Map([...header].filter(([name]) => name !== key)),
  };
}

/** First 8 bytes of the SHA-256 of the public key's bytes. */
export function kidOf(key: PrivateKey): Uint8Array {
  return nobleCrypto.sha256(nobleCrypto.publicKey(key).bytes).slice(0, 8);
}
