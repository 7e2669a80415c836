/**
 * A change leads from one ledger to another. It is coded like a content, but says: these numbers toggle, and
 * these numbers get that lowest generation, where 1 takes the entry away. So one list covers denials and
 * releases, changes add up by XOR, and whoever holds both ends can build one. Nobody signs it: a wrong one
 * gives a ledger whose digest is not the Beacon's.
 */
import { deniedIn, generationsIn, joined } from "./content.js";
import { type Entry, mergedGenerations } from "./generations.js";
import { symmetricDifference } from "./runs.js";

/** In a change: the entry goes. */
const NO_ENTRY = 1;

/** Reads all of it: what comes from outside passes here first. @throws ProtocolError */
export function checkChange(change: Uint8Array): void {
  for (const _ of entriesIn(change)); // they stand behind the numbers
}

/**
 * The content behind the change, in canonical form. Both are walked together, run by run.
 * @throws ProtocolError when either is malformed; "too-large" when the result is.
 */
export function applyChange(content: Uint8Array, change: Uint8Array): Uint8Array {
  return together(content, generationsIn(content), change, entriesIn(change), (held, changed = held) =>
    changed === NO_ENTRY ? undefined : changed,
  );
}

/**
 * The change from a to c, from those a → b and b → c.
 * @throws ProtocolError when either is malformed; "too-large" when the result is: a snapshot does it then.
 */
export function composeChanges(first: Uint8Array, second: Uint8Array): Uint8Array {
  return together(first, entriesIn(first), second, entriesIn(second), (earlier, later = earlier) => later);
}

/**
 * The change that leads from content `a` to content `b`.
 * @throws ProtocolError when either is malformed; "too-large" when the result is: a snapshot does it then.
 */
export function changeBetween(a: Uint8Array, b: Uint8Array): Uint8Array {
  return together(a, generationsIn(a), b, generationsIn(b), (from, to) =>
    from === to ? undefined : (to ?? NO_ENTRY),
  );
}

function entriesIn(change: Uint8Array): Generator<Entry, undefined> {
  return generationsIn(change, NO_ENTRY);
}

function together(
  a: Uint8Array,
  generationsOfA: Iterator<Entry>,
  b: Uint8Array,
  generationsOfB: Iterator<Entry>,
  merge: Parameters<typeof mergedGenerations>[2],
): Uint8Array {
  const generations = [...mergedGenerations(generationsOfA, generationsOfB, merge)];
  return joined(symmetricDifference(deniedIn(a), deniedIn(b)), generations);
}
