/**
 * What a gateway asks over a bus: all questions that wait go in one message, to any service of the fleet. An answer
 * is handed down only when the gateway has heard of everything that it follows from (P10).
 */
import {
  encodePack,
  type LinkSubjects,
  PACK_START_BYTES,
  readAnswers,
  WHOLE_PACK,
} from "../../fleet/link-bus-wire.js";
import { type Asked, encodeQuestion } from "../../fleet/link-wire.js";
import type { Bus } from "../../protocol/bus.js";
import { ProtocolError } from "../../protocol/errors.js";
import type { Positions } from "../../fleet/link-positions.js";
import { QuestionQueue, type QueuedQuestion } from "../question-queue.js";
import { LinkError, linkErrorOf } from "./link-error.js";
import type { Line } from "./replica-link.js";

export interface AskerParts {
  readonly bus: Bus;
  readonly subjects: LinkSubjects;
  /** What this gateway has heard of. */
  readonly positions: Positions;
  /** What tells the news now; undefined until that has told a whole snapshot. */
  readonly news: () => Line | undefined;
}

/** Messages with questions that are not answered yet; while so many are, questions gather for the next. */
export const MAX_UNDER_WAY = 4;
/** A service that was killed leaves its questions open for so long. */
export const ANSWER_MS = 5_000;
/**
 * How long an answer waits for the news that it follows from: these may come from a service that was just lost. A
 * service that does not tell them in this time is left for another.
 */
export const NEWS_MS = 10_000;

type Answers = ReturnType<typeof readAnswers>;

interface Waiting extends QueuedQuestion {
  readonly id: number;
  readonly resolve: (documents: readonly Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
  /** A service has turned it away without looking at it. */
  isTurnedAway: boolean;
}

export class BusAsker {
  readonly #parts: AskerParts;
  readonly #queue = new QuestionQueue<Waiting>();
  /** Not answered yet, and not rejected. */
  readonly #open = new Set<Waiting>();
  #underWay = 0;
  #lastId = WHOLE_PACK;
  #isSendingSoon = false;

  constructor(parts: AskerParts) {
    this.#parts = parts;
  }

  /** @throws LinkError; ProtocolError "malformed" when the service cannot read what was asked. */
  ask(asked: Asked): Promise<readonly Uint8Array[]> {
    const id = ++this.#lastId;
    const packet = encodeQuestion({ ...asked, id });
    const device = asked.type === "handle" ? asked.number : undefined;
    return new Promise((resolve, reject) => {
      const waiting = { id, packet, device, resolve, reject, isTurnedAway: false };
      if (packet.length > this.#room) throw new LinkError("service-failed", "larger than the bus carries");
      if (!this.#queue.add(waiting)) throw new LinkError("link-busy", "too much waits for the service");
      this.#open.add(waiting);
      this.#sendSoon();
    });
  }

  /** Rejects all that waits. */
  fail(why: LinkError): void {
    this.#queue.clear();
    for (const waiting of this.#open) this.#reject(waiting, why);
  }

  get #room(): number {
    return this.#parts.bus.maxPayload - PACK_START_BYTES;
  }

  /** Once all that is asked now is in the queue. */
  #sendSoon(): void {
    if (this.#isSendingSoon) return;
    this.#isSendingSoon = true;
    queueMicrotask(() => {
      this.#isSendingSoon = false;
      while (this.#underWay < MAX_UNDER_WAY) {
        const pack = this.#queue.take(this.#room);
        if (pack.length === 0) break;
        void this.#send(pack);
      }
    });
  }

  async #send(pack: readonly Waiting[]): Promise<void> {
    this.#underWay += 1;
    const answers = await this.#request(pack).catch(linkErrorOf);
    this.#underWay -= 1;
    this.#sendSoon();
    if (answers instanceof LinkError) return this.#rejectAll(pack, answers);
    const refusal = refusalIn(answers);
    if (refusal === undefined) await this.#handDown(pack, answers);
    else this.#turnedAway(pack, refusal);
  }

  /** @throws BusError, ProtocolError, LinkError */
  async #request(pack: readonly Waiting[]): Promise<Answers> {
    const { bus, subjects, positions } = this.#parts;
    const packets = pack.map(({ packet }) => packet);
    const answers = readAnswers(
      await bus.request(subjects.ask, encodePack(positions.reached, packets), ANSWER_MS),
    );
    const [first] = answers.answers;
    if (refusalIn(answers) !== undefined || pack.some(({ id }) => id === first?.id)) return answers;
    throw new ProtocolError("malformed", "the service answered something else than it was asked");
  }

  /** Nothing of it was done, so another service may do it: each question is asked once more, and not again. */
  #turnedAway(pack: readonly Waiting[], why: string): void {
    const again = pack.filter((waiting) => !waiting.isTurnedAway && this.#open.has(waiting));
    this.#rejectAll(
      pack.filter(({ isTurnedAway }) => isTurnedAway),
      new LinkError("service-failed", why),
    );
    for (const waiting of again) waiting.isTurnedAway = true;
    this.#queue.putBack(again);
    this.#sendSoon();
  }

  /** What was not answered, since it did not fit, is asked again: at least one was. */
  async #handDown(pack: readonly Waiting[], { position, answers }: Answers): Promise<void> {
    const answered = new Map(answers.map((answer) => [answer.id, answer]));
    this.#queue.putBack(pack.filter((waiting) => !answered.has(waiting.id) && this.#open.has(waiting)));
    this.#sendSoon();
    const { positions } = this.#parts;
    positions.name(position); // a service that does not know so much is none to hear from
    const news = this.#parts.news();
    const isHeard = await positions.reach(position, NEWS_MS);
    const missing = new LinkError("link-down", "the news behind the answer do not come");
    if (!isHeard) news?.cut(missing);
    for (const waiting of pack) {
      const answer = answered.get(waiting.id);
      if (!answer) continue;
      if (!isHeard) this.#reject(waiting, missing);
      else if (answer.type === "answer") this.#settle(waiting, () => waiting.resolve(answer.documents));
      else if (answer.code === "failed") this.#reject(waiting, new LinkError("service-failed", answer.text));
      else this.#reject(waiting, new ProtocolError("malformed", answer.text));
    }
  }

  #rejectAll(pack: readonly Waiting[], why: LinkError): void {
    for (const waiting of pack) this.#reject(waiting, why);
  }

  #reject(waiting: Waiting, why: Error): void {
    this.#settle(waiting, () => waiting.reject(why));
  }

  /** Unless it was settled before: then its device may have another one under way. */
  #settle(waiting: Waiting, tell: () => void): void {
    if (!this.#open.delete(waiting)) return;
    tell();
    this.#queue.settled(waiting);
    this.#sendSoon();
  }
}

/** Why a service turned all of it away. */
function refusalIn({ answers: [first] }: Answers): string | undefined {
  return first?.type === "failure" && first.id === WHOLE_PACK ? first.text : undefined;
}
