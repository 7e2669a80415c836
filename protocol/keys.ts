/** What makes a public key acceptable, in one place for both Crypto adapters. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
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
    const point = ed25519.Point.fromBytes(key.bytes, false);
    return !point.isSmallOrder() && point.isTorsionFree();
  } catch {
    return false;
  }
}
