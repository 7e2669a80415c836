/** What a verifier of an export finds, in a word for programs and a sentence for people. */
import type { Position } from "../ports.js";

export type FindingKind =
  | "header" // the first line is not that of an export by this key
  | "changed" // a record is not as it was written
  | "missing" // a record is not there
  | "moved" // a record stands at another place
  | "repeated" // a record stands once more
  | "added" // something stands where nothing should
  | "truncated" // the file ends before its checkpoint does
  | "rewritten" // records were changed, and all hashes after them made anew
  | "checkpoint" // a checkpoint cannot be read, or is not signed as it says
  | "other-key" // a checkpoint is not signed by any of the given keys
  | "older"; // the export ends before the checkpoint that was kept

export interface Finding {
  readonly kind: FindingKind;
  /** The record that it is about; the first of them, when `to` is the last. */
  readonly position?: Position;
  readonly to?: Position;
  readonly text: string;
}

export function changed(position: Position): Finding {
  return { kind: "changed", position, text: `record ${position} is not as it was written` };
}

/** Two records are whole, each by itself, and do not fit; the one after them tells which of the two is genuine. */
export function changedUnlike(position: Position, neighbour: Position): Finding {
  const text = `record ${position} was changed, and its hash made anew: it does not fit record ${neighbour}`;
  return { kind: "changed", position, text };
}

export function inserted(before: Position): Finding {
  const text = `something that is no record stands before record ${before}`;
  return { kind: "added", position: before, text };
}

export function missing(from: Position, to: Position): Finding {
  return { kind: "missing", position: from, to, text: `${recordsText(from, to)} missing` };
}

export function moved(position: Position, instead: string): Finding {
  const text = `the order was changed: record ${position} comes later, and ${instead} stands in its place`;
  return { kind: "moved", position, text };
}

export function cut(behind: Position): Finding {
  const text = `the file was cut behind record ${behind}: the checkpoint that ends an export is missing`;
  return { kind: "truncated", position: behind + 1, text };
}

export function repeated(position: Position, after: Position): Finding {
  return { kind: "repeated", position, text: `record ${position} stands once more behind record ${after}` };
}

export function rewritten(from: Position, to: Position, by: string): Finding {
  const text = `the log was written anew: ${recordsText(from, to)} not what ${by} covers`;
  return { kind: "rewritten", position: from, to, text };
}

function recordsText(from: Position, to: Position): string {
  return from === to ? `record ${from} is` : `of records ${from} to ${to} one or more are`;
}
