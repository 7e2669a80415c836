/** What one worker's copy holds, as far as the next message of the stream is judged by it. Pure. */
import type { LogRecord, Position, Subject } from "../ports.js";
import { type End, NO_END, OtherHistory, type RecordMessage } from "./jetstream-message.js";
import { chainHash, sealRecord } from "./record-chain.js";

/** Hashes of the newest records that are kept here; those before them are read from the copy. */
const MAX_RECENT = 4_096;

export class History {
  #end = NO_END;
  readonly #heads = new Map<Subject, Position>();
  readonly #recent = new Map<Position, string>([[NO_END.position, NO_END.hash]]);

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
    this.#recent.delete(position - MAX_RECENT);
  }

  /**
   * The next message of the stream; grows by it.
   * @param hashKnown - the chain's hash where the writer's own copy ended.
   * @throws OtherHistory when it does not follow what the copy holds.
   */
  accept({ position, draft, expected, knew }: RecordMessage, hashKnown: string | undefined): void {
    const { subject } = draft;
    if (position !== this.#end.position + 1) {
      const after = this.#end.position;
      throw new OtherHistory(after + 1, `goes on at ${position}, and this worker's copy ends at ${after}`);
    }
    if (expected !== this.headOf(subject)) {
      throw new OtherHistory(
        position,
        `has a record ${position} of ${subject} that does not follow the one before`,
      );
    }
    if (hashKnown !== knew.hash) {
      throw new OtherHistory(
        position,
        `has a record ${position} whose writer had another record ${knew.position} than this worker's copy`,
      );
    }
    const hash = chainHash(sealRecord(position, draft, this.#end.hash));
    this.grow({ position, subject, hash });
  }
}
