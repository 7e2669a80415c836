/**
 * One gateway's feed over a bus: the snapshot, then changes, and after them how far in the log that is. Numbered
 * messages under a window: what the gateway did not confirm yet waits in the feed, where it has a bound (P11).
 */
import type { Bus } from "../protocol/bus.js";
import type { Clock, Timer } from "../protocol/clock.js";
import { ProtocolError } from "../protocol/errors.js";
import {
  FEED_WINDOW,
  HEARTBEAT_MS,
  type LinkSubjects,
  MAX_MISSED,
  MAX_PART_BYTES,
  NUMBER_BYTES,
  numbered,
  readNumbered,
} from "./link-bus-wire.js";
import { LinkFeed, type PlacedSource } from "./link-feed.js";
import type { FleetChange } from "./link.js";
import { encodeNews } from "./link-wire.js";

export interface BusFeedParts {
  readonly source: PlacedSource;
  readonly bus: Bus;
  readonly subjects: LinkSubjects;
  readonly clock: Clock;
  readonly report: (problem: string) => void;
}

export class BusFeed {
  readonly #parts: BusFeedParts;
  readonly #name: string;
  readonly #ended: (feed: BusFeed) => void;
  readonly #feed: LinkFeed;
  readonly #unsubscribe: () => void;
  #heartbeat: Timer;
  /** Of a packet that did not fit into the message before. */
  #rest: Uint8Array | undefined;
  /** Position that the gateway was told. */
  #told: number;
  #sent = 0;
  #confirmed = 0;
  #missed = 0;
  #isSendingSoon = false;
  #isEnded = false;

  /** Says nothing before `moved` or `changed`. @param name - chosen by the gateway. */
  constructor(parts: BusFeedParts, name: string, ended: (feed: BusFeed) => void) {
    const { source, bus, subjects } = parts;
    this.#parts = parts;
    this.#name = name;
    this.#ended = ended;
    this.#told = source.position();
    this.#rest = encodeNews({ type: "position", position: this.#told }); // the snapshot knows no less
    this.#feed = new LinkFeed(source);
    this.#unsubscribe = bus.subscribe(subjects.up(name), ({ payload }) => this.#heard(payload));
    this.#heartbeat = this.#beatLater();
  }

  changed(change: FleetChange): void {
    this.#feed.change(change);
    this.#sendSoon();
  }

  /** The source is further in the log. */
  moved(): void {
    this.#sendSoon();
  }

  /** The gateway is to ask another service. */
  sayGoodbye(): void {
    this.#send();
    this.#end(true);
  }

  /** Once all that is told now is in the feed: a position must not come before the changes that led there. */
  #sendSoon(): void {
    if (this.#isSendingSoon) return;
    this.#isSendingSoon = true;
    queueMicrotask(() => {
      this.#isSendingSoon = false;
      this.#send();
    });
  }

  #send(): void {
    while (!this.#isEnded && this.#sent - this.#confirmed < FEED_WINDOW) {
      const parts = this.#nextParts();
      if (parts.length === 0) return;
      this.#publish(...parts);
    }
    if (this.#isEnded || !this.#feed.isOverfull) return;
    this.#parts.report("cut off a gateway that does not take what it is told; it may come again");
    this.#end(true);
  }

  /** What fits into one message. */
  #nextParts(): readonly Uint8Array[] {
    const parts: Uint8Array[] = [];
    let room = Math.min(MAX_PART_BYTES, this.#parts.bus.maxPayload - NUMBER_BYTES);
    while (room > 0) {
      const packet = this.#rest ?? this.#feed.next() ?? this.#position();
      if (!packet) break;
      parts.push(packet.subarray(0, room));
      this.#rest = packet.length > room ? packet.subarray(room) : undefined;
      room -= Math.min(room, packet.length);
    }
    return parts;
  }

  /** How far it is, now that all was told; undefined when the gateway knows that too. */
  #position(): Uint8Array | undefined {
    const position = this.#parts.source.position();
    if (position === this.#told) return undefined;
    this.#told = position;
    return encodeNews({ type: "position", position });
  }

  #publish(...body: readonly Uint8Array[]): void {
    const { bus, subjects } = this.#parts;
    this.#sent += 1;
    bus.publish(subjects.down(this.#name), numbered(this.#sent, ...body));
  }

  #beatLater(): Timer {
    return this.#parts.clock.after(HEARTBEAT_MS, () => {
      this.#missed += 1;
      if (this.#missed > MAX_MISSED) return this.#end(true); // one that is there after all then asks anew
      this.#publish(); // outside the window: it asks what was heard
      this.#heartbeat = this.#beatLater();
    });
  }

  #heard(payload: Uint8Array): void {
    if (this.#isEnded) return;
    if (payload.length === 0) return this.#end(false);
    try {
      this.#confirmed = Math.max(this.#confirmed, Math.min(readNumbered(payload).number, this.#sent));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#parts.report(`left out what no gateway says: ${error.message}`);
    }
    this.#missed = 0;
    this.#send();
  }

  #end(isSaid: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#heartbeat.cancel();
    this.#unsubscribe();
    const { bus, subjects } = this.#parts;
    if (isSaid) bus.publish(subjects.down(this.#name), new Uint8Array());
    this.#ended(this);
  }
}
