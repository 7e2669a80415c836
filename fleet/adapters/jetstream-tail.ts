/**
 * Keeps one worker's copy up with its stream: every message is judged and written into the copy, in order. One
 * consumer delivers them; it is made anew, after a look whether the stream still is the same, whenever the
 * connection comes back, the server falls silent, or a delivery is lost.
 */
import { createInbox, Events, NatsError, type Subscription } from "nats";
import type { Clock, Timer } from "../../protocol/clock.js";
import { FleetError } from "../errors.js";
import type { Position } from "../ports.js";
import { pause, PAUSE_MS, REQUEST_MS } from "./jetstream-answers.js";
import { compare, compareMessage, hashAt, type Pair } from "./jetstream-compare.js";
import { consumerAfter, deliveries } from "./jetstream-deliveries.js";
import { OtherHistory, readMessage, type RecordMessage } from "./jetstream-message.js";

export interface TailEvents {
  /** In the copy, and its followers have taken it. */
  taken(message: RecordMessage, isOvertaken: boolean): void;
  /** The consumer, or the connection, is not to be relied on: answers may be lost. */
  interrupted(): void;
  /** For good: OtherHistory, or "storage-failed" of the copy. */
  failed(error: FleetError): void;
}

/** Nothing heard, or nothing brought that the stream has, for so long: the consumer is of no use. */
const SILENCE_MS = 2_000;
/** Events on their way into the copy, bytes of JSON; beyond that no more are taken from the server. */
const MAX_WRITING_BYTES = 8 * 1024 * 1024;
/** Looks before a stream of a cluster counts as shorter or other: a new leader may not have all of it at once. */
const LOOKS = 20;

export class Tail {
  readonly #pair: Pair;
  readonly #clock: Clock;
  readonly #events: TailEvents;
  #taken: Position;
  /** Where the stream ended at the first look. */
  #goal: Position | undefined;
  #isThorough = true;
  #isFollowing = false;
  #hasEnded = false;
  #isConnected = true;
  /** Ends the present attempt; a new one begins. */
  #break: () => void = () => undefined;
  #waiting: { position: Position; resolve: () => void }[] = [];
  #waitingToFollow: (() => void)[] = [];
  /** Bytes on their way into the copy, and the newest of them. */
  #writingBytes = 0;
  #written: Promise<void> = Promise.resolve();
  #heard = false;
  readonly #running: Promise<void>;

  /** Begins at once, after the end of the pair's history. */
  constructor(pair: Pair, clock: Clock, events: TailEvents) {
    this.#pair = pair;
    this.#clock = clock;
    this.#events = events;
    this.#taken = pair.history.end.position;
    this.#running = this.#run();
    void this.#watchConnection();
  }

  /** Resolves when all is taken that the stream had at the first look, or never will be. */
  async caughtUp(): Promise<void> {
    await this.following();
    if (this.#goal !== undefined) await this.reached(this.#goal);
  }

  /** Resolves when the consumer delivers, or never will. */
  async following(): Promise<void> {
    if (this.#isFollowing || this.#hasEnded) return;
    await new Promise<void>((resolve) => this.#waitingToFollow.push(resolve));
  }

  /** Resolves when this record, which the stream has, is taken, or never will be. */
  async reached(position: Position): Promise<void> {
    if (this.#taken >= position || this.#hasEnded) return;
    await new Promise<void>((resolve) => this.#waiting.push({ position, resolve }));
  }

  /** Whether this record is taken. */
  has(position: Position): boolean {
    return this.#taken >= position;
  }

  /** Looks anew whether the stream is the one that it was. */
  lookAgain(): void {
    this.#isFollowing = false;
    this.#break();
    this.#events.interrupted();
  }

  /** Resolves when nothing more is written into the copy. */
  end(): Promise<void> {
    this.#hasEnded = true;
    this.lookAgain();
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    for (const resolve of this.#waitingToFollow.splice(0)) resolve();
    return this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#hasEnded) {
      const broken = new Promise<void>((resolve) => (this.#break = resolve));
      try {
        if (!this.#isConnected) await broken;
        else await this.#followUntil(broken);
      } catch (error) {
        if (error instanceof FleetError) {
          void this.end();
          this.#events.failed(error);
        } else if (error instanceof NatsError) {
          await this.#pauseUntil(broken);
        } else {
          throw error;
        }
      }
    }
    await this.#written.catch(() => undefined);
  }

  /** Ends when the consumer is not to be relied on any more. */
  async #followUntil(broken: Promise<void>): Promise<void> {
    const { nats, stream } = this.#pair;
    await this.#written;
    const end = await this.#compare();
    this.#goal ??= end;
    const inbox = createInbox();
    const subscription = nats.subscribe(inbox);
    const taking = this.#takeAll(subscription);
    taking.catch(() => undefined); // met below
    const silence = this.#watchSilence();
    try {
      const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
      await manager.consumers.add(stream, consumerAfter(this.#pair.history.end.position, inbox));
      this.#isFollowing = true;
      for (const resolve of this.#waitingToFollow.splice(0)) resolve();
      await Promise.race([broken, taking]);
    } finally {
      this.#isFollowing = false;
      silence.cancel();
      if (!nats.isClosed()) subscription.unsubscribe();
      await taking; // only one at a time writes into the copy
    }
  }

  async #compare(): Promise<Position> {
    const looks = this.#pair.nats.info?.cluster === undefined ? 1 : LOOKS;
    for (let look = 1; ; look++) {
      try {
        const end = await compare(this.#pair, this.#isThorough);
        this.#isThorough = false;
        return end;
      } catch (error) {
        if (!(error instanceof OtherHistory) || look >= looks || this.#hasEnded) throw error;
        await pause(this.#clock, PAUSE_MS);
      }
    }
  }

  async #takeAll(subscription: Subscription): Promise<void> {
    const heard = () => {
      this.#heard = true;
    };
    const { nats, stream } = this.#pair;
    for await (const message of deliveries(nats, subscription, heard, () => this.#written)) {
      await this.#take(readMessage(stream, message));
    }
  }

  async #take(message: RecordMessage): Promise<void> {
    const { copy, history } = this.#pair;
    if (message.position <= history.end.position) {
      // A server of a cluster that is behind begins where it ends, not where it was asked to.
      await this.#written;
      return compareMessage(this.#pair, message);
    }
    const { position, knew } = message;
    if (history.hashAt(knew.position) === undefined) await this.#written; // it is read from the copy
    const hashKnown = await hashAt(this.#pair, knew.position);
    const { draft, events, expected, isOvertaken } = history.accept(message, hashKnown);
    this.#writingBytes += draft.sizeBytes;
    const stored = copy.append(draft.subject, events, expected);
    this.#written = Promise.all([this.#written, stored]).then(([, own]) => {
      if (own !== position) throw new Error("somebody else writes into the copy of the log");
      this.#writingBytes -= draft.sizeBytes;
      this.#taken = position;
      this.#events.taken(message, isOvertaken);
      this.#waiting = this.#waiting.filter((waiting) => {
        if (waiting.position <= position) waiting.resolve();
        return waiting.position > position;
      });
    });
    this.#written.catch(() => this.lookAgain()); // and meets the error there
    if (this.#writingBytes > MAX_WRITING_BYTES) await this.#written;
  }

  /** A server that has less than the others is there, and delivers nothing: another one may deliver more. */
  #watchSilence(): Timer {
    let timer: Timer;
    const watch = () => {
      this.#heard = false;
      const before = this.#taken;
      timer = this.#clock.after(SILENCE_MS, () => {
        const isStuck = this.#waiting.length > 0 && this.#taken === before;
        if (this.#heard && !isStuck) watch();
        else this.lookAgain();
      });
    };
    watch();
    return { cancel: () => timer.cancel() };
  }

  /** Lasts, after the end, until the connection says something more. */
  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#pair.nats.status()) {
      if (this.#hasEnded) return;
      if (type !== Events.Disconnect && type !== Events.Reconnect) continue;
      this.#isConnected = type === Events.Reconnect;
      this.lookAgain();
    }
  }

  async #pauseUntil(broken: Promise<void>): Promise<void> {
    if (this.#pair.nats.isClosed()) return broken; // there is nothing to wait for but our own end
    await Promise.race([broken, pause(this.#clock, PAUSE_MS)]);
  }
}
