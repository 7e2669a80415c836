/**
 * All the luck of a world, from one seed. Each node, link and fault draws from a stream of its own, so that
 * one fault less in a plan leaves what everybody else draws as it was.
 */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";

const RANGE = 0x1_0000_0000;
const SEED_BYTES = 16;
/** Draws thrown away before the first: sfc32 mixes a new seed in about 12. */
const WARM_UP = 12;

/** Numbers that look random and are the same in each run: the generator sfc32. No secret is safe with it. */
export class Luck {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** @param seed - 16 bytes. */
  constructor(seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, SEED_BYTES);
    [this.#a, this.#b] = [view.getInt32(0), view.getInt32(4)];
    [this.#c, this.#counter] = [view.getInt32(8), view.getInt32(12)];
    for (let drawn = 0; drawn < WARM_UP; drawn++) this.uint32();
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    const drawn = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  }

  /** True with this probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.uint32() < probability * RANGE;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor((this.uint32() / RANGE) * (most - least + 1));
  }

  /** @param choices - at least one. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)] as T;
  }

  bytes(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 4) {
      const drawn = this.uint32();
      for (let byte = 0; byte < 4 && at + byte < size; byte++) bytes[at + byte] = drawn >>> (8 * byte);
    }
    return bytes;
  }
}

/** The streams of one seed. */
export class Fortune {
  readonly #seed: string;
  readonly #streams = new Map<string, Luck>();

  constructor(seed: number | string) {
    this.#seed = String(seed);
  }

  /** The same name gives the same stream, where it left off. */
  stream(name: string): Luck {
    const known = this.#streams.get(name);
    if (known) return known;
    const luck = new Luck(nodeCrypto.sha256(utf8(`${this.#seed}\n${name}`)));
    this.#streams.set(name, luck);
    return luck;
  }
}
