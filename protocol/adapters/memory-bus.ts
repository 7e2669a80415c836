/** `Bus` inside one process: each part has its own, and they hang on one carrier. */
import { type Bus, BusError, type BusMessage, type BusSubject } from "../bus.js";
import type { Clock, Timer } from "../clock.js";

export interface CarrierOptions {
  /** For the limits of requests. */
  readonly clock: Clock;
  /** Bytes; by default those of a NATS server. */
  readonly maxPayload?: number;
}

type Listener = (message: BusMessage) => void;

interface Subscription {
  readonly bus: MemoryBus;
  readonly subject: BusSubject;
  readonly queue: string | undefined;
  readonly listener: Listener;
}

const MAX_PAYLOAD = 2 ** 20;

/** What the buses of one process hang on. Messages arrive after the call that sent them has returned, in order. */
export class MemoryCarrier {
  readonly clock: Clock;
  readonly maxPayload: number;
  /** Oldest first. */
  readonly #subscriptions = new Set<Subscription>();

  constructor({ clock, maxPayload = MAX_PAYLOAD }: CarrierOptions) {
    this.clock = clock;
    this.maxPayload = maxPayload;
  }

  add(subscription: Subscription): () => void {
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }

  remove(bus: MemoryBus): void {
    for (const one of this.#subscriptions) if (one.bus === bus) this.#subscriptions.delete(one);
  }

  /** @returns how many get it. */
  send(message: BusMessage): number {
    const receivers = this.#receivers(message.subject);
    for (const { bus, listener } of receivers)
      queueMicrotask(() => {
        if (bus.isUp) listener(message);
      });
    return receivers.length;
  }

  /** All without a queue, and one of each queue, which then comes last in it. */
  #receivers(subject: BusSubject): readonly Subscription[] {
    const listening = [...this.#subscriptions].filter((one) => one.bus.isUp && matches(one.subject, subject));
    const queues = new Set<string>();
    return listening.filter((one) => {
      if (one.queue === undefined) return true;
      if (queues.has(one.queue)) return false;
      queues.add(one.queue);
      this.#subscriptions.delete(one);
      this.#subscriptions.add(one);
      return true;
    });
  }
}

/** A request that is under way. */
interface Waiting {
  readonly reject: (why: BusError) => void;
  readonly timer: Timer;
}

export class MemoryBus implements Bus {
  readonly #carrier: MemoryCarrier;
  readonly #states = new Set<(isUp: boolean) => void>();
  readonly #waiting = new Set<Waiting>();
  #isUp = true;
  #isClosed = false;

  constructor(carrier: MemoryCarrier) {
    this.#carrier = carrier;
  }

  get maxPayload(): number {
    return this.#carrier.maxPayload;
  }

  /** Something that it sends now arrives, and what is sent to it. */
  get isUp(): boolean {
    return this.#isUp && !this.#isClosed;
  }

  publish(subject: BusSubject, payload: Uint8Array): void {
    this.#assertSendable(payload);
    if (this.#isUp) this.#carrier.send({ subject, payload: payload.slice() });
  }

  subscribe(subject: BusSubject, listener: Listener, queue?: string): () => void {
    if (this.#isClosed) throw closed();
    return this.#carrier.add({ bus: this, subject, listener, queue });
  }

  async request(subject: BusSubject, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    this.#assertSendable(payload);
    if (!this.#isUp) throw new BusError("no-responder", "the carrier is lost");
    return new Promise((resolve, reject) => {
      const timer = this.#carrier.clock.after(timeoutMs, () => {
        this.#waiting.delete(waiting);
        reject(new BusError("timeout", `no answer on ${subject} within ${timeoutMs} ms`));
      });
      const waiting = { reject, timer };
      this.#waiting.add(waiting);
      const respond = (answer: Uint8Array) => this.#answered(waiting, answer, resolve);
      if (this.#carrier.send({ subject, payload: payload.slice(), respond }) > 0) return;
      this.#give(waiting, new BusError("no-responder", `nobody listens on ${subject}`));
    });
  }

  onState(listener: (isUp: boolean) => void): () => void {
    this.#states.add(listener);
    return () => this.#states.delete(listener);
  }

  /** Cuts it off from the others, or lets it back. */
  setUp(isUp: boolean): void {
    if (this.#isClosed || this.#isUp === isUp) return;
    this.#isUp = isUp;
    if (!isUp) this.#rejectAll(new BusError("timeout", "the carrier was lost"));
    for (const listener of this.#states) listener(isUp);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#carrier.remove(this);
    this.#rejectAll(closed());
  }

  #answered(waiting: Waiting, answer: Uint8Array, resolve: (answer: Uint8Array) => void): void {
    if (answer.length > this.maxPayload) throw tooLarge(answer, this.maxPayload);
    const copy = answer.slice();
    queueMicrotask(() => {
      if (!this.isUp || !this.#waiting.delete(waiting)) return;
      waiting.timer.cancel();
      resolve(copy);
    });
  }

  #rejectAll(why: BusError): void {
    for (const waiting of this.#waiting) this.#give(waiting, why);
  }

  #give(waiting: Waiting, why: BusError): void {
    this.#waiting.delete(waiting);
    waiting.timer.cancel();
    waiting.reject(why);
  }

  #assertSendable(payload: Uint8Array): void {
    if (this.#isClosed) throw closed();
    if (payload.length > this.maxPayload) throw tooLarge(payload, this.maxPayload);
  }
}

function matches(pattern: BusSubject, subject: BusSubject): boolean {
  return pattern.endsWith(".>") ? subject.startsWith(pattern.slice(0, -1)) : pattern === subject;
}

function closed(): BusError {
  return new BusError("closed", "this bus is closed");
}

function tooLarge({ length }: Uint8Array, maxPayload: number): BusError {
  return new BusError("too-large", `${length} bytes are more than the ${maxPayload} that the bus carries`);
}
