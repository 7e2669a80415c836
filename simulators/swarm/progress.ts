/** What is told while a swarm runs: JSON lines for programs; for people one live line, or a line now and then. */
import type { Counts } from "./counts.js";
import { megabytes } from "./report.js";
import { machineMs } from "./time.js";

interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Where nobody looks at a terminal, a line this often is enough. */
const SECONDS_BETWEEN_LINES = 5;
const ERASE_LINE = "\r\u001b[K";

export class Progress {
  readonly #streams: Streams;
  readonly #json: boolean;
  readonly #beganAtMs = machineMs();
  #phase = "";
  #ticks = 0;

  constructor(streams: Streams, json: boolean) {
    this.#streams = streams;
    this.#json = json;
  }

  /** What begins now. */
  say(phase: string): void {
    this.#phase = phase;
    const { stderr } = this.#streams;
    if (!this.#json) stderr.write(`${this.#erase()}${this.#seconds()} s: ${phase}\n`);
  }

  /** To be called once a second. @param peakBytes - the most that one process of the fleet has taken. */
  tick(counts: Counts, peakBytes: number): void {
    this.#ticks += 1;
    const { stdout, stderr } = this.#streams;
    if (this.#json) {
      stdout.write(
        `${JSON.stringify({ type: "progress", seconds: this.#seconds(), phase: this.#phase, ...counts, peakBytes })}\n`,
      );
      return;
    }
    const { started, connected, leased, held, leasedAgain } = counts;
    const line = [
      `${this.#seconds()} s: started ${started}, connected ${connected}, leased ${leased}, held ${held}`,
      `since the last act leased again ${leasedAgain}; largest process ${megabytes(peakBytes)} MB`,
    ].join("; ");
    if (stderr.isTTY) stderr.write(`${ERASE_LINE}${line}`);
    else if (this.#ticks % SECONDS_BETWEEN_LINES === 0) stderr.write(`${line}\n`);
  }

  /** The live line makes way. */
  end(): void {
    this.#streams.stderr.write(this.#erase());
  }

  #erase(): string {
    return this.#streams.stderr.isTTY && !this.#json ? ERASE_LINE : "";
  }

  #seconds(): number {
    return Math.round((machineMs() - this.#beganAtMs) / 1_000);
  }
}
