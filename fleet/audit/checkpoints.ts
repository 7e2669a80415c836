/**
 * Signs a checkpoint every so often, into the log itself, where every later one covers it. Several workers may do
 * so at the same time: two checkpoints of one log do not contradict each other.
 */
import type { Clock, Timer } from "../../protocol/clock.js";
import type { Crypto } from "../../protocol/crypto.js";
import { FleetError } from "../errors.js";
import { type FactOf, toBase64Url } from "../events.js";
import type { EventLog, Follower, LogRecord, Position } from "../ports.js";
import { signCheckpoint } from "./checkpoint.js";
import { rootOf } from "./merkle.js";
import type { NoteSigner } from "./note.js";
import { Trail } from "./trail.js";

/** After so many records a checkpoint is signed … */
export const CHECKPOINT_RECORDS = 1_000;
/** … and after so long, when there is anything new. */
export const CHECKPOINT_MS = 3_600_000;
/** When one could not be recorded, it is tried again after this. */
const RETRY_MS = 60_000;

type CheckpointFact = FactOf<"checkpoint-signed">;

/** What a decision about the next checkpoint rests on. */
export interface Covering {
  /** Records in the log, and those that the newest checkpoint covers. */
  readonly size: number;
  readonly covered: number;
  /** Newest record that is more than a checkpoint: of checkpoints alone no new one is made. */
  readonly news: Position;
  /** When the first record came that no checkpoint covers, Unix milliseconds. */
  readonly sinceMs: number;
}

/** When the next checkpoint is due, Unix milliseconds; 0: now; undefined: when there is something new. */
export function checkpointDueMs({ size, covered, news, sinceMs }: Covering): number | undefined {
  if (news <= covered) return undefined;
  return size - covered >= CHECKPOINT_RECORDS ? 0 : sinceMs + CHECKPOINT_MS;
}

export interface CheckpointOptions {
  readonly signer: NoteSigner;
  readonly clock: Clock;
  /** Appends the fact that it is given, which is asked for anew after a conflict. */
  readonly record: (factFrom: () => CheckpointFact) => Promise<unknown>;
  /** Told what went wrong: FleetError "storage-failed" once, when the log is not the one that was signed. */
  readonly report: (error: unknown) => void;
}

export class CheckpointKeeper implements Follower {
  readonly #crypto: Crypto;
  readonly #trail: Trail;
  #covering: Covering = { size: 0, covered: 0, news: 0, sinceMs: 0 };
  #newest: string | undefined;
  /** Absent before `start`, and after the end. */
  #options: CheckpointOptions | undefined;
  #timer: Timer | undefined;
  #isSigning = false;
  /** The log is not the one that was signed. */
  #failure: unknown;
  #unfollow: () => void = () => undefined;

  /** Reads the whole log, then keeps up with it. @throws FleetError as `EventLog.read` and `Trail.take`. */
  static async of(log: EventLog, crypto: Crypto): Promise<CheckpointKeeper> {
    const keeper = new CheckpointKeeper(crypto);
    for await (const record of log.read(0)) keeper.#apply(record);
    keeper.#unfollow = log.follow(keeper.#covering.size, keeper);
    return keeper;
  }

  private constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.#trail = new Trail(crypto);
  }

  /** The newest checkpoint of the log, a signed note; undefined: none was signed yet. */
  get newest(): string | undefined {
    return this.#newest;
  }

  /** Signs from now on, until `close`. */
  start(options: CheckpointOptions): void {
    if (this.#failure !== undefined) return options.report(this.#failure);
    this.#options = options;
    this.#arm();
  }

  take(record: LogRecord): void {
    try {
      this.#apply(record);
    } catch (error) {
      const report = this.#options?.report;
      this.#failure = error;
      this.close(); // nothing is signed over a log that is not the one that was signed before
      report?.(error);
      return;
    }
    this.#arm();
  }

  failed(): void {
    this.close();
  }

  close(): void {
    this.#unfollow();
    this.#timer?.cancel();
    this.#options = undefined;
  }

  #apply(record: LogRecord): void {
    this.#trail.take(record);
    const { covered, news, sinceMs } = this.#covering;
    const last = record.events.at(-1);
    const signed = record.events.filter((event) => event.type === "checkpoint-signed");
    for (const { note, size } of signed) if (size >= covered) this.#newest = note;
    const now = {
      size: record.position,
      covered: Math.max(covered, ...signed.map(({ size }) => size)),
      news: signed.length < record.events.length ? record.position : news,
    };
    const wasWaiting = news > covered && now.covered === covered;
    this.#covering = { ...now, sinceMs: wasWaiting ? sinceMs : (last?.at ?? 0) * 1000 };
  }

  #arm(notBeforeMs = 0): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const dueMs = checkpointDueMs(this.#covering);
    if (!this.#options || this.#isSigning || dueMs === undefined) return;
    const { clock } = this.#options;
    const delayMs = Math.max(dueMs, notBeforeMs) - clock.nowMs();
    // Fleet time may be ahead of the clock: no longer than usual for that.
    this.#timer = clock.after(Math.min(delayMs, CHECKPOINT_MS), () => void this.#sign());
  }

  async #sign(): Promise<void> {
    const options = this.#options;
    if (!options) return;
    this.#isSigning = true;
    let notBeforeMs = 0;
    try {
      const before = this.#covering.covered;
      await options.record(() => this.#fact(options.signer, before));
    } catch (error) {
      notBeforeMs = options.clock.nowMs() + RETRY_MS;
      if (!(error instanceof FleetError)) options.report(error); // those the log's own followers are told of
    } finally {
      this.#isSigning = false;
    }
    this.#arm(notBeforeMs);
  }

  /** @throws FleetError "conflict" when another worker was first. */
  #fact(signer: NoteSigner, before: number): CheckpointFact {
    if (this.#covering.covered !== before)
      throw new FleetError("conflict", "a newer checkpoint is there already");
    const { tree } = this.#trail;
    const root = toBase64Url(rootOf(tree, this.#crypto));
    const note = signCheckpoint(tree, signer, this.#crypto);
    return { type: "checkpoint-signed", size: tree.size, root, note };
  }
}
