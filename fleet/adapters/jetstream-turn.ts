/**
 * One run of `daymark recover` at a time changes a stream: each change is made only while the stream is what the run has
 * judged. JetStream appends and makes on a condition, but marks and deletes on none. So whoever replaces a stream writes
 * a message behind the end that it judged, which of several only one can; marks the stream, which the others see; and
 * looks once more before it deletes.
 */
import { randomBytes } from "node:crypto";
import { headers, type NatsConnection, type StreamConfig, type StreamInfo } from "nats";
import type { Clock } from "../../protocol/clock.js";
import { FleetError } from "../errors.js";
import type { Position } from "../ports.js";
import {
  endInstead,
  isStreamMissing,
  isStreamThere,
  REQUEST_MS,
  untilAnswered,
} from "./jetstream-answers.js";
import { isFilling, type Mark, markIn, markText } from "./jetstream-mark.js";
import { assertSettings, findStream, streamSettings, type StreamWanted } from "./jetstream-stream.js";

export interface StreamTurnOptions extends StreamWanted {
  readonly nats: NatsConnection;
  readonly clock: Clock;
}

/** A stream, told from others of its name by when it was made; undefined: there is none. */
type Seen = Pick<StreamInfo, "created" | "config"> | undefined;

/** Last part of the subject of what is written behind the judged end: no record, so nobody goes on from there. */
const CLAIM = "recover";
const RUN_BYTES = 8;
const LAST = "Nats-Expected-Last-Sequence";

/** @param set - of a message that is taken only right behind the stream's message `end`. */
export function expectLast(set: ReturnType<typeof headers>, end: Position): void {
  set.set(LAST, `${end}`);
}

export function mendedMeanwhile(stream: string, cause?: unknown): FleetError {
  return new FleetError(
    "conflict",
    `somebody mends ${stream} meanwhile, or writes into it: stop every worker, let no other daymark recover run, ` +
      "and run this again",
    { cause },
  );
}

export class StreamTurn {
  readonly run = randomBytes(RUN_BYTES).toString("hex");
  readonly #options: StreamTurnOptions;
  /** What was judged, or made of it since. */
  #seen: Promise<Seen> | undefined;
  /** Workers in whose folders lies what was replaced. */
  readonly #asides = new Set<string>();

  constructor(options: StreamTurnOptions) {
    this.#options = options;
  }

  /** What is there at the first look: all that is judged is of this stream. */
  async mark(): Promise<Mark | undefined> {
    const mark = markIn(descriptionOf(await this.#judged()));
    for (const id of mark?.asides ?? []) this.#asides.add(id);
    return mark;
  }

  /**
   * Marks the stream, or makes it if it was gone; no worker takes it until `finish`.
   * @param until - where it ends once it is mended. @param end - where it ends now.
   * @param aside - worker in whose folder is what it held before.
   * @throws FleetError "conflict" when it is not what was judged; otherwise as `assertSettings`.
   */
  async begin(until: Position, end: Position, aside?: string): Promise<void> {
    const { nats, clock, stream } = this.#options;
    await this.mark();
    if (aside !== undefined) this.#asides.add(aside);
    const seen = await this.#judged();
    if (seen) {
      assertSettings(nats, seen.config, this.#options);
      return this.#write(until, end);
    }
    const config = { ...this.#settings(), description: this.#text(until) };
    await untilAnswered(clock, async () => {
      const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
      try {
        this.#seen = Promise.resolve(await manager.streams.add(config));
      } catch (error) {
        throw isStreamThere(error) ? mendedMeanwhile(stream, error) : error;
      }
    });
  }

  /** Of all that judged the stream at this end, one may go on to `remove`. @throws FleetError "conflict" for the others. */
  async claim(end: Position): Promise<void> {
    const { nats, clock, stream } = this.#options;
    await this.mark();
    await this.#tryMaking();
    await untilAnswered(clock, () => this.#look(end));
    const set = headers();
    set.set("Nats-Msg-Id", `recover-${this.run}`);
    set.set("Nats-Expected-Stream", stream);
    expectLast(set, end);
    await untilAnswered(clock, async () => {
      try {
        await nats.jetstream().publish(`${stream}.${CLAIM}`, "", { headers: set, timeout: REQUEST_MS });
      } catch (error) {
        throw endInstead(error) === undefined ? await this.explain(error) : mendedMeanwhile(stream, error);
      }
    });
  }

  /** Gone for good, if nobody came after our claim. @param worker - in whose folder is what it holds. */
  async remove(worker: string, until: Position, end: Position): Promise<void> {
    const { nats, clock } = this.#options;
    this.#asides.add(worker);
    // Who claimed it before us has marked it before its last look: here we see that mark, or it sees our claim there.
    await this.#write(until, end + 1);
    await untilAnswered(clock, async () => {
      const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
      if (!(await findStream(nats, this.#options.stream))) return; // the answer to an earlier attempt was lost
      await this.#look(end + 1);
      await manager.streams.delete(this.#options.stream);
    });
    this.#seen = Promise.resolve(undefined);
  }

  /** It is whole: workers take it again. @throws FleetError "conflict" when it is another, or goes on. */
  async finish(end: Position): Promise<void> {
    const { nats, clock, stream } = this.#options;
    const seen = await this.#judged();
    await untilAnswered(clock, async () => {
      const found = await findStream(nats, stream);
      if (!found || found.created !== seen?.created) throw mendedMeanwhile(stream);
      if (!isFilling(found)) return; // another run has found it whole
      if (found.state.last_seq !== end) throw mendedMeanwhile(stream);
      await this.#describe("");
    });
  }

  /** @returns why it failed: where the stream is gone, somebody has taken it away. */
  async explain(error: unknown): Promise<unknown> {
    const { nats, stream } = this.#options;
    return (await findStream(nats, stream)) ? error : mendedMeanwhile(stream, error);
  }

  /** Under another name: once the stream is deleted it is too late to hear that JetStream takes no such stream. */
  async #tryMaking(): Promise<void> {
    const { nats, clock } = this.#options;
    const name = `recover-${this.run}`;
    const config = { ...this.#settings(), name, subjects: [`${name}.>`] };
    const ask = { checkAPI: false, timeout: REQUEST_MS } as const;
    await untilAnswered(clock, async () => (await nats.jetstreamManager(ask)).streams.add(config));
    await untilAnswered(clock, async () => {
      const manager = await nats.jetstreamManager(ask);
      await manager.streams.delete(name).catch((error: unknown) => {
        if (!isStreamMissing(error)) throw error; // the answer to an earlier attempt was lost
      });
    });
  }

  #judged(): Promise<Seen> {
    const { nats, clock, stream } = this.#options;
    return (this.#seen ??= untilAnswered(clock, () => findStream(nats, stream)));
  }

  /** @throws FleetError "conflict" when the stream is not what it was, or does not end at `end`. */
  async #look(end: Position): Promise<void> {
    const { nats, stream } = this.#options;
    const [seen, found] = [await this.#judged(), await findStream(nats, stream)];
    const isSame = found?.created === seen?.created && descriptionOf(found) === descriptionOf(seen);
    if (!isSame || found?.state.last_seq !== end) throw mendedMeanwhile(stream);
  }

  async #write(until: Position, end: Position): Promise<void> {
    const { clock, stream } = this.#options;
    const [seen, description] = [await this.#judged(), this.#text(until)];
    if (!seen) throw mendedMeanwhile(stream);
    await untilAnswered(clock, () => this.#look(end));
    await untilAnswered(clock, () => this.#describe(description));
    this.#seen = Promise.resolve({ ...seen, config: { ...seen.config, description } });
  }

  async #describe(description: string): Promise<void> {
    const { nats, stream } = this.#options;
    const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
    try {
      await manager.streams.update(stream, { description });
    } catch (error) {
      throw isStreamMissing(error) ? mendedMeanwhile(stream, error) : error;
    }
  }

  /** Of a stream that is made. @throws FleetError "bad-request" when it could lose what it acknowledged. */
  #settings(): StreamConfig {
    const { nats, stream, replicas } = this.#options;
    const config = streamSettings(stream, replicas);
    assertSettings(nats, config, this.#options);
    return config;
  }

  #text(until: Position): string {
    return markText({ run: this.run, until, asides: [...this.#asides] });
  }
}

function descriptionOf(seen: Seen): string {
  return seen?.config.description ?? "";
}
