/** Handshakes that were begun and are not done: which, and how many of each network. Pure. */

/** The other end of a connection, under which both of its sockets are known: the plain one, and TLS over it. */
export type Peer = `${string} ${number}`;

interface Addressed {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

export function peerOf({ remoteAddress = "", remotePort = 0 }: Addressed): Peer {
  return `${remoteAddress} ${remotePort}`;
}

export class Unfinished {
  readonly #addresses = new Map<Peer, string>();
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#addresses.size;
  }

  hasRoom(address: string, max: number): boolean {
    return (this.#counts.get(address) ?? 0) < max;
  }

  add(peer: Peer, address: string): void {
    this.#addresses.set(peer, address);
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
  }

  remove(peer: Peer): boolean {
    const address = this.#addresses.get(peer);
    if (address === undefined) return false;
    this.#addresses.delete(peer);
    const left = (this.#counts.get(address) ?? 1) - 1;
    if (left > 0) this.#counts.set(address, left);
    else this.#counts.delete(address);
    return true;
  }
}
