/**
 * Keys and certificates in PEM, as a TLS library has them at hand: which key is whose, found once for each. Who shows
 * a certificate in the world must hold its key, as in TLS (RFC 8446 §4.4.3).
 */
import { privateKeyFromPem } from "../../protocol/adapters/node-crypto.js";
import { equalBytes } from "../../protocol/bytes.js";
import type { Crypto, PublicKey } from "../../protocol/crypto.js";
import { decodeCertificate } from "../../protocol/x509/certificate.js";

/** PEM texts that are remembered; then all are forgotten and read again. */
const MAX_KEPT = 10_000;

export class Keyring {
  readonly #crypto: Crypto;
  readonly #keys = new Map<string, PublicKey>();
  readonly #chains = new Map<string, readonly Uint8Array[]>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** The public half of a private key in PEM. @throws TypeError when it holds no key of ours. */
  publicKeyOf(pem: string): PublicKey {
    return kept(this.#keys, pem, () => this.#crypto.publicKey(privateKeyFromPem(pem)));
  }

  /** DER of each certificate in PEM text, in order. */
  chainOf(pem: string): readonly Uint8Array[] {
    return kept(this.#chains, pem, () =>
      [...pem.matchAll(CERTIFICATE)].map(([, base64 = ""]) => new Uint8Array(Buffer.from(base64, "base64"))),
    );
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g;

/** Is this the key of that certificate? What is no certificate has none. */
export function holds(key: PublicKey, leaf: Uint8Array): boolean {
  const certified = keyIn(leaf);
  return certified?.algorithm === key.algorithm && equalBytes(certified.bytes, key.bytes);
}

/** By the very bytes in memory: a certificate is shown again and again. */
const keysByLeaf = new WeakMap<Uint8Array, PublicKey>();

function keyIn(leaf: Uint8Array): PublicKey | undefined {
  const known = keysByLeaf.get(leaf);
  if (known) return known;
  try {
    const { publicKey } = decodeCertificate(leaf).fields;
    keysByLeaf.set(leaf, publicKey);
    return publicKey;
  } catch {
    return undefined; // whatever a stranger shows
  }
}

function kept<T>(known: Map<string, T>, pem: string, find: () => T): T {
  const found = known.get(pem) ?? find();
  if (known.size >= MAX_KEPT) known.clear();
  known.set(pem, found);
  return found;
}
