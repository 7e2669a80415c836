/** `EventLog` on LMDB in one folder: answers after the disk has synced, and stops for good after the first failure. */
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type Database, open, type RootDatabase } from "lmdb";
import { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import type { EventLog, Follower, LogRecord, Position, Subject } from "../ports.js";
import { Followers } from "./followers.js";
import { assertWhole } from "./lmdb-file.js";
import { chainHash, conflict, type Draft, draft, openRecord, sealRecord } from "./record-chain.js";

/** Events that may wait for the disk at one time, in bytes of JSON; more is refused as "overloaded". */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

/**
 * Whoever else opens the files, if only to read, writes down in the region that all openers share which transaction
 * was the newest a moment before (mdb_env_open2 of lmdb 3.5.6). When another was committed in between, the next one
 * would begin where that one began, and take its place.
 */
const LOST_PLACE =
  "another program has opened the event log while this server wrote to it; restart the server: nothing is lost";

/** Records that one reader takes before it lets others run. */
const READ_AT_ONCE = 256;

/** An append that waits for the disk. */
interface Pending extends Draft {
  readonly expected: Position;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: FleetError) => void;
}

export class LmdbEventLog implements EventLog {
  readonly #root: RootDatabase<string, Position>;
  /** Stored form by position. */
  readonly #records: Database<string, Position>;
  /** Position of the newest record by subject. */
  readonly #heads: Database<Position, Subject>;
  readonly #followers = new Followers();
  /** Of lmdb's transactions, the newest that wrote. */
  #transaction: number;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  /** Why nothing more is done: a storage error, or closed. */
  #stopped: FleetError | undefined;
  #closed: Promise<void> | undefined;

  /** @throws FleetError "storage-failed" when the folder cannot be used. */
  static open(directory: string): LmdbEventLog {
    try {
      assertWhole(join(directory, "data.mdb"));
      return new LmdbEventLog(directory);
    } catch (cause) {
      if (cause instanceof FleetError) throw cause;
      throw new FleetError("storage-failed", "the event log cannot be opened; check its folder", { cause });
    }
  }

  private constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#root = open(directory, {
      noSubdir: false, // a folder, whatever dots its name has
      maxDbs: 2,
      encoding: "string",
      compression: false,
      cache: false,
      noSync: false,
      noMetaSync: false,
      noMemInit: false, // else pieces of our memory reach the file
      // A transaction's promise then means synced, and a failed sync rejects it. Overlapped, the commit
      // resolves first, and `flushed` never settles when the sync fails.
      overlappingSync: false,
      // Batching makes a promise of its own that nobody can await: a failed commit would end the process.
      // We batch ourselves, below.
      eventTurnBatching: false,
    });
    this.#records = this.#root.openDB({ name: "records", encoding: "string", keyEncoding: "uint32" });
    this.#heads = this.#root.openDB({ name: "heads", encoding: "ordered-binary" });
    this.#transaction = Number((this.#root.getStats() as { readonly lastTxnId: number }).lastTxnId);
    syncFolder(directory); // the files' names last as long as what is in them
    syncFolder(dirname(resolve(directory)));
  }

  async append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    this.#assertRunning();
    const accepted = draft(subject, events);
    if (this.#pendingBytes + accepted.sizeBytes > MAX_PENDING_BYTES) {
      throw new FleetError("overloaded", "too many decisions wait for the disk; try again in a moment");
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ ...accepted, expected, resolve, reject });
      this.#pendingBytes += accepted.sizeBytes;
      this.#writing ??= this.#writeAll();
    });
  }

  async *read(from: Position): AsyncIterable<LogRecord> {
    const end = this.#running(() => this.#end());
    for (const record of this.#between(from, end)) {
      if (record.position % READ_AT_ONCE === 0) await setImmediate();
      yield record;
    }
  }

  /** What was missed is read at once: a follower begins where its own reading ended. */
  follow(from: Position, follower: Follower): () => void {
    const end = this.#running(() => this.#end());
    return this.#followers.add(follower, from, this.#between(from, end));
  }

  /** There is no other writer. */
  async caughtUp(): Promise<void> {
    this.#assertRunning();
  }

  close(): Promise<void> {
    this.#stopped ??= new FleetError("storage-failed", "the event log is closed");
    return (this.#closed ??= (async () => {
      await this.#writing;
      await this.#root.close();
    })());
  }

  /** One transaction, and so one sync, for all that came while the one before was being written. */
  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        // A child transaction, because of an ordinary one lmdb commits what was done before it threw.
        const records = await this.#root.childTransaction(() => this.#decide(batch));
        for (const record of records) if (record) this.#followers.take(record);
        batch.forEach((append, i) => answer(append, records[i]?.position));
      } catch (cause) {
        this.#fail(cause, [...batch, ...this.#pending]);
      }
      this.#pendingBytes -= batch.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    }
    this.#writing = undefined;
  }

  /** Inside a write transaction: puts every record whose subject still ends where its decision was made. */
  #decide(batch: readonly Pending[]): (LogRecord | undefined)[] {
    const transaction = this.#root.getWriteTxnId();
    if (transaction <= this.#transaction) throw new FleetError("storage-failed", LOST_PLACE);
    let end = this.#end();
    let previous = chainHash(this.#records.get(end));
    return batch.map((append) => {
      if ((this.#heads.get(append.subject) ?? 0) !== append.expected) return undefined;
      end += 1;
      const stored = sealRecord(end, append, previous);
      this.#records.putSync(end, stored);
      this.#heads.putSync(append.subject, end);
      this.#transaction = transaction;
      previous = chainHash(stored);
      return { position: end, ...recordOf(append), hash: previous };
    });
  }

  *#between(from: Position, end: Position): Iterable<LogRecord> {
    let before = this.#running(() => this.#records.get(from));
    for (let position = from + 1; position <= end; position++) {
      const stored = this.#running(() => this.#records.get(position));
      yield openRecord(position, stored, chainHash(before));
      before = stored;
    }
  }

  #end(): Position {
    const [newest = 0] = this.#records.getKeys({ reverse: true, limit: 1 });
    return newest;
  }

  /** After a failed write or sync nobody knows what the disk holds, so only a restart may look again. */
  #fail(cause: unknown, unanswered: readonly Pending[]): void {
    // lmdb keeps the errno in a second promise, prints it, and leaves that promise to us.
    (cause as { commitError?: Promise<never> }).commitError?.catch(() => undefined);
    const text = "the event log could not be written; check the disk, then restart the server";
    const error = cause instanceof FleetError ? cause : new FleetError("storage-failed", text, { cause });
    this.#stopped = error;
    this.#pending = [];
    for (const { reject } of unanswered) reject(error);
    this.#followers.failed(error);
  }

  #assertRunning(): void {
    if (this.#stopped) throw this.#stopped;
  }

  #running<T>(read: () => T): T {
    this.#assertRunning();
    try {
      return read();
    } catch (cause) {
      throw new FleetError("storage-failed", "the event log could not be read; check the disk", { cause });
    }
  }
}

function answer(append: Pending, position: Position | undefined): void {
  if (position !== undefined) append.resolve(position);
  else append.reject(conflict(append.subject));
}

/** As it is read back: whatever JSON leaves out of the events is not in what followers get either. */
function recordOf({ subject, eventsJson }: Draft): Pick<LogRecord, "subject" | "events"> {
  return { subject, events: JSON.parse(eventsJson) as readonly FleetEvent[] };
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
