/** What an eavesdropper keeps of what passes by: a bounded sample, old and new, to be used again at any time. */
import { looksSigned } from "../../../protocol/cose.js";
import type { Luck } from "../random.js";
import type { Observer } from "../observer.js";

const KEPT = 400;
/** Of what comes when all places are taken, this share takes the place of another. */
const SHARE = 0.2;

export class Recordings implements Observer {
  readonly #luck: Luck;
  readonly #up: Uint8Array[] = [];
  readonly #down: Uint8Array[] = [];

  constructor(luck: Luck) {
    this.#luck = luck;
  }

  sent(_node: unknown, topic: string, bytes: Uint8Array): void {
    if (topic.endsWith("/up")) this.#keep(this.#up, bytes);
  }

  heard(_node: unknown, bytes: Uint8Array): void {
    this.#keep(this.#down, bytes);
  }

  /** Something that a device once said to its fleet; undefined: nothing was. */
  up(luck: Luck): Uint8Array | undefined {
    return this.#up.length > 0 ? luck.pick(this.#up) : undefined;
  }

  /** Something that was once said to some device. */
  down(luck: Luck): Uint8Array | undefined {
    return this.#down.length > 0 ? luck.pick(this.#down) : undefined;
  }

  /** Signed documents that were once said to some device. */
  documents(): readonly Uint8Array[] {
    return this.#down.filter(looksSigned);
  }

  #keep(kept: Uint8Array[], bytes: Uint8Array): void {
    if (kept.length < KEPT) kept.push(bytes);
    else if (this.#luck.chance(SHARE)) kept[this.#luck.between(0, KEPT - 1)] = bytes;
  }
}
