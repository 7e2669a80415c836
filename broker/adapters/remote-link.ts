/**
 * `FleetLink` of a gateway that is a process of its own: what must be known at once comes from a replica, everything
 * else is asked over the service's socket. When the service is gone, questions are rejected at once and the replica
 * stays as it was; the link comes back by itself, and tells its listeners whatever has changed meanwhile.
 */
import { createConnection } from "node:net";
import type { FleetChange, FleetLink } from "../../fleet/link.js";
import type { Asked, FrameQuestion } from "../../fleet/link-wire.js";
import type { Clock, Timer } from "../../protocol/clock.js";
import type { Crypto, PublicKey } from "../../protocol/crypto.js";
import { Replica, type Tidings } from "../replica.js";
import { LinkError, LinkLine } from "./link-line.js";

export interface RemoteLinkOptions {
  /** Of the service's socket. */
  readonly path: string;
  readonly clock: Clock;
  readonly crypto: Crypto;
  /** The service was lost, and why; or it is back: undefined. */
  readonly onChange?: (lost: LinkError | undefined) => void;
}

const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2_000;

/** What waits for the first snapshot. */
interface Opening {
  resolve(): void;
  reject(why: LinkError): void;
}

export class RemoteLink implements FleetLink {
  readonly #options: RemoteLinkOptions;
  readonly #replica: Replica;
  readonly #listeners = new Set<(change: FleetChange) => void>();
  /** How the first connection went; those after it are made again and again. */
  #opening: Opening | undefined;
  #line: LinkLine;
  #backoffMs = FIRST_BACKOFF_MS;
  #retry: Timer | undefined;
  /** Why it is down, as it was last said. */
  #said: string | undefined;
  #isClosed = false;

  private constructor(options: RemoteLinkOptions, opening: Opening) {
    this.#options = options;
    this.#replica = new Replica(options.crypto);
    this.#opening = opening;
    this.#line = this.#connect();
  }

  /** Resolves with a link that has a whole snapshot. @throws LinkError "link-down" when no service answers there. */
  static async open(options: RemoteLinkOptions): Promise<RemoteLink> {
    let link: RemoteLink | undefined;
    await new Promise<void>((resolve, reject) => {
      link = new RemoteLink(options, { resolve, reject });
    });
    if (!link) throw new Error("a promise runs what it is given");
    return link;
  }

  trust(): ReturnType<FleetLink["trust"]> {
    return this.#replica.trust;
  }

  standing(number: number): ReturnType<FleetLink["standing"]> {
    return this.#replica.standing(number);
  }

  beacon(): Uint8Array {
    return this.#replica.beacon;
  }

  /** Another one after the service was started anew. */
  ticketSeed(): Uint8Array {
    return this.#replica.ticketSeed;
  }

  handle(number: number, message: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.#ask({ type: "handle", number, message });
  }

  authorities(message: Uint8Array): Promise<Uint8Array> {
    return this.#askFrame("authorities", message);
  }

  ledger(message: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.#ask({ type: "ledger", message });
  }

  time(message: Uint8Array): Promise<Uint8Array> {
    return this.#askFrame("time", message);
  }

  certifyGateway(publicKey: PublicKey, hosts: readonly string[]): Promise<readonly Uint8Array[]> {
    return this.#ask({ type: "certify", publicKey, hosts });
  }

  watch(listener: (change: FleetChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#line.cut(new LinkError("link-down", "this gateway is closing"));
  }

  #ask(asked: Asked): Promise<readonly Uint8Array[]> {
    return this.#line.ask(asked);
  }

  async #askFrame(type: Exclude<FrameQuestion, "ledger">, message: Uint8Array): Promise<Uint8Array> {
    const [frame, ...more] = await this.#ask({ type, message });
    if (frame && more.length === 0) return frame;
    throw new LinkError("service-failed", "the service gave several answers, or none, where there is one");
  }

  #connect(): LinkLine {
    const { path, clock } = this.#options;
    return new LinkLine(createConnection(path), clock, {
      told: (news) => this.#told(news),
      lost: (why) => this.#lost(why),
    });
  }

  #told(news: Tidings): void {
    for (const change of this.#replica.take(news)) for (const listener of this.#listeners) listener(change);
    if (news.type !== "ready") return;
    this.#backoffMs = FIRST_BACKOFF_MS;
    this.#said = undefined;
    if (this.#opening) this.#opening.resolve();
    else this.#options.onChange?.(undefined);
    this.#opening = undefined;
  }

  #lost(why: LinkError): void {
    if (this.#opening) return this.#opening.reject(why);
    if (this.#isClosed) return;
    if (why.message !== this.#said) this.#options.onChange?.(why);
    this.#said = why.message;
    this.#retry = this.#options.clock.after(this.#backoffMs, () => {
      this.#line = this.#connect();
    });
    this.#backoffMs = Math.min(2 * this.#backoffMs, LONGEST_BACKOFF_MS);
  }
}
