/**
 * One connection of a gateway to its service: questions that wait for answers, and the news in between. It is lost
 * once, for a reason; then all that waits is rejected, and whoever owns it makes another.
 */
import type { Socket } from "node:net";
import { PacketReader } from "../../fleet/link-packets.js";
import { type Asked, encodeQuestion, type News, readNews } from "../../fleet/link-wire.js";
import type { Clock, Timer } from "../../protocol/clock.js";
import { ProtocolError } from "../../protocol/errors.js";
import { LinkError } from "./link-error.js";
import type { LineListener } from "./replica-link.js";

/** Bytes that the service did not take yet; more questions are rejected. */
const MAX_UNSENT_BYTES = 16 * 2 ** 20;
/** A service that leaves a question open for so long, or a snapshot, is stuck. */
const PATIENCE_MS = 30_000;

interface Waiting {
  readonly resolve: (documents: readonly Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
}

export class LinkLine {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #listener: LineListener;
  readonly #reader = new PacketReader();
  /** Oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #isReady = false;
  #isLost = false;
  #isCorked = false;
  #patience: Timer | undefined;

  /** @param socket - that is connecting, or connected. */
  constructor(socket: Socket, clock: Clock, listener: LineListener) {
    this.#socket = socket;
    this.#clock = clock;
    this.#listener = listener;
    socket.on("data", (chunk) => this.#heard(chunk));
    socket.on("error", (cause) => this.#lose(new LinkError("link-down", cause.message, { cause })));
    socket.on("close", () => this.#lose(new LinkError("link-down", "the service has closed the link")));
    this.#bePatient();
  }

  /** A whole snapshot was told, and the line is there. */
  get isUp(): boolean {
    return this.#isReady && !this.#isLost;
  }

  /** @throws LinkError; ProtocolError "malformed" when the service cannot read what was asked. */
  async ask(asked: Asked): Promise<readonly Uint8Array[]> {
    if (!this.isUp) throw new LinkError("link-down", "the service is out of reach");
    if (this.#socket.writableLength > MAX_UNSENT_BYTES)
      throw new LinkError("link-busy", "the service does not take what it is asked");
    const id = ++this.#lastId;
    this.#send(encodeQuestion({ ...asked, id }));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#bePatient();
    });
  }

  /** Ends it; the listener is told unless it was lost before. */
  cut(why: LinkError): void {
    this.#lose(why);
  }

  #heard(chunk: Uint8Array): void {
    try {
      for (const packet of this.#reader.feed(chunk)) if (!this.#isLost) this.#take(readNews(packet));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#lose(
        new LinkError("link-down", `the service makes no sense: ${error.message}`, { cause: error }),
      );
    }
  }

  #take(news: News): void {
    switch (news.type) {
      case "answer":
        return this.#answered(news.id)?.resolve(news.documents);
      case "failure":
        return this.#answered(news.id)?.reject(
          news.code === "malformed"
            ? new ProtocolError("malformed", news.text)
            : new LinkError("service-failed", news.text),
        );
      case "ready":
        this.#isReady = true;
        this.#patience?.cancel();
        this.#patience = undefined;
    }
    this.#listener.told(news);
  }

  #answered(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /** All that is asked in one go is one write. */
  #send(packet: Uint8Array): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      queueMicrotask(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(packet);
  }

  /** Gives up a service that is connected and does not answer. One timer watches the oldest question. */
  #bePatient(): void {
    if (this.#patience || this.#isLost) return;
    const [oldest] = this.#waiting.keys();
    if (this.#isReady && oldest === undefined) return;
    this.#patience = this.#clock.after(PATIENCE_MS, () => {
      this.#patience = undefined;
      const isStuck = oldest === undefined ? !this.#isReady : this.#waiting.has(oldest);
      if (isStuck) this.#lose(new LinkError("link-down", "the service does not answer"));
      else this.#bePatient();
    });
  }

  #lose(why: LinkError): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#patience?.cancel();
    this.#socket.destroy();
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
    this.#listener.lost(why);
  }
}
