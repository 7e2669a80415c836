/** Envelopes by key, bounded in number and in bytes: those that came first make room. In memory. */

interface ShelfBounds {
  readonly items: number;
  readonly bytes: number;
}

export class Shelf<About> {
  readonly #bounds: ShelfBounds;
  /** In the order they came: a Map keeps it, and what is put again stands last. */
  readonly #held = new Map<string, { readonly bytes: Uint8Array; readonly about: About }>();
  #bytes = 0;

  constructor(bounds: ShelfBounds) {
    this.#bounds = bounds;
  }

  about(key: string): About | undefined {
    return this.#held.get(key)?.about;
  }

  /** Takes the place of what stood there. One that is larger than the whole shelf is not kept. */
  put(key: string, bytes: Uint8Array, about: About): void {
    if (bytes.length > this.#bounds.bytes) return;
    this.#remove(key);
    this.#held.set(key, { bytes, about });
    this.#bytes += bytes.length;
    for (const first of this.#held.keys()) {
      if (this.#held.size <= this.#bounds.items && this.#bytes <= this.#bounds.bytes) return;
      this.#remove(first);
    }
  }

  items(): readonly Uint8Array[] {
    return [...this.#held.values()].map(({ bytes }) => bytes);
  }

  #remove(key: string): void {
    this.#bytes -= this.#held.get(key)?.bytes.length ?? 0;
    this.#held.delete(key);
  }
}
