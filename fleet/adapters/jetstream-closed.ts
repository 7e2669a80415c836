/**
 * The stream of a log while no worker has it open, as who mends it needs it: read like a copy, gone on with where it
 * ends, and made anew. Whatever was done before it was stopped counts when it is done again.
 */
import { NatsError, type PubAck } from "nats";
import type { FleetEvent } from "../events.js";
import type { LogRecord, Position, Subject } from "../ports.js";
import { type ClosedLog, NO_HASH, recordAt } from "../recovery/closed-log.js";
import {
  endInstead,
  isMessageMissing,
  isStreamMissing,
  REQUEST_MS,
  untilAnswered,
} from "./jetstream-answers.js";
import {
  type End,
  expectEnd,
  NO_END,
  type OutgoingMessage,
  type StoredMessage,
  writeMessage,
} from "./jetstream-message.js";
import { type Messages, recordsIn, saveMessages } from "./jetstream-saved.js";
import type { Mark } from "./jetstream-mark.js";
import { findStream, otherStreams } from "./jetstream-stream.js";
import { expectLast, mendedMeanwhile, StreamTurn, type StreamTurnOptions } from "./jetstream-turn.js";
import { chainHash, draft, sealRecord } from "./record-chain.js";

/** Messages that are asked for together. */
const READ_AT_ONCE = 64;

/** A log in another stream. */
export interface LogBeside {
  /** Of the stream. */
  readonly name: string;
  /** Hash of the first record, which no two fleets have in common. */
  readonly first: string;
}

export class ClosedStream implements ClosedLog {
  readonly #options: StreamTurnOptions;
  readonly #turn: StreamTurn;
  /** Where it ended when it was read first, and since what was appended here: it goes on for nobody else. */
  #end: End | undefined;
  /** Appends go one by one: each names the record before it. */
  #appended: Promise<unknown> = Promise.resolve();

  constructor(options: StreamTurnOptions) {
    this.#options = options;
    this.#turn = new StreamTurn(options);
  }

  /** A stream that is gone has no records. @throws FleetError "unreachable"; "conflict" when it ends elsewhere than before. */
  async *read(from: Position): AsyncIterable<LogRecord> {
    let end = NO_END;
    for await (const record of recordsIn(this.#options.stream, this.#messages(await this.#last()))) {
      end = record;
      if (record.position > from) yield record;
    }
    const { position, hash } = end;
    const before = this.#end;
    if (before && (before.position !== position || before.hash !== hash))
      throw mendedMeanwhile(this.#options.stream);
    this.#end = { position, hash };
  }

  append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    const appended = this.#appended.then(() => this.#append(subject, events, expected));
    this.#appended = appended.catch(() => undefined);
    return appended;
  }

  /** What another run has left in it, that was stopped or is at work. Asked first: all that is read then is of this stream. */
  mark(): Promise<Mark | undefined> {
    return this.#turn.mark();
  }

  /**
   * Makes the stream if it is gone; no worker takes it until `finish`.
   * @param until - where it ends once it is mended. @param aside - worker in whose folder is what it held before.
   * @throws FleetError "conflict" when it is not what was looked at; otherwise as `assertSettings`.
   */
  async make(until: Position, aside?: string): Promise<void> {
    await this.#turn.begin(until, (await this.#ended()).position, aside);
  }

  /** It is whole: workers take it again. @throws FleetError "conflict" when it is another, or goes on. */
  async finish(): Promise<void> {
    await this.#turn.finish((await this.#ended()).position);
  }

  /** Logs in other streams of these servers. @returns undefined when the stream itself is there. */
  async beside(): Promise<readonly LogBeside[] | undefined> {
    const { nats, clock, stream } = this.#options;
    if (await untilAnswered(clock, () => findStream(nats, stream))) return undefined;
    const names = await otherStreams(nats, stream);
    const logs = names.map(async (name) => {
      const other = new ClosedStream({ ...this.#options, stream: name });
      const first = (await recordAt(other, 1))?.hash ?? NO_HASH;
      return first === NO_HASH ? [] : [{ name, first }];
    });
    return (await Promise.all(logs)).flat();
  }

  /**
   * Takes the stream away, if it is what was looked at and nobody else does the same.
   * @param path - of a file that has every message before, whole, and synced. @param worker - in whose folder that is.
   * @param until - where the stream ends once it is mended.
   * @throws FleetError "conflict" for all that do so at once, but for one at most.
   */
  async replace(path: string, worker: string, until: Position): Promise<void> {
    const { position } = await this.#ended();
    await this.#turn.claim(position);
    await saveMessages(path, this.#messages(position));
    await this.#turn.remove(worker, until, position);
    this.#end = NO_END;
  }

  async #ended(): Promise<End> {
    if (!this.#end) for await (const record of this.read(0)) void record;
    return this.#end ?? NO_END;
  }

  async #append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    const { clock, stream } = this.#options;
    const end = await this.#ended();
    const accepted = draft(subject, events);
    const hash = chainHash(sealRecord(end.position + 1, accepted, end.hash));
    // The same id each time that this run sends the record: of another run the stream takes it only in our place.
    const message = writeMessage(stream, accepted, expected, end, `recover-${this.#turn.run}-${hash}`);
    expectLast(message.headers, end.position);
    const { seq } = await untilAnswered(clock, () => this.#publish(message, end.position));
    if (seq !== end.position + 1) throw mendedMeanwhile(stream);
    this.#end = { position: seq, hash };
    return seq;
  }

  /** @param end - of what was read: whatever the server has of the subject up to there counts for nothing more than we say. */
  async #publish(message: OutgoingMessage, end: Position): Promise<PubAck> {
    const { nats, stream } = this.#options;
    const { subject, payload, headers } = message;
    const publish = () => nats.jetstream().publish(subject, payload, { headers, timeout: REQUEST_MS });
    try {
      return await publish();
    } catch (error) {
      const instead = error instanceof NatsError ? endInstead(error) : undefined;
      if (instead === undefined) throw await this.#turn.explain(error);
      if (instead > end) throw mendedMeanwhile(stream, error);
      expectEnd(message, instead); // it was overtaken, or is kept under another subject
    }
    try {
      return await publish();
    } catch (error) {
      throw endInstead(error) === undefined ? error : mendedMeanwhile(stream, error);
    }
  }

  async #last(): Promise<Position> {
    const { nats, clock, stream } = this.#options;
    return (await untilAnswered(clock, () => findStream(nats, stream)))?.state.last_seq ?? 0;
  }

  async *#messages(last: Position): Messages {
    for (let first = 1; first <= last; first += READ_AT_ONCE) {
      const count = Math.min(READ_AT_ONCE, last - first + 1);
      const batch = Array.from({ length: count }, (_, i) => this.#messageAt(first + i));
      for (const [i, message] of (await Promise.all(batch)).entries()) yield [first + i, message];
    }
  }

  #messageAt(position: Position): Promise<StoredMessage | undefined> {
    const { nats, clock, stream } = this.#options;
    return untilAnswered(clock, async () => {
      const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
      try {
        const { seq, subject, data, header } = await manager.streams.getMessage(stream, { seq: position });
        return { sequence: seq, subject, payload: data, headers: header };
      } catch (error) {
        if (isMessageMissing(error)) return undefined;
        throw isStreamMissing(error) ? mendedMeanwhile(stream, error) : error;
      }
    });
  }
}
