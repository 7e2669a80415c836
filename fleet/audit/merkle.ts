/**
 * The Merkle tree over the log, RFC 6962 §2.1, grown leaf by leaf. Of a tree only its peaks are kept: the roots of
 * the full subtrees that its size is the sum of, so a log of a million records needs at most 20 hashes.
 */
import { concatBytes } from "../../protocol/bytes.js";
import type { Crypto } from "../../protocol/crypto.js";

/** Not to be changed: a grown tree is another one. `peaks`: largest subtree first. */
export interface Tree {
  readonly size: number;
  readonly peaks: readonly Uint8Array[];
}

export const EMPTY_TREE: Tree = { size: 0, peaks: [] };

/** The tree with one more leaf. @param leaf - what is hashed as the leaf, of any length. */
export function grown(tree: Tree, leaf: Uint8Array, crypto: Crypto): Tree {
  const peaks = [...tree.peaks];
  let node = crypto.sha256(concatBytes(LEAF, leaf));
  // As in adding 1 to a binary number: each bit that carries joins two subtrees of one size.
  for (let rest = tree.size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = peaks.pop();
    if (!left) throw new Error("a tree has a peak for each bit of its size");
    node = joined(left, node, crypto);
  }
  peaks.push(node);
  return { size: tree.size + 1, peaks };
}

/** MTH of RFC 6962 §2.1, 32 bytes. */
export function rootOf({ peaks }: Tree, crypto: Crypto): Uint8Array {
  const smallest = peaks.at(-1);
  if (!smallest) return crypto.sha256(new Uint8Array());
  return peaks.slice(0, -1).reduceRight((right, left) => joined(left, right, crypto), smallest);
}

/** What sets leaves and nodes apart, so that nobody can show one as the other. */
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function joined(left: Uint8Array, right: Uint8Array, crypto: Crypto): Uint8Array {
  return crypto.sha256(concatBytes(NODE, left, right));
}
