/** `KeyStore` that lasts as long as its process: for simulations and tests. */
import type { Algorithm, Crypto, Entropy, PrivateKey, PublicKey } from "../../protocol/crypto.js";
import type { KeyStore } from "../ports.js";
import { assertKeyName, keyExists, noKey, privateKeyToPem } from "./key-pem.js";

export class MemoryKeyStore implements KeyStore {
  readonly #crypto: Crypto;
  readonly #entropy: Entropy;
  readonly #keys = new Map<string, PrivateKey>();

  constructor(crypto: Crypto, entropy: Entropy) {
    this.#crypto = crypto;
    this.#entropy = entropy;
  }

  async create(name: string, algorithm: Algorithm): Promise<PublicKey> {
    assertKeyName(name);
    if (this.#keys.has(name)) throw keyExists(name);
    const key = this.#crypto.generate(algorithm, this.#entropy);
    this.#keys.set(name, key);
    return this.#crypto.publicKey(key);
  }

  async publicKey(name: string): Promise<PublicKey | undefined> {
    assertKeyName(name);
    const key = this.#keys.get(name);
    return key && this.#crypto.publicKey(key);
  }

  async sign(name: string, message: Uint8Array): Promise<Uint8Array> {
    return this.#crypto.sign(this.#key(name), message);
  }

  async tlsKey(name: string): Promise<string> {
    return privateKeyToPem(this.#key(name));
  }

  async remove(name: string): Promise<void> {
    assertKeyName(name);
    this.#keys.delete(name);
  }

  #key(name: string): PrivateKey {
    assertKeyName(name);
    const key = this.#keys.get(name);
    if (!key) throw noKey(name);
    return key;
  }
}
