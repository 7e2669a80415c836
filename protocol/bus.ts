/** Messages between the processes of one fleet: at most once, in order from one sender, lost without a word. */

/** Tokens of letters, digits, `_` and `-`, joined by dots; the last token of a subscription may be `>`. */
export type BusSubject = string;

export interface BusMessage {
  readonly subject: BusSubject;
  readonly payload: Uint8Array;
  /** Answers a request; absent when nobody waits for an answer. */
  readonly respond?: (payload: Uint8Array) => void;
}

export type BusErrorCode =
  | "no-responder" // nobody listens there now
  | "timeout" // somebody may have got it
  | "closed"
  | "too-large";

/** A request without an answer. `message` is safe to log. */
export class BusError extends Error {
  readonly code: BusErrorCode;
  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BusError";
    this.code = code;
  }
}

export interface Bus {
  /** Largest payload, bytes. */
  readonly maxPayload: number;
  /** @throws BusError "closed", "too-large". */
  publish(subject: BusSubject, payload: Uint8Array): void;
  /**
   * @param queue - of all that subscribe under one such name, one gets each message; absent: everybody does.
   * @returns a call that ends it.
   */
  subscribe(subject: BusSubject, listener: (message: BusMessage) => void, queue?: string): () => void;
  /** @throws BusError */
  request(subject: BusSubject, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** Called when the carrier was lost, and when it is back. @returns a call that ends it. */
  onState(listener: (isUp: boolean) => void): () => void;
  close(): Promise<void>;
}
