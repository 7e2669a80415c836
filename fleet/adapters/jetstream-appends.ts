/**
 * A worker's own appends on their way: each is sent until the stream has answered, always with the same id, and is
 * done when the tail has brought it back, at the place that the answer names. So a record counts as written only when
 * it stands in this worker's copy, however often it was sent, and whichever answers were lost; and servers of a
 * cluster that have drifted apart are found by it.
 */
import { randomBytes } from "node:crypto";
import { type NatsConnection, NatsError } from "nats";
import type { Clock } from "../../protocol/clock.js";
import { FleetError } from "../errors.js";
import type { Position } from "../ports.js";
import { endInstead, pause, PAUSE_MS, REQUEST_MS, unreachable } from "./jetstream-answers.js";
import type { Pair } from "./jetstream-compare.js";
import type { History } from "./jetstream-history.js";
import { expectEnd, OtherHistory, type OutgoingMessage, writeMessage } from "./jetstream-message.js";
import type { Tail } from "./jetstream-tail.js";
import { conflict, type Draft } from "./record-chain.js";

/** Events that may be on their way at one time, in bytes of JSON, and appends; more is refused as "overloaded". */
const MAX_SENDING_BYTES = 64 * 1024 * 1024;
const MAX_SENDING = 4_096;
/** How long an append may take. A cluster that has lost a server chooses a new leader within it. */
const APPEND_MS = 30_000;
/** How long those that are on their way may take once the log is closed: a worker that ends does not wait for NATS. */
const LAST_APPENDS_MS = 10_000;
/** Room for the headers of a message. */
const HEADER_BYTES = 512;

interface Pending {
  readonly accepted: Draft;
  readonly expected: Position;
  readonly message: OutgoingMessage;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: FleetError) => void;
  /** Waits no longer for the answer to what was sent. */
  giveUp: () => void;
  /** Where the tail has brought it. */
  taken?: Position;
  /** Where the stream says it is. */
  stored?: Position;
}

/** Where the record is, or where its subject ends instead. */
interface Answer {
  readonly position: Position;
  readonly isRefused: boolean;
}

export class Appends {
  readonly #nats: NatsConnection;
  readonly #stream: string;
  readonly #history: History;
  readonly #clock: Clock;
  readonly #forked: (error: OtherHistory) => void;
  /** By the id of the message. */
  readonly #pending = new Map<string, Pending>();
  /** Of those that are on their way, answered or not: what nobody waits for any more is still there for a while. */
  #sending = 0;
  #sendingBytes = 0;
  readonly #origin = randomBytes(12).toString("hex");
  #sent = 0;
  #idle: (() => void)[] = [];

  /** @param forked - the stream says one thing and delivers another. */
  constructor({ nats, stream, history }: Pair, clock: Clock, forked: (error: OtherHistory) => void) {
    this.#nats = nats;
    this.#stream = stream;
    this.#history = history;
    this.#clock = clock;
    this.#forked = forked;
  }

  /**
   * @returns the position of the record, once the stream has acknowledged it and `taken` was told of it.
   * @throws FleetError as `EventLog.append`.
   */
  async append(tail: Tail, accepted: Draft, expected: Position): Promise<Position> {
    const largest = this.#nats.info?.max_payload;
    if (largest !== undefined && accepted.sizeBytes + HEADER_BYTES > largest) {
      const size = `one decision has ${accepted.sizeBytes} bytes of events, and nats-server takes ${largest}`;
      throw new FleetError("bad-request", `${size}; raise max_payload there`);
    }
    if (this.#sending >= MAX_SENDING || this.#sendingBytes + accepted.sizeBytes > MAX_SENDING_BYTES) {
      throw new FleetError("overloaded", "too many decisions wait for the log; try again in a moment");
    }
    const id = `${this.#origin}-${++this.#sent}`;
    const message = writeMessage(this.#stream, accepted, expected, this.#history.end, id);
    const answer = new Promise<Position>((resolve, reject) => {
      this.#pending.set(id, { accepted, expected, message, resolve, reject, giveUp: () => undefined });
    });
    const limit = this.#clock.after(APPEND_MS, () => {
      const pending = this.#settle(id);
      pending?.reject(unreachable("the record may or may not come"));
    });
    this.#sending += 1;
    this.#sendingBytes += accepted.sizeBytes;
    void this.#send(tail, id).finally(() => {
      this.#sending -= 1;
      this.#sendingBytes -= accepted.sizeBytes;
    });
    return answer.finally(() => limit.cancel());
  }

  /** The tail has brought a record with this id. @param isOvertaken - it came too late, and does not count. */
  taken(id: string, position: Position, isOvertaken: boolean): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    if (!isOvertaken) {
      pending.taken = position;
      if (pending.stored === position) this.#settle(id)?.resolve(position);
    } else if (pending.taken === undefined) {
      this.#settle(id)?.reject(conflict(pending.accepted.subject));
    } else {
      this.#settle(id)?.resolve(pending.taken); // sent twice, let in twice: the first one counts
    }
  }

  /** What was sent may not have arrived, or its answer: it is sent again. */
  interrupted(): void {
    for (const { giveUp } of this.#pending.values()) giveUp();
  }

  /** Nothing comes any more. */
  failed(error: FleetError): void {
    for (const id of this.#pending.keys()) this.#settle(id)?.reject(error);
  }

  /** For a log that closes: resolves when every append is answered; those that are not in time are "unreachable". */
  async idle(): Promise<void> {
    if (this.#pending.size === 0) return;
    const limit = this.#clock.after(LAST_APPENDS_MS, () =>
      this.failed(unreachable("this server is stopping, and the record may or may not come")),
    );
    await new Promise<void>((resolve) => this.#idle.push(resolve));
    limit.cancel();
  }

  async #send(tail: Tail, id: string): Promise<void> {
    for (;;) {
      await tail.following();
      const pending = this.#pending.get(id);
      if (!pending) return;
      const answer = await this.#answered(pending);
      const isSentAgain = answer && (await this.#judge(tail, id, pending, answer));
      if (!this.#pending.has(id)) return;
      if (isSentAgain) continue;
      await pause(this.#clock, PAUSE_MS);
    }
  }

  /** @returns whether it is to be sent again at once. The copy has the last word: a server that has just taken the lead may refuse what is right. */
  async #judge(tail: Tail, id: string, pending: Pending, { position, isRefused }: Answer): Promise<boolean> {
    if (!isRefused) pending.stored = position;
    await tail.reached(position);
    const { subject } = pending.accepted;
    const head = this.#history.headOf(subject);
    if (isRefused && head !== pending.expected) {
      await tail.reached(head);
      // What stands in its way may be the record itself, sent before.
      if (pending.taken !== undefined && pending.taken <= position) pending.stored = pending.taken;
      else if (pending.taken === undefined) this.#settle(id)?.reject(conflict(subject));
    } else if (isRefused && position > head && tail.has(position)) {
      expectEnd(pending.message, position); // what stands there was overtaken
      return true;
    }
    this.#finish(id, pending);
    if (this.#pending.has(id)) tail.lookAgain(); // the answer is not of the stream that the copy follows
    return false;
  }

  /** Once both are known: what the stream says, and what it delivers. */
  #finish(id: string, { taken, stored }: Pending): void {
    if (taken === undefined || stored === undefined) return;
    if (taken === stored) this.#settle(id)?.resolve(taken);
    else if (this.#pending.has(id)) {
      this.#forked(
        new OtherHistory(taken, `keeps one record at ${stored} on one server and at ${taken} on another`),
      );
    }
  }

  /** @returns undefined when nobody has answered. */
  #answered(pending: Pending): Promise<Answer | undefined> {
    return new Promise((resolve, reject) => {
      pending.giveUp = () => resolve(undefined);
      this.#publish(pending.message).then(resolve, reject);
    });
  }

  async #publish({ subject, payload, headers }: OutgoingMessage): Promise<Answer | undefined> {
    try {
      const { seq } = await this.#nats
        .jetstream()
        .publish(subject, payload, { headers, timeout: REQUEST_MS });
      return { position: seq, isRefused: false };
    } catch (error) {
      if (!(error instanceof NatsError)) throw error;
      const position = endInstead(error);
      return position === undefined ? undefined : { position, isRefused: true };
    }
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    this.#pending.delete(id);
    if (this.#pending.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    return pending;
  }
}
