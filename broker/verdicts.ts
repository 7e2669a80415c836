/**
 * What the verifier said of certificates, kept while the same CAs count. A reconnect then costs no signature
 * check, and a resumed TLS session, which brings its leaf alone, is known all the same. Only what does not
 * change is kept: dates, level, generation and role are looked at again at every connect.
 */
import type { Crypto } from "../protocol/crypto.js";
import type { CertificateTrust } from "../protocol/x509/trust.js";
import { type CertificateVerdict, verifyChain, windowAt } from "../protocol/x509/verify.js";
import { forgetOldest } from "./oldest.js";

/** What a peer showed in its handshake. */
export interface ShownChain {
  /** DER. */
  readonly leaf: Uint8Array;
  /** The TLS session was resumed: the peer proved that it began it, and sent no certificate now. */
  readonly resumed: boolean;
  /** DER, leaf first; of a resumed session the leaf alone. Costly to get, so only when it is needed. */
  chain(): readonly Uint8Array[];
}

/** Some 700 bytes each. */
const MAX_KEPT = 32_768;

export class Verdicts {
  readonly #crypto: Crypto;
  readonly #max: number;
  #trust: CertificateTrust | undefined;
  readonly #byLeaf = new Map<string, CertificateVerdict>();

  constructor(crypto: Crypto, max = MAX_KEPT) {
    this.#crypto = crypto;
    this.#max = max;
  }

  /**
   * @param nowSeconds - Unix seconds.
   * @returns "bad" when the chain does not verify; "stale" when that of a resumed session is not known here
   *   any more and only a full handshake can show it.
   */
  of(shown: ShownChain, trust: CertificateTrust, nowSeconds: number): CertificateVerdict | "bad" | "stale" {
    if (this.#trust !== trust) this.#byLeaf.clear(); // other CAs: nothing that was found counts
    this.#trust = trust;
    const key = latin1(shown.leaf);
    const known = this.#byLeaf.get(key);
    if (known) return { ...known, window: windowAt(nowSeconds, known.path) };
    let verdict: CertificateVerdict;
    try {
      verdict = verifyChain(shown.chain(), trust, nowSeconds, this.#crypto);
    } catch {
      return shown.resumed ? "stale" : "bad"; // whatever a stranger's certificate does to the verifier
    }
    this.#byLeaf.set(key, verdict);
    forgetOldest(this.#byLeaf, this.#max);
    return verdict;
  }
}

/** The whole leaf is the key: quicker than a hash, and exact. */
function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}
