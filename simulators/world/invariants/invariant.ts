/** What an invariant is: somebody who looks on, keeps a model of its own of what must be, and says when it is not. */
import type { Observer } from "../observer.js";
import type { World } from "../world.js";

export interface Invariant extends Observer {
  /** As DESIGN.md §13 calls it. */
  readonly name: string;
  /** Looks at all that is there already, before the first step that it is told of. */
  begins?(world: World): Promise<void>;
  /** What takes long: once, after the last step. It may let the world go on. */
  ends?(world: World): Promise<void>;
}

/** Something is so that must never be so. */
export class InvariantBroken extends Error {
  readonly invariant: string;
  /** Who broke it: a node of the world. */
  readonly node: string;
  readonly sentence: string;

  constructor(invariant: string, node: string, sentence: string) {
    super(`${invariant} is broken at ${node}: ${sentence}`);
    this.invariant = invariant;
    this.node = node;
    this.sentence = sentence;
  }
}
