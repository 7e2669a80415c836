/** What one worker's copy holds, as far as the next message of the stream is judged by it. Pure. */
import type { LogRecord, Position, Subject } from "../ports.js";
import {
  type End,
  NO_END,
  OtherHistory,
  place,
  type Placed,
  type RecordMessage,
} from "./jetstream-message.js";
import { chainHash, sealRecord } from "./record-chain.js";

/** Hashes of the newest records that are kept here; those before them are read from the copy. */
const MAX_RECENT = 4_096;

export class History {
  #end = NO_END;
  readonly #heads = new Map<Subject, Position>();
  readonly #recent = new Map<Position, string>([[NO_END.position, NO_END.hash]]);
  readonly #maxRecent: number;

  /** @param maxRecent - hashes that are kept here. */
  constructor(maxRecent = MAX_RECENT) {
    this.#maxRecent = maxRecent;
  }

  get end(): End {
    return this.#end;
  }

  /** Where a subject ends; 0: it has no record. */
  headOf(subject: Subject): Position {
    return this.#heads.get(subject) ?? 0;
  }

  /** The chain's hash there; undefined when that is too long ago, or to come. */
  hashAt(position: Position): string | undefined {
    return this.#recent.get(position);
  }

  /** The next record of the copy. */
  grow({ position, subject, hash }: Pick<LogRecord, "position" | "subject" | "hash">): void {
    this.#end = { position, hash };
    this.#heads.set(subject, position);
    this.#recent.set(position, hash);
    this.#recent.delete(position - this.#maxRecent);
  }

  /**
   * The next message of the stream; grows by it.
   * @param hashKnown - the chain's hash where the writer's own copy ended.
   * @returns what it is in the copy, and where its subject ended before.
   * @throws OtherHistory when it does not follow what the copy holds.
   */
  accept(message: RecordMessage, hashKnown: string | undefined): Placed & { readonly expected: Position } {
    const { position, knew } = message;
    if (position !== this.#end.position + 1) {
      const after = this.#end.position;
      throw new OtherHistory(after + 1, `goes on at ${position}, and this worker's copy ends at ${after}`);
    }
    if (hashKnown !== knew.hash) {
      throw new OtherHistory(
        position,
        `has a record ${position} whose writer had another record ${knew.position} than this worker's copy`,
      );
    }
    const placed = place(message, this.headOf(message.draft.subject));
    const { subject } = placed.draft;
    const expected = this.headOf(subject);
    const hash = chainHash(sealRecord(position, placed.draft, this.#end.hash));
    this.grow({ position, subject, hash });
    return { ...placed, expected };
  }
}
