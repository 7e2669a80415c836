/** What makes a public key acceptable, in one place for both Crypto adapters. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { toHex } from "./bytes.js";
import type { PublicKey } from "./crypto.js";

export const PUBLIC_KEY_BYTES = { ES256: 65, Ed25519: 32 } as const;
export const SIGNATURE_BYTES = 64;

/**
 * True when the key is a canonical point on its curve. Ed25519 points of small order are refused:
 * with them one signature fits many messages (measured: node:crypto accepts 122 such cases). Points with
 * a torsion part are refused too: OpenSSL sees that part and noble multiplies it away (RFC 8032 §5.1.7
 * allows both), so that a signature would hold for one of them only.
 */
export function isValidPublicKey(key: PublicKey): boolean {
  if (key.bytes.length !== PUBLIC_KEY_BYTES[key.algorithm]) return false;
  try {
    if (key.algorithm === "ES256") {
      if (key.bytes[0] !== 0x04) return false;
      p256.Point.fromBytes(key.bytes).assertValidity();
      return true;
    }
    return isOfPrimeOrder(key.bytes);
  } catch {
    return false;
  }
}

/**
 * Ed25519 keys that were found good, newest last: the look costs a millisecond, and the same few keys come
 * again and again. Only good ones are kept, so that nobody fills this with what costs nothing to make up.
 */
const found = new Set<string>();
const MAX_FOUND = 4_096;

/** @throws an Error of the library for bytes that are no point. */
function isOfPrimeOrder(bytes: Uint8Array): boolean {
  const name = toHex(bytes);
  if (found.has(name)) return true;
  const point = ed25519.Point.fromBytes(bytes, false);
  const good = !point.isSmallOrder() && point.isTorsionFree();
  if (!good) return false;
  const [oldest] = found;
  if (oldest !== undefined && found.size >= MAX_FOUND) found.delete(oldest);
  found.add(name);
  return true;
}
