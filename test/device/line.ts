/**
 * `Transport` inside one process: every connection lies in the test's hand, and a fleet can be put at the
 * other end of it. No bytes are lost but those that a test drops.
 */
import type { Connection, Door, Transport, TransportEvents } from "../../device/ports.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { encodeFrame } from "../../protocol/frame.js";
import { RoleNotice, type RoleReason, type SessionRole } from "../../protocol/notice.js";
import type { Owner } from "./owner.js";
import { answerTo, readQuestion } from "./questions.js";

/** An application message on its way: the gateway has not taken it yet. */
interface OnItsWay {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** The gateway takes it. */
  readonly take: () => void;
}

export class Line implements Transport {
  /** Every connection that the device tried, oldest first. */
  readonly calls: Call[] = [];
  /** What becomes of a new one; by default it hangs. */
  onCall: (call: Call) => void = () => undefined;

  connect(_fleetId: Uint8Array, door: Door, events: TransportEvents): Connection {
    const call = new Call(door, events);
    this.calls.push(call);
    queueMicrotask(() => call.closed || this.onCall(call)); // never before the device has it
    return call;
  }

  /** The newest connection. */
  get call(): Call {
    const newest = this.calls.at(-1);
    if (!newest) throw new Error("the device has not called");
    return newest;
  }
}

export class Call implements Connection {
  readonly door: Door;
  readonly sent: Uint8Array[] = [];
  /** Application messages, oldest first. */
  readonly published: OnItsWay[] = [];
  closed = false;
  onSend: (bytes: Uint8Array) => void = () => undefined;
  onPublish: (message: OnItsWay) => void = ({ take }) => take();
  readonly #events: TransportEvents;
  readonly #lost = new Set<(reason: Error) => void>();

  constructor(door: Door, events: TransportEvents) {
    this.door = door;
    this.#events = events;
  }

  open(): void {
    this.#events.opened();
  }

  receive(bytes: Uint8Array): void {
    if (!this.closed) this.#events.received(bytes);
  }

  notice(role: SessionRole, reason: RoleReason = "ok", authority = 1): void {
    this.receive(encodeFrame(RoleNotice, { role, reason, authority }));
  }

  /** The server's certificate did not hold. */
  refuse(why: "dates" | "chain"): void {
    this.#events.serverRefused(why);
    this.close();
  }

  send(bytes: Uint8Array): Promise<void> {
    if (this.closed) return Promise.reject(new Error("not connected"));
    this.sent.push(bytes);
    this.onSend(bytes);
    return Promise.resolve();
  }

  publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.closed) return Promise.reject(new Error("not connected"));
    return new Promise((taken, lost) => {
      this.#lost.add(lost);
      const take = () => {
        this.#lost.delete(lost);
        taken();
      };
      this.published.push({ topic, payload, take });
      this.onPublish({ topic, payload, take });
    });
  }

  /** Ends it, from either side; what was not taken is lost, and the device hears so. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const lost of this.#lost) lost(new Error("the connection went"));
    this.#events.closed();
  }
}

/** Puts a fleet that has nothing against the device at the other end. @param idevid - the device's factory key. */
export function serve(line: Line, owner: Owner, idevid: PublicKey): void {
  const keys = [idevid];
  line.onCall = (call) => {
    call.onSend = (bytes) => {
      const question = readQuestion(bytes, keys, owner);
      if ("publicKey" in question.value) keys.push(question.value.publicKey);
      const answer = answerTo(question, owner);
      if (answer) call.receive(answer);
    };
    call.open();
    if (call.door.name === "front") call.notice(keys.length > 1 ? "device" : "pledge");
  };
}
