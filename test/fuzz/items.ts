/**
 * Random items of CBOR, written byte by byte and by no codec: good ones of the profile, and on demand
 * with a flaw, which is something that RFC 8949 knows and the profile forbids, or that is no CBOR at all.
 */
import type { Draw } from "./draw.js";

/** Asked once for each item within the item; true: let it be a bad one. */
type Flaw = () => boolean;

export function randomItem(draw: Draw, flaw: Flaw): Uint8Array {
  const writer = new Writer(draw, flaw);
  writer.item(0);
  if (flaw()) writer.out.push(draw(256)); // one byte too many
  return Uint8Array.from(writer.out);
}

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6 } as const;
const BREAK = 0xff;
/** Deeper ones are in a class of inputs of their own. */
const MAX_DEPTH = 4;
const MAX_MEMBERS = 5;
/** Ends of what one, two, four and eight bytes of argument hold. */
const ENDS = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 2];
const CHARACTERS = ["a", "\0", "ü", "水", "\u{10151}", "\ufeff"].map((text) => [...Buffer.from(text)]);

class Writer {
  readonly out: number[] = [];
  readonly #draw: Draw;
  readonly #flaw: Flaw;

  constructor(draw: Draw, flaw: Flaw) {
    this.#draw = draw;
    this.#flaw = flaw;
  }

  item(depth: number): void {
    if (this.#flaw()) return this.#flawed(depth);
    switch (this.#draw(depth < MAX_DEPTH ? 8 : 4)) {
      case 0:
        return this.#head(this.#draw(2), this.#argument());
      case 1:
        return this.#string(MAJOR.bytes, this.#bytes());
      case 2:
        return this.#string(MAJOR.text, this.#characters());
      case 3:
        return void this.out.push(0xf4 + this.#draw(2)); // false, true
      case 4:
      case 5:
        return this.#items(MAJOR.array, this.#draw(MAX_MEMBERS), depth);
      default:
        return this.#map(this.#keys(), depth);
    }
  }

  /** @param size - bytes of argument; absent: as few as can be. */
  #head(major: number, argument: number, size = leastSize(argument)): void {
    const [short, high, low] = [argument & 0x1f, Math.floor(argument / 2 ** 32), argument >>> 0];
    if (size === 0) return void this.out.push((major << 5) | short);
    const bytes = [high, low].flatMap((word) => [word >>> 24, word >>> 16, word >>> 8, word]);
    this.out.push((major << 5) | (24 + Math.log2(size)), ...bytes.slice(-size).map((byte) => byte & 0xff));
  }

  #string(major: number, bytes: readonly number[]): void {
    this.#head(major, bytes.length);
    this.out.push(...bytes);
  }

  #items(major: number, count: number, depth: number): void {
    this.#head(major, count);
    for (let i = 0; i < count; i++) this.item(depth + 1);
  }

  #map(keys: readonly number[], depth: number): void {
    this.#head(MAJOR.map, keys.length);
    for (const key of keys) {
      if (this.#flaw())
        this.item(MAX_DEPTH); // a key of any type
      else if (key < 0) this.#head(MAJOR.negative, -1 - key);
      else this.#head(MAJOR.unsigned, key);
      this.item(depth + 1);
    }
  }

  /** Different ones, in the order of their encodings. */
  #keys(): readonly number[] {
    const count = this.#draw(MAX_MEMBERS);
    const keys = Array.from({ length: count }, () => this.#argument() * (this.#draw(4) === 0 ? -1 : 1));
    return [...new Set(keys.map((key) => key + 0))].sort((a, b) => (a < 0 || b < 0 ? b - a : a - b));
  }

  #argument(): number {
    const draw = this.#draw;
    return draw(2) === 0 ? draw(64) : ENDS[draw(ENDS.length)]!;
  }

  #bytes(): readonly number[] {
    return Array.from({ length: this.#draw(30) }, () => this.#draw(256));
  }

  #characters(): readonly number[] {
    return Array.from({ length: this.#draw(8) }, () => CHARACTERS[this.#draw(CHARACTERS.length)]!).flat();
  }

  #flawed(depth: number): void {
    const [draw, out] = [this.#draw, this.out];
    const random = (size: number) => Array.from({ length: size }, () => draw(256));
    const keys = this.#keys();
    const ways: readonly (() => void)[] = [
      () => (this.#head(MAJOR.tag, this.#argument()), this.item(depth)),
      () => void out.push(0xf9, ...random(2)),
      () => void out.push(0xfa, ...random(4)),
      () => void out.push(0xfb, ...random(8)),
      () => void out.push(0xf9, 0x3c, 0x00), // 1.0, which many take for 1
      () => void out.push(0xe0 + draw(24)), // any simple value; now and then a good one
      () => void out.push(0xf8, draw(256)),
      () => void out.push((draw(8) << 5) | (28 + draw(4))), // reserved, indefinite, break
      () => void out.push((draw(2) << 5) | 27, draw(256), ...random(7)), // most are beyond 2^53
      () => this.#head(draw(8), draw(6), 1 << draw(4)), // a long form, its content missing or not
      () => this.#string(MAJOR.text, this.#bytes()), // seldom UTF-8
      () => this.#indefinite(MAJOR.bytes + draw(4), depth),
      () => this.#map([...keys, ...keys.slice(-1)], depth),
      () => this.#map(keys.toReversed(), depth),
      () => this.#head(MAJOR.bytes + draw(4), 1 + draw(300)), // too little follows
    ];
    ways[draw(ways.length)]!();
  }

  #indefinite(major: number, depth: number): void {
    this.out.push((major << 5) | 31);
    for (let count = this.#draw(3); count > 0; count--) {
      if (major === MAJOR.bytes || major === MAJOR.text) this.#string(major, this.#characters());
      else this.item(depth + 1);
      if (major === MAJOR.map) this.item(depth + 1);
    }
    this.out.push(BREAK);
  }
}

/** 0 when the argument stands in the initial byte. */
function leastSize(argument: number): number {
  if (argument < 24) return 0;
  return argument < 2 ** 8 ? 1 : argument < 2 ** 16 ? 2 : argument < 2 ** 32 ? 4 : 8;
}
