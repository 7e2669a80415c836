/**
 * The stream of a log while no worker has it open, as who mends it needs it: read like a copy, gone on with where it
 * ends, and made anew. Whatever was done before it was stopped counts when it is done again.
 */
import { type NatsConnection, NatsError, type PubAck } from "nats";
import type { Clock } from "../../protocol/clock.js";
import { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import type { LogRecord, Position, Subject } from "../ports.js";
import { type ClosedLog, NO_HASH, recordAt } from "../recovery/closed-log.js";
import { endInstead, isMessageMissing, REQUEST_MS, untilAnswered } from "./jetstream-answers.js";
import {
  type End,
  expectEnd,
  NO_END,
  type OutgoingMessage,
  type StoredMessage,
  writeMessage,
} from "./jetstream-message.js";
import { type Messages, recordsIn, saveMessages } from "./jetstream-saved.js";
import {
  findStream,
  isFilling,
  markFilled,
  openStream,
  otherStreams,
  type StreamWanted,
} from "./jetstream-stream.js";
import { chainHash, draft, sealRecord } from "./record-chain.js";

/** Messages that are asked for together. */
const READ_AT_ONCE = 64;

export interface ClosedStreamOptions extends StreamWanted {
  readonly nats: NatsConnection;
  readonly clock: Clock;
}

/** A log in another stream. */
export interface LogBeside {
  /** Of the stream. */
  readonly name: string;
  /** Hash of the first record, which no two fleets have in common. */
  readonly first: string;
}

export class ClosedStream implements ClosedLog {
  readonly #options: ClosedStreamOptions;
  /** Where it ends, once it was read so far. */
  #end: End | undefined;
  /** Appends go one by one: each names the record before it. */
  #appended: Promise<unknown> = Promise.resolve();

  constructor(options: ClosedStreamOptions) {
    this.#options = options;
  }

  /** A stream that is gone has no records. @throws FleetError "unreachable". */
  async *read(from: Position): AsyncIterable<LogRecord> {
    let end = NO_END;
    for await (const record of recordsIn(this.#options.stream, this.#messages())) {
      end = record;
      if (record.position > from) yield record;
    }
    this.#end = { position: end.position, hash: end.hash };
  }

  append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    const appended = this.#appended.then(() => this.#append(subject, events, expected));
    this.#appended = appended.catch(() => undefined);
    return appended;
  }

  /** Makes the stream if it is gone; no worker takes it until `finish`. @throws FleetError as `openStream`. */
  async make(): Promise<void> {
    const { nats, clock } = this.#options;
    await openStream(nats, clock, this.#options, "recover");
  }

  /** What `make` began was stopped since. */
  async isHalf(): Promise<boolean> {
    const { nats, clock, stream } = this.#options;
    const found = await untilAnswered(clock, () => findStream(nats, stream));
    return found !== undefined && isFilling(found);
  }

  /** It is whole: workers take it again. */
  async finish(): Promise<void> {
    const { nats, clock, stream } = this.#options;
    await untilAnswered(clock, () => markFilled(nats, stream));
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

  /** Every message into a file that is there whole or not at all; synced once resolved. */
  async save(path: string): Promise<void> {
    await saveMessages(path, this.#messages());
  }

  /** Gone for good. */
  async remove(): Promise<void> {
    const { nats, clock, stream } = this.#options;
    await untilAnswered(clock, async () => {
      if (!(await findStream(nats, stream))) return;
      const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
      await manager.streams.delete(stream);
    });
    this.#end = NO_END;
  }

  async #append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    const { clock, stream } = this.#options;
    if (!this.#end) for await (const record of this.read(0)) void record;
    const end = this.#end ?? NO_END;
    const accepted = draft(subject, events);
    const hash = chainHash(sealRecord(end.position + 1, accepted, end.hash));
    // The same id each time that this record is sent, by whichever run: the stream knows it again.
    const message = writeMessage(stream, accepted, expected, end, `recover-${hash}`);
    const { seq } = await untilAnswered(clock, () => this.#publish(message, end.position));
    if (seq !== end.position + 1)
      throw new FleetError(
        "conflict",
        `somebody writes into ${stream} meanwhile: stop every worker, and run daymark recover again`,
      );
    this.#end = { position: seq, hash };
    return seq;
  }

  /** @param end - of what was read: whatever the server has of the subject up to there counts for nothing more than we say. */
  async #publish(message: OutgoingMessage, end: Position): Promise<PubAck> {
    const { nats } = this.#options;
    const { subject, payload, headers } = message;
    const publish = () => nats.jetstream().publish(subject, payload, { headers, timeout: REQUEST_MS });
    try {
      return await publish();
    } catch (error) {
      const instead = error instanceof NatsError ? endInstead(error) : undefined;
      if (instead === undefined || instead > end) throw error;
      expectEnd(message, instead); // it was overtaken, or is kept under another subject
      return publish();
    }
  }

  async *#messages(): Messages {
    const { nats, clock, stream } = this.#options;
    const found = await untilAnswered(clock, () => findStream(nats, stream));
    const last = found?.state.last_seq ?? 0;
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
        throw error;
      }
    });
  }
}
