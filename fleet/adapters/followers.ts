/** Those who keep up with one log object: each is handed every record once, in order. */
import type { FleetError } from "../errors.js";
import type { Follower, LogRecord, Position } from "../ports.js";

export class Followers {
  /** With the position of the last record that each was handed. */
  readonly #all = new Map<Follower, Position>();

  /** @param missed - records after those it knows, up to the end, oldest first. @returns a call that ends it. */
  add(follower: Follower, from: Position, missed: Iterable<LogRecord>): () => void {
    this.#all.set(follower, from);
    for (const record of missed) this.#hand(follower, record);
    return () => this.#all.delete(follower);
  }

  take(record: LogRecord): void {
    for (const follower of this.#all.keys()) this.#hand(follower, record);
  }

  /** Told once: nobody follows after it. */
  failed(error: FleetError): void {
    const all = [...this.#all.keys()];
    this.#all.clear();
    for (const follower of all) follower.failed(error);
  }

  /** A follower may append, or leave, while it is handed a record. */
  #hand(follower: Follower, record: LogRecord): void {
    const last = this.#all.get(follower);
    if (last === undefined || record.position <= last) return;
    this.#all.set(follower, record.position);
    follower.take(record);
  }
}
