/**
 * `KeyStore` of a simulated device: keys go in and out as PEM, for the batch file and for the way between
 * processes. The PEM is kept, since TLS asks for it at every connect.
 */
import { assertKeyName, keyExists, noKey, privateKeyToPem } from "../../device/adapters/key-pem.js";
import type { KeyStore } from "../../device/ports.js";
import { nodeCrypto, privateKeyFromPem } from "../../protocol/adapters/node-crypto.js";
import type { Algorithm, Entropy, PrivateKey, PublicKey } from "../../protocol/crypto.js";

/** PKCS #8 PEM by name. */
export type PemKeys = Readonly<Record<string, string>>;

export class SwarmKeyStore implements KeyStore {
  readonly #entropy: Entropy;
  readonly #keys = new Map<string, { readonly key: PrivateKey; readonly pem: string }>();

  /** @throws TypeError when a PEM holds another kind of key. */
  constructor(entropy: Entropy, keys: PemKeys = {}) {
    this.#entropy = entropy;
    for (const [name, pem] of Object.entries(keys)) {
      assertKeyName(name);
      this.#keys.set(name, { key: privateKeyFromPem(pem), pem });
    }
  }

  pems(): PemKeys {
    return Object.fromEntries([...this.#keys].map(([name, { pem }]) => [name, pem]));
  }

  async create(name: string, algorithm: Algorithm): Promise<PublicKey> {
    assertKeyName(name);
    if (this.#keys.has(name)) throw keyExists(name);
    const key = nodeCrypto.generate(algorithm, this.#entropy);
    this.#keys.set(name, { key, pem: privateKeyToPem(key) });
    return nodeCrypto.publicKey(key);
  }

  async publicKey(name: string): Promise<PublicKey | undefined> {
    assertKeyName(name);
    const held = this.#keys.get(name);
    return held && nodeCrypto.publicKey(held.key);
  }

  async sign(name: string, message: Uint8Array): Promise<Uint8Array> {
    return nodeCrypto.sign(this.#named(name).key, message);
  }

  async tlsKey(name: string): Promise<string> {
    return this.#named(name).pem;
  }

  async remove(name: string): Promise<void> {
    assertKeyName(name);
    this.#keys.delete(name);
  }

  #named(name: string) {
    assertKeyName(name);
    const held = this.#keys.get(name);
    if (!held) throw noKey(name);
    return held;
  }
}
