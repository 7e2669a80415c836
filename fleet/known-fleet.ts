/** What a service knows of its fleet: the fold over the log, kept current by following it. */
import type { Crypto } from "../protocol/crypto.js";
import { FleetError } from "./errors.js";
import type { FleetEvent } from "./events.js";
import { emptyFold, type Folded, foldEvent } from "./fold.js";
import type { EventLog, Follower, LogRecord, Position, Subject } from "./ports.js";
import { FLEET_SUBJECT } from "./subjects.js";

export type Listener = (event: FleetEvent, position: Position) => void;

export class KnownFleet implements Follower {
  readonly #crypto: Crypto;
  readonly #log: EventLog;
  readonly #ends = new Map<Subject, Position>();
  readonly #listeners = new Set<Listener>();
  /** Of listeners: told to whoever appends next. */
  readonly #mistakes: unknown[] = [];
  #folded: Folded = emptyFold();
  #position: Position = 0;
  #unfollow: () => void = () => undefined;
  #fail: (error: FleetError) => void = () => undefined;
  #stopped: FleetError | undefined;
  /** Resolves, if ever, with why the log cannot go on. */
  readonly failure: Promise<FleetError>;

  /** Reads the whole log, then keeps up with it. @throws FleetError, ProtocolError when it cannot be read. */
  static async of(log: EventLog, crypto: Crypto): Promise<KnownFleet> {
    const known = new KnownFleet(log, crypto);
    for await (const record of log.read(0)) known.#apply(record);
    known.#unfollow = log.follow(known.#position, known);
    return known;
  }

  private constructor(log: EventLog, crypto: Crypto) {
    this.#log = log;
    this.#crypto = crypto;
    this.failure = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** Not to be changed, and not to be kept: the next record may change what is inside. */
  get folded(): Folded {
    return this.#folded;
  }

  /** Why nothing more is known, and nothing can be added. */
  get stopped(): FleetError | undefined {
    return this.#stopped;
  }

  /** Of the newest record in the view. */
  get position(): Position {
    return this.#position;
  }

  /** Of the newest record that is more than one device's contact. */
  get decidedAt(): Position {
    return this.#ends.get(FLEET_SUBJECT) ?? 0;
  }

  /** One record after what is known of its subject; in the view once resolved. @throws as `EventLog.append`, and as listeners do. */
  async append(subject: Subject, events: readonly FleetEvent[]): Promise<void> {
    await this.#log.append(subject, events, this.#ends.get(subject) ?? 0);
    const [mistake] = this.#mistakes.splice(0);
    if (mistake !== undefined) throw mistake;
  }

  /** Called for each event, in order, once all of its record are in the view. @returns a call that ends it. */
  onEvent(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  take(record: LogRecord): void {
    try {
      this.#apply(record);
    } catch (cause) {
      this.#unfollow();
      const text = `record ${record.position} of the log makes no sense; run daymark audit verify on an export`;
      return this.failed(new FleetError("storage-failed", text, { cause }));
    }
    // Only now: a listener that fails leaves no decision half applied.
    for (const event of record.events)
      for (const listener of this.#listeners) this.#tell(listener, event, record.position);
  }

  #tell(listener: Listener, event: FleetEvent, position: Position): void {
    try {
      listener(event, position);
    } catch (mistake) {
      this.#mistakes.push(mistake);
    }
  }

  failed(error: FleetError): void {
    this.#stopped ??= error;
    this.#fail(this.#stopped);
  }

  close(): void {
    this.#unfollow();
  }

  #apply({ position, subject, events }: LogRecord): void {
    for (const event of events) this.#folded = foldEvent(this.#folded, event, this.#crypto);
    this.#ends.set(subject, position);
    this.#position = position;
  }
}
