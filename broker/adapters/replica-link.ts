/**
 * `FleetLink` of a gateway that is a process of its own: what must be known at once comes from a replica, everything
 * else is asked. When the line to the service is lost the replica stays as it was; a new line is made again and
 * again, and listeners are told whatever has changed meanwhile.
 */
import type { FleetChange, FleetLink } from "../../fleet/link.js";
import type { Asked, FrameQuestion } from "../../fleet/link-wire.js";
import { BusError } from "../../protocol/bus.js";
import type { Clock, Timer } from "../../protocol/clock.js";
import type { Crypto, PublicKey } from "../../protocol/crypto.js";
import { Replica, type Tidings } from "../replica.js";
import { LinkError } from "./link-error.js";

export interface ReplicaLinkOptions {
  readonly clock: Clock;
  readonly crypto: Crypto;
  /** The service was lost, and why; or it is back: undefined. */
  readonly onChange?: (lost: LinkError | undefined) => void;
}

export interface LineListener {
  /** In order. @throws ProtocolError when it makes no sense: then the line is lost. */
  told(news: Tidings): void;
  /** At most once; nothing is told after it. "link-moved": another line can be made at once. */
  lost(why: LinkError): void;
}

/** On which a service tells its news. */
export interface Line {
  /** Ends it; the listener is told unless it was lost before. */
  cut(why: LinkError): void;
}

const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2_000;
/** For so long the first line is tried again where a service is there and does not take us: another one may. */
export const OPENING_MS = 10_000;

/** What waits for the first snapshot. */
interface Opening {
  readonly untilMs: number;
  resolve(): void;
  reject(why: LinkError): void;
}

export abstract class ReplicaLink<L extends Line> implements FleetLink {
  /** The newest; undefined before the first. */
  protected line: L | undefined;
  readonly #options: ReplicaLinkOptions;
  readonly #replica: Replica;
  readonly #listeners = new Set<(change: FleetChange) => void>();
  /** How the first connection went; those after it are made again and again. */
  #opening: Opening | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #retry: Timer | undefined;
  /** Why it is down, as it was last said. */
  #said: string | undefined;
  #isClosed = false;

  protected constructor(options: ReplicaLinkOptions) {
    this.#options = options;
    this.#replica = new Replica(options.crypto);
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

  /** Another one when another service tells the news, or the same was started anew. */
  ticketSeed(): Uint8Array {
    return this.#replica.ticketSeed;
  }

  handle(number: number, message: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.ask({ type: "handle", number, message });
  }

  authorities(message: Uint8Array): Promise<Uint8Array> {
    return this.#askFrame("authorities", message);
  }

  ledger(message: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.ask({ type: "ledger", message });
  }

  time(message: Uint8Array): Promise<Uint8Array> {
    return this.#askFrame("time", message);
  }

  certifyGateway(publicKey: PublicKey, hosts: readonly string[]): Promise<readonly Uint8Array[]> {
    return this.ask({ type: "certify", publicKey, hosts });
  }

  watch(listener: (change: FleetChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    const why = new LinkError("link-down", "this gateway is closing");
    this.line?.cut(why);
    this.#opening?.reject(why);
  }

  /** @throws LinkError; ProtocolError "malformed" when the service cannot read what was asked. */
  protected abstract ask(asked: Asked): Promise<readonly Uint8Array[]>;

  /** Makes another line; its listener is told nothing before this has returned. */
  protected abstract connect(listener: LineListener): L;

  /** Makes the first line. Resolves when a whole snapshot was told. @throws LinkError with why the last try failed. */
  protected open(): Promise<void> {
    const untilMs = this.#options.clock.nowMs() + OPENING_MS;
    return new Promise((resolve, reject) => {
      this.#opening = { untilMs, resolve, reject };
      this.#connect();
    });
  }

  async #askFrame(type: Exclude<FrameQuestion, "ledger">, message: Uint8Array): Promise<Uint8Array> {
    const [frame, ...more] = await this.ask({ type, message });
    if (frame && more.length === 0) return frame;
    throw new LinkError("service-failed", "the service gave several answers, or none, where there is one");
  }

  #connect(): void {
    this.line = this.connect({ told: (news) => this.#told(news), lost: (why) => this.#lost(why) });
  }

  #told(news: Tidings): void {
    for (const change of this.#replica.take(news)) for (const listener of this.#listeners) listener(change);
    if (news.type !== "ready") return;
    this.#backoffMs = FIRST_BACKOFF_MS;
    if (this.#said !== undefined) this.#options.onChange?.(undefined);
    this.#said = undefined;
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  #lost(why: LinkError): void {
    if (this.#isClosed) return;
    if (this.#opening && (isNobodyThere(why) || this.#options.clock.nowMs() >= this.#opening.untilMs))
      return this.#opening.reject(why);
    const isMove = why.code === "link-moved";
    if (!isMove && !this.#opening) this.#say(why);
    this.#retry = this.#options.clock.after(isMove ? 0 : this.#backoffMs, () => this.#connect());
    if (!isMove) this.#backoffMs = Math.min(2 * this.#backoffMs, LONGEST_BACKOFF_MS);
  }

  #say(why: LinkError): void {
    if (why.message !== this.#said) this.#options.onChange?.(why);
    this.#said = why.message;
  }
}

/** No service listens on the bus, or the system knows of none at the socket. */
function isNobodyThere({ cause }: LinkError): boolean {
  if (cause instanceof BusError) return cause.code === "no-responder";
  return cause instanceof Error && (cause as NodeJS.ErrnoException).syscall === "connect";
}
