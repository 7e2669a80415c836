/**
 * The port to cryptography: two signature algorithms and one hash, synchronous, so that a run can be
 * repeated. `NodeCrypto` serves machines with OpenSSL; `NobleCrypto` the rest, the browser and
 * simulations that must repeat to the byte. One differential test holds them together.
 */

/** RFC 9053 §2: ECDSA P-256 with SHA-256, or Ed25519. */
export type Algorithm = "ES256" | "Ed25519";

/** `bytes`: ES256: uncompressed point, 65 bytes (SEC 1 §2.3.3). Ed25519: 32 bytes (RFC 8032 §5.1.5). */
export interface PublicKey {
  readonly algorithm: Algorithm;
  readonly bytes: Uint8Array;
}

/** `secret`: ES256: big-endian scalar. Ed25519: seed. Both 32 bytes. Never logged, sent or stored in the event log. */
export interface PrivateKey {
  readonly algorithm: Algorithm;
  readonly secret: Uint8Array;
}

/** Source of `size` fresh random bytes. */
export type Entropy = (size: number) => Uint8Array;

export interface Crypto {
  /** 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
  generate(algorithm: Algorithm, entropy: Entropy): PrivateKey;
  publicKey(key: PrivateKey): PublicKey;
  /** 64 bytes: r ‖ s for ES256 (either S, since TPMs give either), R ‖ S for Ed25519. */
  sign(key: PrivateKey, message: Uint8Array): Uint8Array;
  /** False for a bad signature, and for a key that is not a valid point (low-order Ed25519 points included). */
  verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Where a private key stays: the key's public half, and one call that signs. */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(message: Uint8Array): Uint8Array;
}
