/**
 * Copies of one log, side by side: which one goes on the longest, and that all others are beginnings of it. The hash
 * of a record stands for all before it, so two histories that agree at a record agree up to there.
 */
import { FleetError } from "../errors.js";
import type { LogRecord, Position } from "../ports.js";
import type { History } from "./closed-log.js";

export interface NamedHistory {
  /** Where it was found, for people. */
  readonly name: string;
  readonly history: History;
  /** Of the worker whose copy it is, where that is known. */
  readonly worker?: string;
}

/** The longest of several copies. */
export interface Longest extends NamedHistory {
  readonly end: Position;
  /** Where the copies end whose workers are known, by worker. */
  readonly ends: ReadonlyMap<string, Position>;
}

/** Position of its newest record; 0: it has none. @throws FleetError "storage-failed" for a history that is damaged. */
async function endOf(history: History): Promise<Position> {
  let end = 0;
  for await (const { position } of history.read(0)) end = position;
  return end;
}

/** The first position at which both have a record, and not the same; undefined: one is a beginning of the other. */
export async function partingOf(one: History, other: History): Promise<Position | undefined> {
  const others = other.read(0)[Symbol.asyncIterator]();
  try {
    for await (const { position, hash } of one.read(0)) {
      const next: IteratorResult<LogRecord> = await others.next();
      if (next.done) return undefined;
      if (next.value.hash !== hash) return position;
    }
    return undefined;
  } finally {
    await others.return?.();
  }
}

/**
 * The longest of the copies; of several, the first.
 * @param copies - at least one.
 * @throws FleetError "conflict" naming the first record at which one of them is no beginning of it.
 */
export async function longestOf(copies: readonly NamedHistory[]): Promise<Longest> {
  let longest: Longest | undefined;
  const ends = new Map<string, Position>();
  for (const copy of copies) {
    const end = await endOf(copy.history);
    if (copy.worker !== undefined) ends.set(copy.worker, Math.max(end, ends.get(copy.worker) ?? 0));
    if (end > (longest?.end ?? -1)) longest = { ...copy, end, ends };
  }
  if (!longest) throw new Error("there is at least one copy");
  for (const { name, history } of copies) {
    if (name === longest.name) continue;
    const parting = await partingOf(longest.history, history);
    if (parting !== undefined)
      throw new FleetError(
        "conflict",
        `${longest.name} and ${name} are no copies of one log: record ${parting} is another; leave out the wrong one`,
      );
  }
  return longest;
}
