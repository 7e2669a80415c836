/**
 * One connection of a gateway to its fleet service, as broker/adapters/link-line.ts has it over a socket: what the
 * service's feed has to tell arrives in order, while it passes, and answers are among it.
 */
import type { Tidings } from "../../broker/replica.js";
import { LinkFeed, linkSource } from "../../fleet/link-feed.js";
import type { FleetLink } from "../../fleet/link.js";
import { PacketReader } from "../../fleet/link-packets.js";
import { type News, readNews } from "../../fleet/link-wire.js";
import type { FleetService } from "../../fleet/service.js";
import { ProtocolError } from "../../protocol/errors.js";
import type { Schedule } from "./schedule.js";

export interface LineParts {
  readonly schedule: Schedule;
  /** Of the gateway, for the trace. */
  readonly name: string;
  readonly service: FleetService;
  readonly door: FleetLink;
  /** Does what the gateway asks reach the service now, and the other way round? */
  readonly carriesUp: () => boolean;
  readonly carriesDown: () => boolean;
  /** How long what the service says is on its way; 0: no step at all. */
  readonly delayMs: () => number;
  readonly told: (news: Tidings) => void;
}

type Question = (door: FleetLink) => Promise<readonly Uint8Array[]>;

interface Waiting {
  readonly resolve: (documents: readonly Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
}

export class LinkLine {
  readonly #parts: LineParts;
  readonly #feed: LinkFeed;
  readonly #reader = new PacketReader();
  readonly #waiting = new Map<number, Waiting>();
  readonly #unwatch: () => void;
  #lastId = 0;
  /** Packets never overtake each other. */
  #lastArrivalMs = 0;
  #pumping = false;
  #ready = false;
  #lost = false;

  constructor(parts: LineParts) {
    const { service, door } = parts;
    this.#parts = parts;
    this.#feed = new LinkFeed(linkSource(service, door));
    this.#unwatch = door.watch((change) => this.#say(() => this.#feed.change(change)));
  }

  /** @throws Error when the line is lost before the answer comes; ProtocolError "malformed", as the service says. */
  ask(question: Question): Promise<readonly Uint8Array[]> {
    if (!this.#ready || this.#lost) return Promise.reject(unreachable());
    const id = ++this.#lastId;
    const answer = new Promise<readonly Uint8Array[]>((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject }),
    );
    // A question that does not get through is never answered, and the line will be taken for lost.
    if (this.#parts.carriesUp())
      question(this.#parts.door).then(
        (documents) => this.#say(() => this.#feed.answer(id, documents)),
        (error: unknown) => this.#say(() => this.#feed.fail(id, error)),
      );
    return answer;
  }

  /** Sends what waits in the feed, in order, while it passes. */
  pump(): void {
    if (this.#pumping) return; // what is told makes somebody ask: the loop below sends that too
    this.#pumping = true;
    for (let packet = this.#next(); packet; packet = this.#next()) this.#send(packet);
    this.#pumping = false;
  }

  lose(): void {
    this.#lost = true;
    this.#unwatch();
    for (const { reject } of this.#waiting.values()) reject(unreachable());
  }

  #say(add: () => void): void {
    if (this.#lost) return;
    add();
    this.pump();
  }

  #next(): Uint8Array | undefined {
    return !this.#lost && this.#parts.carriesDown() ? this.#feed.next() : undefined;
  }

  #send(packet: Uint8Array): void {
    const { schedule, name, delayMs } = this.#parts;
    const delay = delayMs();
    if (delay === 0) return this.#hear(packet);
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, schedule.nowMs + delay);
    schedule.at(this.#lastArrivalMs, name, "hears the fleet", () => this.#hear(packet));
  }

  #hear(bytes: Uint8Array): void {
    for (const packet of this.#reader.feed(bytes)) if (!this.#lost) this.#take(readNews(packet));
  }

  #take(news: News): void {
    if (news.type !== "answer" && news.type !== "failure") {
      if (news.type === "ready") this.#ready = true;
      return this.#parts.told(news);
    }
    const asked = this.#waiting.get(news.id);
    this.#waiting.delete(news.id);
    if (news.type === "answer") asked?.resolve(news.documents);
    else if (news.code === "malformed") asked?.reject(new ProtocolError("malformed", news.text));
    else asked?.reject(new Error(news.text));
  }
}

function unreachable(): Error {
  return new Error("the fleet service is out of reach");
}
