/**
 * One feed of news from one service over a bus. It is lost once, for a reason: a gap, silence, a carrier that is
 * gone, a goodbye. Whoever owns it makes another, and some service of the fleet takes that.
 */
import { randomBytes } from "node:crypto";
import {
  encodeFeedRequest,
  FEED_WINDOW,
  HEARTBEAT_MS,
  type LinkSubjects,
  MAX_MISSED,
  numbered,
  readAnswers,
  readNumbered,
} from "../../fleet/link-bus-wire.js";
import { PacketReader } from "../../fleet/link-packets.js";
import type { Positions } from "../../fleet/link-positions.js";
import { type News, readNews } from "../../fleet/link-wire.js";
import type { Bus } from "../../protocol/bus.js";
import { toHex } from "../../protocol/bytes.js";
import type { Clock, Timer } from "../../protocol/clock.js";
import { ProtocolError } from "../../protocol/errors.js";
import { LinkError, linkErrorOf } from "./link-error.js";
import type { LineListener } from "./replica-link.js";

export interface BusLineParts {
  readonly bus: Bus;
  readonly subjects: LinkSubjects;
  readonly clock: Clock;
  /** What the gateway has heard of, from any service: kept up here. */
  readonly positions: Positions;
}

/** Longer than a service waits until it is as far as the gateway. */
const OPEN_MS = 5_000;
const FEED_BYTES = 16;
/** So many messages are confirmed together, unless the service asks before. */
const CONFIRM_EVERY = FEED_WINDOW / 4;

export class BusLine {
  readonly #parts: BusLineParts;
  readonly #listener: LineListener;
  readonly #feed = toHex(randomBytes(FEED_BYTES));
  readonly #reader = new PacketReader();
  readonly #ends: readonly (() => void)[];
  /** Number of the newest message. */
  #last = 0;
  #confirmed = 0;
  /** How far in the log the snapshot is at least; undefined until the service has said so. */
  #begunAt: number | undefined;
  #isWhole = false;
  #isLost = false;
  #missed = 0;
  #patience: Timer;

  constructor(parts: BusLineParts, listener: LineListener) {
    const { bus, subjects } = parts;
    this.#parts = parts;
    this.#listener = listener;
    this.#ends = [
      bus.subscribe(subjects.down(this.#feed), ({ payload }) => this.#heard(payload)),
      bus.onState((isUp) => {
        if (!isUp) this.#lose("the carrier of the link is lost");
      }),
    ];
    this.#patience = this.#bePatient();
    void this.#open();
  }

  /** A whole snapshot was told: from then on all news are to come soon. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  cut(why: LinkError): void {
    this.#end(why);
  }

  async #open(): Promise<void> {
    const { bus, subjects, positions } = this.#parts;
    try {
      const asked = encodeFeedRequest({ since: positions.named, feed: this.#feed });
      const [refusal] = readAnswers(await bus.request(subjects.open, asked, OPEN_MS)).answers;
      if (refusal?.type === "failure") this.#lose(refusal.text);
    } catch (error) {
      this.#end(linkErrorOf(error));
    }
  }

  #heard(payload: Uint8Array): void {
    if (this.#isLost) return;
    if (payload.length === 0) return this.#end(new LinkError("link-moved", "the service ends the feed"));
    try {
      const { number, body } = readNumbered(payload);
      if (number !== this.#last + 1)
        return this.#lose(`news are missing: ${this.#last + 1} to ${number - 1}`);
      this.#last = number;
      this.#missed = 0;
      for (const packet of this.#reader.feed(body)) if (!this.#isLost) this.#take(readNews(packet));
      const isAsked = body.length === 0;
      if (isAsked || this.#last - this.#confirmed >= CONFIRM_EVERY) this.#confirm();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#lose(`the service makes no sense: ${error.message}`, error);
    }
  }

  #take(news: News): void {
    const { positions } = this.#parts;
    if (news.type === "answer" || news.type === "failure")
      throw new ProtocolError("malformed", `${news.type} among news`);
    if (this.#begunAt !== undefined) {
      this.#listener.told(news);
      if (news.type === "position") positions.advance(news.position);
      if (news.type !== "ready") return;
      this.#isWhole = true;
      positions.advance(this.#begunAt);
      return;
    }
    if (news.type !== "position") throw new ProtocolError("malformed", "news that begin without a position");
    if (news.position < positions.reached)
      return this.#lose(`the service knows the log to ${news.position}, and we to ${positions.reached}`);
    this.#begunAt = news.position;
  }

  #confirm(): void {
    if (this.#isLost) return;
    this.#confirmed = this.#last;
    const { bus, subjects } = this.#parts;
    bus.publish(subjects.up(this.#feed), numbered(this.#last));
  }

  #bePatient(): Timer {
    return this.#parts.clock.after(HEARTBEAT_MS, () => {
      this.#missed += 1;
      if (this.#missed > MAX_MISSED) return this.#lose("the service says nothing any more");
      this.#patience = this.#bePatient();
    });
  }

  #lose(why: string, cause?: unknown): void {
    this.#end(new LinkError("link-down", why, { cause }));
  }

  #end(why: LinkError): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#patience.cancel();
    for (const end of this.#ends) end();
    const { bus, subjects } = this.#parts;
    if (why.code !== "link-moved") bus.publish(subjects.up(this.#feed), new Uint8Array());
    this.#listener.lost(why);
  }
}
