/** Keys of a small fleet that is the same in every run, to the byte: so that a seed plays the same inputs again. */
import { nobleCrypto } from "../../../protocol/adapters/noble-crypto.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { concatBytes, toHex, uint32, utf8 } from "../../../protocol/bytes.js";
import type { Algorithm, Crypto, Entropy, PublicKey, Signer } from "../../../protocol/crypto.js";
import { keyId } from "../../../protocol/cose.js";
import { testKey } from "../../x509/helpers.js";

/** Verifies as servers do; signs the same bytes each time, as OpenSSL's ES256 does not. */
export const repeatable: Crypto = {
  ...nodeCrypto,
  sign: (key, message) => (key.algorithm === "ES256" ? nobleCrypto : nodeCrypto).sign(key, message),
};

/** Never the same bytes twice, and the same in every run. */
export function countedEntropy(label: string): Entropy {
  let drawn = 0;
  return (size) => {
    const blocks = Array.from({ length: Math.ceil(size / 32) }, () =>
      repeatable.sha256(concatBytes(utf8(label), uint32(drawn++))),
    );
    return concatBytes(...blocks).slice(0, size);
  };
}

/** Keys by their labels, the same in every run; and who signs, found by what an envelope calls it. */
export class KeyRing {
  readonly #byId = new Map<string, Signer>();
  readonly #byKey = new Map<string, Signer>();

  /** For what is built once. */
  signer(label: string, algorithm: Algorithm = "ES256"): Signer {
    const key = testKey(algorithm, `fuzz ${label}`, repeatable);
    const publicKey = repeatable.publicKey(key);
    // For the many that are made of it: thirty times as quick, and of the same length.
    const quick = { publicKey, sign: (message: Uint8Array) => nodeCrypto.sign(key, message) };
    this.#byId.set(toHex(keyId(publicKey, repeatable)), quick);
    this.#byKey.set(toHex(publicKey.bytes), quick);
    return { publicKey, sign: (message) => repeatable.sign(key, message) };
  }

  named(kid: Uint8Array): Signer | undefined {
    return this.#byId.get(toHex(kid));
  }

  of(publicKey: Pick<PublicKey, "bytes">): Signer | undefined {
    return this.#byKey.get(toHex(publicKey.bytes));
  }
}
