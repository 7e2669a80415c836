/** Answers packs of questions that gateways put to any service of the fleet. */
import type { Bus, BusMessage } from "../protocol/bus.js";
import { ProtocolError } from "../protocol/errors.js";
import { FleetError } from "./errors.js";
import { ANSWERS_START_BYTES, encodeAnswers, type Pack, readPack, WHOLE_PACK } from "./link-bus-wire.js";
import { failureNews, isForeseen, type PlacedSource } from "./link-feed.js";
import type { Positions } from "./link-positions.js";
import { askFleet } from "./link-questions.js";
import { encodeNews, type Question } from "./link-wire.js";

/** Questions of all gateways that one service has open; more are turned away. */
export const MAX_OPEN_QUESTIONS = 16_384;
/** How long a gateway may be ahead of this service. */
export const CATCH_UP_MS = 3_000;

export interface AnswersParts {
  readonly source: PlacedSource;
  readonly bus: Bus;
  /** How far this service is in the log. */
  readonly positions: Positions;
  /** Why it cannot answer now; undefined: it can. */
  readonly unable: () => string | undefined;
  readonly report: (problem: string) => void;
}

export class BusAnswers {
  readonly #parts: AnswersParts;
  readonly #packs = new Set<Promise<void>>();
  #open = 0;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  /** Takes what came on the subject for questions. */
  take({ payload, respond }: BusMessage): void {
    if (!respond) return;
    const answered = this.#answers(payload)
      .then(respond)
      .catch((error: unknown) => this.#parts.report(`a gateway was not answered: ${String(error)}`));
    this.#packs.add(answered);
    void answered.finally(() => this.#packs.delete(answered));
  }

  /** Resolves when all that it has taken is answered. */
  async idle(): Promise<void> {
    await Promise.all(this.#packs);
  }

  async #answers(payload: Uint8Array): Promise<Uint8Array> {
    const { positions, report } = this.#parts;
    let pack: Pack;
    try {
      pack = readPack(payload);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      report(`a gateway makes no sense: ${error.message}`);
      return this.#refusal(error.message);
    }
    const { since, questions } = pack;
    if (this.#open + questions.length > MAX_OPEN_QUESTIONS) return this.#refusal("too many questions wait");
    this.#open += questions.length;
    try {
      if (!(await positions.reach(since, CATCH_UP_MS)))
        return this.#refusal(
          `this service is behind: it is at ${positions.reached} of the log, not ${since}`,
        );
      const why = this.#parts.unable();
      if (why !== undefined) return this.#refusal(`this service can do nothing now: ${why}`);
      const answers = await Promise.all(questions.map((question) => this.#answer(question)));
      return this.#fitting(answers, questions);
    } finally {
      this.#open -= questions.length;
    }
  }

  async #answer(question: Question): Promise<Uint8Array> {
    const { id } = question;
    try {
      const documents = await askFleet(this.#parts.source.link, question);
      return encodeNews({ type: "answer", id, documents });
    } catch (error) {
      if (!isForeseen(error)) this.#parts.report(`a gateway's request failed: ${String(error)}`);
      return encodeNews(failureNews(id, error));
    }
  }

  /** As many as one message takes, and one at least: what is left out is asked again. */
  #fitting(answers: readonly Uint8Array[], questions: readonly Question[]): Uint8Array {
    const most = this.#parts.bus.maxPayload - ANSWERS_START_BYTES;
    let room = most;
    const taken: Uint8Array[] = [];
    answers.forEach((answer, i) => {
      const packet = answer.length > most ? tooLarge(questions[i]) : answer;
      if (packet.length > room) return;
      room -= packet.length;
      taken.push(packet);
    });
    // Read last: every answer above follows from it, or from less.
    return encodeAnswers(this.#parts.source.position(), taken);
  }

  #refusal(text: string): Uint8Array {
    const failure = encodeNews({ type: "failure", id: WHOLE_PACK, code: "failed", text });
    return encodeAnswers(this.#parts.source.position(), [failure]);
  }
}

function tooLarge(question: Question | undefined): Uint8Array {
  const error = new FleetError("overloaded", "the answer is larger than the bus carries: raise its limit");
  return encodeNews(failureNews(question?.id ?? WHOLE_PACK, error));
}
