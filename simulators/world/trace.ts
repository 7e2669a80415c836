/**
 * What happened, one line each, and one hash over all of it: two runs are the same run when their hashes are.
 * Only the newest lines are kept, unless somebody wants them all.
 */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { concatBytes, toHex, utf8 } from "../../protocol/bytes.js";

/** Lines that are kept for whoever asks why. */
const KEPT_LINES = 200;
/** Lines that are hashed at once. */
const CHUNK_LINES = 64;

export class Trace {
  readonly #whole: boolean;
  #lines: string[] = [];
  #unhashed: string[] = [];
  #hash: Uint8Array = new Uint8Array(32);

  /** @param whole - keep every line. */
  constructor(whole = false) {
    this.#whole = whole;
  }

  add(line: string): void {
    this.#lines.push(line);
    this.#unhashed.push(line);
    if (this.#unhashed.length >= CHUNK_LINES) this.#fold();
    if (!this.#whole && this.#lines.length > 2 * KEPT_LINES) this.#lines = this.#lines.slice(-KEPT_LINES);
  }

  /** Oldest first: the newest 200, or all. */
  get lines(): readonly string[] {
    return this.#whole ? this.#lines : this.#lines.slice(-KEPT_LINES);
  }

  /** Over all lines so far, hex; to ask changes nothing. */
  get hash(): string {
    return toHex(this.#hashed());
  }

  #fold(): void {
    this.#hash = this.#hashed();
    this.#unhashed = [];
  }

  #hashed(): Uint8Array {
    return nodeCrypto.sha256(concatBytes(this.#hash, utf8(this.#unhashed.join("\n"))));
  }
}
