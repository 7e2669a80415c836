/** Appends without a pause, each writer for a subject of its own, and remembers what was acknowledged. */
import type { FleetError } from "../../fleet/errors.js";
import { event } from "../contracts/event-log-reader.js";
import type { LogRecord } from "../../fleet/ports.js";
import type { LogWorker } from "./log-worker.js";

export class LogLoad {
  /** `<position> <subject>` of each. */
  readonly acknowledged: string[] = [];
  /** Why, of what was refused: `<code>: <words>`. */
  readonly refused: string[] = [];
  #hasEnded = false;
  #waiting: { count: number; resolve: () => void }[] = [];
  readonly #writers: Promise<void>[];

  /** @param name - unlike that of any load before on the same stream. */
  constructor(workers: readonly LogWorker[], name: string, writersEach = 4) {
    this.#writers = workers.flatMap((worker, w) =>
      Array.from({ length: writersEach }, (_, n) => this.#write(worker, `${name}/${w}/${n}`)),
    );
  }

  /** Resolves when so many more are acknowledged, or none can be any more. */
  async more(count: number): Promise<void> {
    const target = this.acknowledged.length + count;
    const reached = new Promise<void>((resolve) => this.#waiting.push({ count: target, resolve }));
    await Promise.race([reached, Promise.all(this.#writers)]);
  }

  /** Resolves when everything that was asked for is answered. */
  async stop(): Promise<void> {
    this.#hasEnded = true;
    await Promise.all(this.#writers);
  }

  /** What of the acknowledged is not in `records`, and what is in them twice. */
  missingOrTwice(records: readonly LogRecord[]): string[] {
    const stored = new Set(records.map(({ position, subject }) => `${position} ${subject}`));
    const texts = records.map((record) => JSON.stringify(record.events));
    return [
      ...this.acknowledged.filter((one) => !stored.has(one)),
      ...texts.filter((text, i) => texts.indexOf(text) !== i),
    ];
  }

  async #write({ log }: LogWorker, subject: string): Promise<void> {
    let newest = 0;
    for (let n = 0; ; n++) {
      if (this.#hasEnded) return;
      try {
        newest = await log.append(subject, [event(`${subject} ${n}`)], newest);
      } catch (error) {
        const { code, message } = error as FleetError;
        this.refused.push(`${code}: ${message}`);
        return;
      }
      this.acknowledged.push(`${newest} ${subject}`);
      for (const { count, resolve } of this.#waiting) if (this.acknowledged.length >= count) resolve();
    }
  }
}
