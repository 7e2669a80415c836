/** `Bus` on NATS, with a connection of its own. What cannot be sent now is lost, not kept: whoever asks asks again. */
import { ErrorCode, Events, type NatsConnection, NatsError } from "nats";
import { type Bus, BusError, type BusMessage, type BusSubject } from "../bus.js";
import { connectNats, type NatsOptions } from "./nats-connection.js";
import { systemClock } from "./system-clock.js";

/** What was sent before `close` has so long to leave. */
const DRAIN_MS = 5_000;
/** Of a server that does not say. */
const DEFAULT_MAX_PAYLOAD = 2 ** 20;
/** Begins every inbox of the library. */
const INBOX = "_INBOX.";

export class NatsBus implements Bus {
  readonly #connection: NatsConnection;
  readonly #report: (problem: string) => void;
  readonly #states = new Set<(isUp: boolean) => void>();
  /** Requests under way. */
  readonly #waiting = new Set<(why: BusError) => void>();
  #maxPayload = DEFAULT_MAX_PAYLOAD;
  #isUp = true;
  #isClosed = false;

  private constructor(connection: NatsConnection, report: (problem: string) => void) {
    this.#connection = connection;
    this.#report = report;
    this.#lookAtServer();
    void this.#watch();
  }

  /**
   * @param report - what the server refuses, such as a subject that this user may not use.
   * @throws BusError "closed" when no server lets it in; Error for a file that cannot be read.
   */
  static async connect(options: NatsOptions, report: (problem: string) => void): Promise<NatsBus> {
    try {
      return new NatsBus(await connectNats(options), report);
    } catch (cause) {
      if (!(cause instanceof NatsError)) throw cause;
      const where = options.servers.join(", ");
      throw new BusError("closed", `no NATS server at ${where} lets us in: ${cause.message}`, { cause });
    }
  }

  get maxPayload(): number {
    return this.#maxPayload;
  }

  publish(subject: BusSubject, payload: Uint8Array): void {
    this.#assertSendable(payload);
    if (this.#isUp) this.#connection.publish(subject, payload);
  }

  /** What was on its way when it ended still comes. */
  subscribe(subject: BusSubject, listener: (message: BusMessage) => void, queue?: string): () => void {
    if (this.#isClosed) throw closed();
    const subscription = this.#connection.subscribe(subject, {
      ...(queue !== undefined && { queue }),
      callback: (error, message) => {
        if (error) return; // the status says it too
        const reply = answerable(message.reply);
        const respond = (answer: Uint8Array) => this.#respond(reply ?? "", answer);
        listener({ subject: message.subject, payload: message.data, ...(reply && { respond }) });
      },
    });
    return () => {
      subscription.drain().catch(() => undefined); // the connection has ended it
    };
  }

  async request(subject: BusSubject, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    this.#assertSendable(payload);
    if (!this.#isUp) throw new BusError("no-responder", "NATS is out of reach");
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#connection
        .request(subject, payload, { timeout: timeoutMs })
        .then(
          ({ data }) => resolve(data),
          (error: unknown) => reject(busError(error, subject)),
        )
        .finally(() => this.#waiting.delete(reject));
    });
  }

  onState(listener: (isUp: boolean) => void): () => void {
    this.#states.add(listener);
    return () => this.#states.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#rejectAll(closed());
    const limit = systemClock.after(DRAIN_MS, () => void this.#connection.close());
    const ending = this.#isUp ? this.#connection.drain() : this.#connection.close();
    ending.catch(() => undefined);
    await this.#connection.closed(); // what is drained while no server answers never resolves, also when it is closed
    limit.cancel();
  }

  async #watch(): Promise<void> {
    for await (const { type, data, permissionContext: asked } of this.#connection.status()) {
      if (type === Events.Disconnect) this.#changed(false);
      else if (type === Events.Reconnect) this.#changed(true);
      else if (type === Events.Error) {
        const what = asked ? `${asked.operation} on ${asked.subject}` : "something";
        this.#report(`the NATS server refuses ${what}${typeof data === "string" ? `: ${data}` : ""}`);
      }
    }
  }

  #changed(isUp: boolean): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    if (isUp) this.#lookAtServer();
    else this.#rejectAll(new BusError("timeout", "the connection to NATS was lost"));
    for (const listener of this.#states) listener(isUp);
  }

  #lookAtServer(): void {
    this.#maxPayload = this.#connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD;
  }

  #respond(reply: string, answer: Uint8Array): void {
    if (answer.length > this.#maxPayload) throw tooLarge(answer, this.#maxPayload);
    if (this.#isUp && !this.#connection.isClosed()) this.#connection.publish(reply, answer);
  }

  #rejectAll(why: BusError): void {
    for (const reject of this.#waiting) reject(why);
    this.#waiting.clear();
  }

  #assertSendable(payload: Uint8Array): void {
    if (this.#isClosed) throw closed();
    if (payload.length > this.#maxPayload) throw tooLarge(payload, this.#maxPayload);
  }
}

/**
 * Where an answer may go. No server looks whether whoever asks may publish there: an answer of ours on a subject that
 * they name would be in our name.
 */
function answerable(reply: string | undefined): string | undefined {
  return reply?.startsWith(INBOX) ? reply : undefined;
}

function busError(error: unknown, subject: BusSubject): BusError {
  const { code } = error as NatsError;
  const options = { cause: error };
  switch (code) {
    case ErrorCode.NoResponders:
      return new BusError("no-responder", `nobody listens on ${subject}`, options);
    case ErrorCode.PermissionsViolation:
      return new BusError("no-responder", `this NATS user may not publish on ${subject}`, options);
    case ErrorCode.ConnectionClosed:
    case ErrorCode.ConnectionDraining:
      return new BusError("closed", "this bus is closed", options);
    default:
      return new BusError("timeout", `no answer on ${subject}`, options);
  }
}

function closed(): BusError {
  return new BusError("closed", "this bus is closed");
}

function tooLarge({ length }: Uint8Array, maxPayload: number): BusError {
  return new BusError("too-large", `${length} bytes are more than the ${maxPayload} that the bus carries`);
}
