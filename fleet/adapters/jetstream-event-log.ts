/**
 * `EventLog` that several workers share: a NATS JetStream stream orders the records, and each worker keeps all of
 * them in a copy of its own. A JetStream can lose what it has acknowledged when power goes, so an append counts
 * only when it stands in this worker's copy, synced; and a stream that is behind its copies, or has another history,
 * is not followed any further ("fenced").
 */
import type { NatsConnection } from "nats";
import type { Clock } from "../../protocol/clock.js";
import { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import { leftOut } from "../fence.js";
import type { EventLog, Follower, LogRecord, Position, Subject } from "../ports.js";
import { within } from "../within.js";
import { unreachable, untilAnswered } from "./jetstream-answers.js";
import { Appends } from "./jetstream-appends.js";
import { raiseFence, type Telling } from "./jetstream-fence.js";
import { History } from "./jetstream-history.js";
import { OtherHistory } from "./jetstream-message.js";
import { findLedStream, openStream, type StreamWanted } from "./jetstream-stream.js";
import { Tail } from "./jetstream-tail.js";
import { draft } from "./record-chain.js";

export interface JetStreamLogOptions extends StreamWanted {
  /** Stays the caller's. */
  readonly nats: NatsConnection;
  /** This worker's own, written by nobody else; closed with the log. */
  readonly copy: EventLog;
  /** Of the copy: 16 hex digits. */
  readonly worker: string;
  readonly clock: Clock;
  /** False: whoever has an empty copy did not always, so a stream that is not there was lost. Default: true. */
  readonly mayMake?: boolean;
}

/** How long the copy may take until it has all that the stream had when it was asked. */
const CATCH_UP_MS = 20_000;

export class JetStreamEventLog implements EventLog {
  readonly #options: JetStreamLogOptions;
  /** Of the copy. */
  readonly #history: History;
  readonly #appends: Appends;
  readonly #tail: Tail;
  /** With the calls that end it at the copy. */
  readonly #followers = new Map<Follower, () => void>();
  /** Why nothing more is appended: fenced, a storage error, or closed. */
  #stopped: FleetError | undefined;
  /** Of those, what was not asked for. */
  #failed: FleetError | undefined;
  /** Others are being told. */
  #telling: Promise<Telling | undefined> = Promise.resolve(undefined);
  #closed: Promise<void> | undefined;

  /**
   * Compares the stream with the copy, and brings the copy up to the stream's end. A log that is fenced opens all
   * the same: what the copy has can be read, and followers are told.
   * @throws FleetError "bad-request" for a stream that will not do, "unreachable" when JetStream does not answer,
   *   "storage-failed" of the copy, and where there is neither stream nor copy and none may be made; "conflict" for a
   *   worker that was left out when the stream was mended, and while it is mended. The copy is not closed then.
   */
  static async open(options: JetStreamLogOptions): Promise<JetStreamEventLog> {
    const { nats, clock, copy, mayMake = true } = options;
    const history = new History();
    for await (const record of copy.read(0)) history.grow(record);
    const newcomer = mayMake ? "newcomer" : "bereft";
    await openStream(nats, clock, options, history.end.position === 0 ? newcomer : "worker");
    const log = new JetStreamEventLog(options, history);
    await log.#begun();
    return log;
  }

  private constructor(options: JetStreamLogOptions, history: History) {
    const { nats, stream, copy, clock } = options;
    this.#options = options;
    this.#history = history;
    const pair = { nats, stream, copy, history };
    this.#appends = new Appends(pair, clock, (error) => {
      void this.#tail.end();
      this.#fail(error);
    });
    this.#tail = new Tail(pair, clock, {
      taken: ({ id, position }, isOvertaken) => this.#appends.taken(id, position, isOvertaken),
      interrupted: () => this.#appends.interrupted(),
      failed: (error) => this.#fail(error),
    });
  }

  async append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    if (this.#stopped) throw this.#stopped;
    return this.#appends.append(this.#tail, draft(subject, events), expected);
  }

  read(from: Position): AsyncIterable<LogRecord> {
    return this.#options.copy.read(from);
  }

  /** The copy hands the records over: what it has not synced nobody takes. */
  follow(from: Position, follower: Follower): () => void {
    const end = this.#options.copy.follow(from, follower);
    if (this.#failed) {
      end();
      follower.failed(this.#failed);
      return () => undefined;
    }
    this.#followers.set(follower, end);
    return () => {
      this.#followers.delete(follower);
      end();
    };
  }

  async caughtUp(): Promise<void> {
    const { nats, stream, clock } = this.#options;
    const found = await untilAnswered(clock, async () => {
      if (this.#stopped) throw this.#stopped; // also meanwhile: whoever closes it waits for nobody
      return findLedStream(nats, stream);
    });
    if (!found) {
      this.#tail.lookAgain(); // and finds that it is gone
      throw unreachable("the stream is not there");
    }
    const isThere = await within(clock, CATCH_UP_MS, this.#tail.reached(found.state.last_seq));
    if (this.#stopped) throw this.#stopped;
    if (!isThere) throw unreachable("the newest records have not come");
  }

  close(): Promise<void> {
    this.#stopped ??= new FleetError("storage-failed", "the event log is closed");
    return (this.#closed ??= (async () => {
      await this.#appends.idle();
      await this.#tail.end();
      await this.#telling;
      await this.#options.copy.close();
    })());
  }

  /** However long the stream is: no limit but that it answers. */
  async #begun(): Promise<void> {
    const { clock } = this.#options;
    const isFollowing = await within(clock, CATCH_UP_MS, this.#tail.following());
    if (isFollowing) await this.#tail.caughtUp();
    const { worker } = this.#options;
    const isOut = (await this.#telling) === "left out";
    const failed = isFollowing ? this.#stopped : unreachable("the stream cannot be read");
    if (isOut) throw leftOut(worker);
    if (!failed || failed instanceof OtherHistory) return;
    await this.#tail.end();
    throw failed;
  }

  /** For good: only a new start may look again. */
  #fail(error: FleetError): void {
    if (this.#failed) return;
    this.#stopped = error;
    this.#failed = error;
    this.#appends.failed(error);
    const followers = [...this.#followers];
    this.#followers.clear();
    const { nats, stream, clock, worker } = this.#options;
    if (error instanceof OtherHistory) {
      const { position } = this.#history.end;
      this.#telling = raiseFence(nats, stream, clock, worker, position);
    }
    // Also where the copy told them of a write that failed: of a read it tells nobody.
    for (const [follower, end] of followers) {
      end();
      follower.failed(error);
    }
  }
}
