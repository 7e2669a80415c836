/**
 * Application messages that wait until the device may speak. In memory and bounded: what an application
 * must not lose over a power cut it keeps itself until `publish` resolves.
 */
import { DeviceError } from "./errors.js";

interface Waiting {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly done: () => void;
  readonly failed: (error: DeviceError) => void;
}

/** Messages that wait; one more is refused. */
const MAX_WAITING = 1000;

export class Outbox {
  readonly #waiting: Waiting[] = [];
  #flushing = false;

  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves once a gateway has taken the message. @throws DeviceError "outbox-full" or "stopped" */
  add(topic: string, payload: Uint8Array): Promise<void> {
    return new Promise((done, failed) => {
      if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ topic, payload, done, failed });
      else
        failed(new DeviceError("outbox-full", `${MAX_WAITING} messages wait already; publish again later`));
    });
  }

  /** Sends in order, one at a time, while `may()`; what was not taken stays first. */
  async flush(
    may: () => boolean,
    send: (topic: string, payload: Uint8Array) => Promise<void>,
  ): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (let next = this.#waiting[0]; next && may(); next = this.#waiting[0]) {
        await send(next.topic, next.payload);
        if (this.#waiting[0] === next) this.#waiting.shift(); // unless all were dropped meanwhile
        next.done();
      }
    } catch {
      // The connection went: the message is still first, and leaves with the next permission to speak.
    } finally {
      this.#flushing = false;
    }
  }

  /** What waits will never be sent. */
  drop(error: DeviceError): void {
    for (const { failed } of this.#waiting.splice(0)) failed(error);
  }
}
