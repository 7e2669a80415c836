/** Token buckets: how often something may happen, each key by itself, with a bound on what is remembered. Pure. */

import { forgetOldest } from "./oldest.js";

export interface Rate {
  readonly perSecond: number;
  /** How many may come at once after a quiet time. */
  readonly burst: number;
}

/** Keys that are remembered; the one not seen for the longest is forgotten first, and begins full again. */
const MAX_KEYS = 65_536;

export class Bucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  /** @returns 0 and takes a token; or takes none and returns the milliseconds until there is one. */
  take(nowMs: number): number {
    const missingMs = this.missingMs(nowMs);
    if (missingMs === 0) this.#tokens -= 1;
    return missingMs;
  }

  /** Milliseconds until there is a token; 0: there is one. */
  missingMs(nowMs: number): number {
    const { perSecond, burst } = this.#rate;
    const passedMs = Math.max(0, nowMs - this.#atMs); // a clock that was set back gives nothing
    this.#tokens = Math.min(burst, this.#tokens + (passedMs * perSecond) / 1000);
    this.#atMs = nowMs;
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) * 1000) / perSecond);
  }
}

export class Buckets<Key> {
  readonly #rate: Rate;
  readonly #byKey = new Map<Key, Bucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** As `Bucket.take`, from the bucket of this key. */
  take(key: Key, nowMs: number): number {
    const bucket = this.#byKey.get(key) ?? new Bucket(this.#rate, nowMs);
    this.#byKey.delete(key); // and set again: a Map keeps the order in which keys were set
    this.#byKey.set(key, bucket);
    forgetOldest(this.#byKey, MAX_KEYS);
    return bucket.take(nowMs);
  }
}
