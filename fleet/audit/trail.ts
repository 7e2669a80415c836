/** The tree over a log that is read from its beginning, and whether the checkpoints that stand in the log fit it. */
import { equalBytes } from "../../protocol/bytes.js";
import type { Crypto } from "../../protocol/crypto.js";
import { FleetError } from "../errors.js";
import { fromBase64Url } from "../events.js";
import type { LogRecord } from "../ports.js";
import type { Checkpoint } from "./checkpoint.js";
import { EMPTY_TREE, grown, rootOf, type Tree } from "./merkle.js";

/**
 * Trees that are remembered, the newest and those before it: between the signing of a checkpoint and its place in
 * the log others may append, as many as they have on their way.
 */
const REMEMBERED = 16_384;

export class Trail {
  readonly #crypto: Crypto;
  #tree = EMPTY_TREE;
  /** By size, modulo `REMEMBERED`. */
  readonly #recent: Tree[] = [EMPTY_TREE];

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  get tree(): Tree {
    return this.#tree;
  }

  /** @param hash - of the next record, 64 hex digits. */
  add(hash: string): void {
    this.#tree = grown(this.#tree, Buffer.from(hash, "hex"), this.#crypto);
    this.#recent[this.#tree.size % REMEMBERED] = this.#tree;
  }

  /** "unknown": of a size that is not reached yet, or no more remembered. */
  judge({ size, root }: Checkpoint): "fits" | "differs" | "unknown" {
    const tree = this.#recent[size % REMEMBERED];
    if (tree?.size !== size) return "unknown";
    return equalBytes(rootOf(tree, this.#crypto), root) ? "fits" : "differs";
  }

  /**
   * The next record of our own log.
   * @throws FleetError "storage-failed" when it holds a checkpoint that the records before it do not fit: somebody
   *   wrote the log anew, hashes and all.
   */
  take({ position, events, hash }: LogRecord): void {
    for (const event of events) {
      if (event.type !== "checkpoint-signed") continue;
      const { size } = event;
      if (size >= position || this.judge({ size, root: fromBase64Url(event.root) }) === "differs") {
        throw new FleetError(
          "storage-failed",
          `event log: record ${position} holds a checkpoint of the first ${size} records, and they are others now; ` +
            "stop the server, keep its folder for whoever looks into it, and restore a backup",
        );
      }
    }
    this.add(hash);
  }
}
