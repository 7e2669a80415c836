/** What tests of event logs write, and how they look at what was written. */
import type { FleetError } from "../../fleet/errors.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { EventLog, Follower, LogRecord } from "../../fleet/ports.js";

/** The log takes any JSON; what the events mean is not its business. */
export const event = (text: string): FleetEvent => ({ type: "test", text }) as unknown as FleetEvent;

/** What `event` was given. */
export const textOf = (record: LogRecord): string => (record.events[0] as unknown as { text: string }).text;

export async function everything(log: EventLog, from = 0): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of log.read(from)) records.push(record);
  return records;
}

/** "ok" or the error's code, so that many outcomes can be counted. */
export const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: { code: string }) => error.code,
  );

/** A follower that keeps what it was handed. */
export class Recorder implements Follower {
  readonly records: LogRecord[] = [];
  readonly failures: FleetError[] = [];
  /** The first failure, once it comes. */
  readonly failure: Promise<FleetError>;
  readonly #onTake: (record: LogRecord) => void;
  #waiting: { position: number; resolve: () => void }[] = [];
  #fail: (error: FleetError) => void = () => undefined;

  constructor(onTake: (record: LogRecord) => void = () => undefined) {
    this.#onTake = onTake;
    this.failure = new Promise((resolve) => (this.#fail = resolve));
  }

  get texts(): string[] {
    return this.records.map(textOf);
  }

  /** Resolves once it has taken the record there. */
  async taken(position: number): Promise<void> {
    if (this.records.some((record) => record.position >= position)) return;
    await new Promise<void>((resolve) => this.#waiting.push({ position, resolve }));
  }

  take(record: LogRecord): void {
    this.records.push(record);
    for (const { position, resolve } of this.#waiting) if (position <= record.position) resolve();
    this.#onTake(record);
  }

  failed(error: FleetError): void {
    this.failures.push(error);
    this.#fail(error);
  }
}
