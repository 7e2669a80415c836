/** What broke a run, as it is told to a person and compared with other runs. */
import { InvariantBroken } from "./invariants/invariant.js";
import type { World } from "./world.js";

export interface Failure {
  /** As DESIGN.md §13 calls it; "error" for anything else that was thrown. */
  readonly invariant: string;
  readonly node: string;
  readonly sentence: string;
  readonly step: number;
  /** True time, Unix milliseconds. */
  readonly atMs: number;
  /** The newest lines of the trace, oldest first. */
  readonly lines: readonly string[];
}

const ERROR = "error";

export function failureOf(error: unknown, { steps, nowMs, trace }: World): Failure {
  const at = { step: steps, atMs: nowMs, lines: trace.lines };
  if (error instanceof InvariantBroken) {
    const { invariant, node, sentence } = error;
    return { invariant, node, sentence, ...at };
  }
  const sentence = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { invariant: ERROR, node: "world", sentence, ...at };
}
