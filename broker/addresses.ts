/** Under which name the connections of one peer are counted, and who of many waiting ones is next. Pure. */

/**
 * One network of a subscriber: an IPv4 address, or the first 64 bits of an IPv6 address, since whoever has one
 * address there has them all (RFC 6177).
 */
export function addressKey(remoteAddress: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remoteAddress)?.[1];
  if (mapped !== undefined) return mapped;
  if (!remoteAddress.includes(":")) return remoteAddress;
  const [head = "", tail] = remoteAddress.split("%")[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  const all = [...groups, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${all.slice(0, 4).join(":")}::/64`;
}

/** First in, first out for each address, and the addresses in turn: a long line of one delays no other. */
export class FairQueue<Item> {
  readonly #max: number;
  readonly #lines = new Map<string, Set<Item>>();
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns false when it is full. */
  add(address: string, item: Item): boolean {
    if (this.#size >= this.#max) return false;
    const line = this.#lines.get(address) ?? new Set();
    this.#lines.set(address, line.add(item));
    this.#size += 1;
    return true;
  }

  remove(address: string, item: Item): void {
    const line = this.#lines.get(address);
    if (!line?.delete(item)) return;
    this.#size -= 1;
    if (line.size === 0) this.#lines.delete(address);
  }

  /** Takes out the next of those addresses whose turn may come; its address is last in turn then. */
  next(mayCome: (address: string) => boolean): Item | undefined {
    for (const [address, line] of this.#lines) {
      if (!mayCome(address)) continue;
      for (const item of line) {
        this.remove(address, item);
        this.#lines.delete(address);
        if (line.size > 0) this.#lines.set(address, line);
        return item;
      }
    }
    return undefined;
  }
}
